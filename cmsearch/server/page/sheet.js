// What the keys do, and a palette of everything that the page can.

import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/hooks.js";
import { html } from "./html.js";
import { t } from "./strings.js";

const KEYS = [
  ["/", "keySearch"], ["… NOT …", "keyNot"], ["↓ ↑ ← →", "keyMove"], ["Enter", "keyOpen"], ["Space", "keyChoose"], ["Shift+Space", "keyRange"],
  ["v", "keySpeak"], ["f", "filters"], ["s", "saved"], ["Esc", "keyBack"], ["i", "keyAbout"], ["PgUp PgDn", "keyPages"], ["Ctrl+K", "keyPalette"], ["?", "keyHelp"],
];

/** The sheet of keys. */
export function Help({ close }) {
  const dialog = useModal();
  return html`<dialog class="sheet" ref=${dialog} onClose=${close} aria-label=${t("keys")}>
    <h2 tabindex="-1" autofocus>${t("keys")}</h2>
    <dl>${KEYS.map(([keys, words]) => html`<div class="row" key=${keys}><dt><kbd>${t("kbd", keys)}</kbd></dt><dd>${t(words)}</dd></div>`)}</dl>
    <button type="button" class="plain" onClick=${() => dialog.current.close()}>${t("close")}</button>
  </dialog>`;
}

/** A palette: acts as `[words, act]`, narrowed by what is typed. */
export function Palette({ acts, close }) {
  const dialog = useModal();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const left = acts.filter(([name]) => words.every((one) => name.toLowerCase().includes(one)));
  useEffect(() => document.getElementById(`act-${at}`)?.scrollIntoView({ block: "nearest" }), [at]);
  const run = (act) => (dialog.current.close(), act());
  const keys = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((at + step + left.length) % Math.max(1, left.length));
    else if (event.key === "Enter" && left[at]) run(left[at][1]);
    else return;
    event.preventDefault();
  };
  return html`<dialog class="sheet palette" ref=${dialog} onClose=${close} aria-label=${t("keyPalette")}>
    <input type="text" value=${typed} placeholder=${t("paletteHint")} aria-label=${t("paletteHint")} role="combobox" aria-expanded="true"
      aria-controls="acts" aria-activedescendant=${left[at] ? `act-${at}` : undefined}
      onInput=${(event) => (setTyped(event.target.value), setAt(0))} onKeyDown=${keys} />
    <ul id="acts" role="listbox" aria-label=${t("keyPalette")}>${left.map(([name, act], i) => html`<li key=${name} id=${`act-${i}`} role="option"
      aria-selected=${i === at} onClick=${() => run(act)} onMouseMove=${() => setAt(i)}>${name}</li>`)}</ul>
    ${left.length === 0 && html`<p class="palette-none" role="status">${t("noAct")}</p>`}
  </dialog>`;
}

/** A reference to a `dialog` that opens as it is drawn. */
export function useModal() {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    dialog.current.showModal();
  }, []);
  return dialog;
}
