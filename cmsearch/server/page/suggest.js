// What may be typed on: people, keywords, cameras and folders become filters, places become words.

import { useEffect, useState } from "./vendor/hooks.js";
import { ask, literally, parameters } from "./api.js";
import { Name } from "./bidi.js";
import { html } from "./html.js";
import { number, t } from "./strings.js";

const PAUSE = 180; // milliseconds after a key; the results come first
const SHOWN = 7;
const NAMES = { person: "people", keyword: "keywords", camera: "cameras", folder: "folders", place: "place", file: "file" };

const PATHS = new Set(["folder", "file"]);

/** What is asked once what stands after `NOT` was made a part of its own, which is left out; null where there is none. */
function without(asked) {
  const [, query, text] = /^(.*?)\s*\b(?:NOT|OHNE)\s+(\S.*)$/s.exec(asked.query) ?? [];
  return text ? { query: query.trim(), parts: [...asked.parts, { text: text.trim(), sign: "not", weight: 1 }] } : null;
}

/** What is asked once a suggestion was taken in place of what was typed. */
function taken({ text, kind, start }, asked) {
  const query = asked.query.slice(0, start);
  const filters = asked.filters;
  const with_ = (name, value) => ({ query: query.trim(), filters: { ...filters, [name]: value } });
  const added = (name) => with_(name, [...new Set([...(filters[name] ?? []), text])]);
  if (kind === "person" || kind === "keyword") return added(NAMES[kind]);
  if (kind === "camera") return with_("camera", text);
  if (kind === "folder") return with_("path", `${literally(text)}/*`);
  if (kind === "file") return with_("path", literally(text));
  return { query: query + text };
}

/**
 * The suggestions for the field: their `list`, the `attributes` that the field has because of them,
 * `typed` to be called when something is typed, and `onKey`, which says whether a key was theirs.
 */
export function useSuggestions(asked, change) {
  const [found, setFound] = useState([]);
  const [at, setAt] = useState(-1);
  const [isOn, setOn] = useState(false);
  const { query, store } = asked;
  useEffect(() => {
    setAt(-1);
    setFound([]);
    if (!isOn || !query.trim()) return undefined;
    const stop = new AbortController();
    const where = parameters({ q: query, store, limit: 30 });
    const show = ({ suggestions }) => setFound(suggestions.filter(({ kind }) => kind in NAMES).slice(0, SHOWN));
    const waiting = setTimeout(() => ask(`v1/suggest?${where}`, { signal: stop.signal }).then(show, () => {}), PAUSE);
    return () => (clearTimeout(waiting), stop.abort());
  }, [query, store, isOn]);
  const isOpen = isOn && found.length > 0;
  const close = () => setOn(false);
  const take = (one) => (close(), change({ ...taken(one, asked), literal: false }));
  const onKey = (event) => {
    if (event.key === "Enter" && isOpen && at >= 0) take(found[at]);
    else if (event.key === "Enter" && without(asked)) (close(), change(without(asked)));
    else if (event.key === "Enter") return close();
    else if (event.key === "Escape" && isOpen) close();
    else if (event.key === "ArrowUp" && isOpen) setAt(Math.max(-1, at - 1));
    else if (event.key === "ArrowDown" && isOpen && at + 1 < found.length) setAt(at + 1);
    else return event.key === "ArrowDown" && close(); // and on to the results
    event.preventDefault();
    event.stopPropagation();
    return true;
  };
  const list = isOpen && html`<ul class="suggested" id="suggested" role="listbox" aria-label=${t("suggestions")}>
    ${found.map((one, i) => html`<li key=${`${one.kind} ${one.text}`} id=${`suggested-${i}`} role="option" aria-selected=${i === at}
      onMouseDown=${(event) => event.preventDefault()} onClick=${() => take(one)}>
      <span dir="auto">${PATHS.has(one.kind) ? html`<${Name} of=${one.text} />` : one.text}</span><small>${t(NAMES[one.kind])}${one.count > 1 ? ` · ${number(one.count)}` : ""}</small></li>`)}
  </ul>`;
  const attributes = isOpen
    ? { "aria-autocomplete": "list", "aria-controls": "suggested", "aria-activedescendant": at >= 0 ? `suggested-${at}` : undefined }
    : { "aria-autocomplete": "list" };
  return { list, attributes: { ...attributes, onBlur: close }, typed: () => setOn(true), onKey };
}
