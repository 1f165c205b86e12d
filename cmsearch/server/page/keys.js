// Keys that work anywhere on the page, unless something is being written.

import { useEffect, useRef } from "./vendor/hooks.js";

const WRITING = /^(INPUT|TEXTAREA|SELECT)$/;

/** Whether somebody writes in a field; ticking a box isn't writing. */
export const isWriting = ({ target }) =>
  WRITING.test(target.tagName) && !/^(checkbox|range|button)$/.test(target.type);

/** Call the act of a key, such as `f` or `Ctrl+k`; each gets the event. */
export function useKeys(acts) {
  const own = useRef(acts);
  own.current = acts;
  useEffect(() => {
    const press = (event) => {
      const act = own.current[(event.ctrlKey || event.metaKey ? "Ctrl+" : "") + event.key];
      if (!act || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
      if (isWriting(event) && !act.evenWriting) return;
      if ((act.act ?? act)(event) === false) return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}
