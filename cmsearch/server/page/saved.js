// The sheet of saved searches, and of those before: each is an address, kept by the browser under a name.

import { useRef, useState } from "./vendor/hooks.js";
import { html } from "./html.js";
import { searches, write } from "./kept.js";
import { useModal } from "./sheet.js";
import { t } from "./strings.js";

const LONGEST = 200;

/** The saved searches; `here` is the one that is shown now, `{ name, address }`, or null. */
export function Saved({ here, go, close }) {
  const dialog = useModal();
  const [saved, setSaved] = useState(() => searches("saved"));
  const [before, setBefore] = useState(() => searches("before"));
  const [name, setName] = useState(here?.name ?? "");
  const [isFull, setFull] = useState(false);
  const keep = (next) => {
    setFull(!write("saved", next));
    setSaved(next);
  };
  const add = (event) => {
    event.preventDefault();
    keep([{ name: name.trim().slice(0, LONGEST) || here.name, address: here.address }, ...saved.filter((one) => one.address !== here.address)]);
  };
  const forget = () => (write("before", []), setBefore([]));
  const leave = (address) => (dialog.current.close(), go(address));
  return html`<dialog class="sheet saved" ref=${dialog} onClose=${close} aria-label=${t("saved")}>
    <h2>${t("saved")}</h2>
    ${here && html`<form class="saved-new" onSubmit=${add}><input type="text" dir="auto" maxlength=${LONGEST} value=${name} aria-label=${t("nameOfSearch")} placeholder=${t("nameOfSearch")} onInput=${(event) => setName(event.target.value)} />
      <button class="plain main">${t("save")}</button></form>`}
    ${isFull && html`<p role="alert">${t("cantKeep")}</p>`}
    ${saved.length === 0 && html`<p class="hint">${t("noneSaved")}</p>`}
    <ul class="searches">${saved.map((one) => html`<${One} key=${one.address} one=${one} leave=${leave}
      rename=${(next) => keep(saved.map((other) => (other === one ? { ...one, name: next } : other)))} remove=${() => keep(saved.filter((other) => other !== one))} />`)}</ul>
    ${before.length > 0 && html`<h3>${t("before_")} <button type="button" class="link" onClick=${forget}>${t("forget")}</button></h3>
      <ul class="searches">${before.map((one) => html`<li key=${one.address}><${Link} one=${one} leave=${leave} /></li>`)}</ul>`}
    <button type="button" class="plain" onClick=${() => dialog.current.close()}>${t("close")}</button>
  </dialog>`;
}

const Link = ({ one, leave }) => html`<a href=${one.address} dir="auto" onClick=${(event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // into a tab of its own
  event.preventDefault();
  leave(one.address);
}}>${one.name}</a>`;

function One({ one, leave, rename, remove }) {
  const [typed, setTyped] = useState(null);
  const isOver = useRef(false); // a field that is taken away tells that it is left, too
  const begin = () => ((isOver.current = false), setTyped(one.name));
  const end = (event, isMeant = true) => {
    event.preventDefault();
    if (isOver.current) return;
    isOver.current = true;
    if (isMeant && typed.trim()) rename(typed.trim().slice(0, LONGEST));
    setTyped(null);
  };
  if (typed !== null)
    return html`<li><form onSubmit=${end}><input type="text" dir="auto" maxlength=${LONGEST} value=${typed} aria-label=${t("nameOfSearch")} ref=${(own) => own?.focus()} onInput=${(event) => setTyped(event.target.value)}
      onKeyDown=${(event) => event.key === "Escape" && (event.stopPropagation(), end(event, false))} onBlur=${end} /></form></li>`;
  return html`<li><${Link} one=${one} leave=${leave} />
    <button type="button" class="link" aria-label=${`${t("rename")}: ${one.name}`} onClick=${begin}>${t("rename")}</button>
    <button type="button" class="chip-away" title=${t("remove", one.name)} aria-label=${t("remove", one.name)} onClick=${remove}>×</button></li>`;
}
