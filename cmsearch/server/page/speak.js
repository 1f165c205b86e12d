// Speaking what to search for: while a button or the key is held.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { html } from "./html.js";
import { useKeys } from "./keys.js";
import { Icon } from "./search-bar.js";
import { t } from "./strings.js";

const SPEAK = "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3M6 11v1a6 6 0 0 0 12 0v-1M12 18v3";
const LEAST = 400; // milliseconds; less is a click and not a word

/** A button that records while it is held, as the key `v` does, and gives the recording. */
export function Speak({ give, say }) {
  const [isOn, setOn] = useState(false);
  const recorder = useRef(null);
  const begin = async () => {
    if (recorder.current) return;
    recorder.current = { wanted: true };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const made = new MediaRecorder(stream);
      const parts = [];
      const begun = performance.now();
      made.ondataavailable = ({ data }) => parts.push(data);
      made.onstop = () => {
        stream.getTracks().forEach((track) => track.stop());
        recorder.current = null;
        setOn(false);
        if (performance.now() - begun < LEAST) say(t("speak"));
        else give([new File(parts, t("recording"), { type: made.mimeType.split(";")[0] })]);
      };
      made.start();
      const isLet = !recorder.current?.wanted;
      recorder.current = made;
      setOn(true);
      if (isLet) made.stop();
    } catch {
      recorder.current = null;
      say(t("noMicrophone"));
    }
  };
  const end = () => {
    const own = recorder.current;
    if (own instanceof MediaRecorder) own.state === "recording" && own.stop();
    else if (own) own.wanted = false;
  };
  useKeys({ v: (event) => !event.repeat && begin() });
  useEffect(() => {
    const up = (event) => event.key === "v" && end();
    addEventListener("keyup", up);
    return () => removeEventListener("keyup", up);
  }, []);
  return html`<button type="button" class=${`round ${isOn ? "recording" : ""}`} title=${t("speak")} aria-label=${t("speak")} aria-pressed=${isOn}
    onPointerDown=${begin} onPointerUp=${end} onPointerLeave=${end}
    onKeyDown=${(event) => event.key === " " && !event.repeat && begin()} onKeyUp=${(event) => event.key === " " && end()}><${Icon} path=${SPEAK} /></button>`;
}
