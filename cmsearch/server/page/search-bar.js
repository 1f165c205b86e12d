// Where it is typed, dropped and chosen what to search for.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { thumbnail } from "./api.js";
import { NOTHING } from "./asked.js";
import { Name } from "./bidi.js";
import { html } from "./html.js";
import { useKeys } from "./keys.js";
import { Speak } from "./speak.js";
import { t } from "./strings.js";
import { useSuggestions } from "./suggest.js";

const SIGNS = ["more", "less", "not"];
/** What a search can be for. */
export const TARGETS = ["any", "image", "text", "video", "audio", "sound"];
const PICTURE = "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M9 9.5a1 1 0 1 1-2 0 1 1 0 0 1 2 0";
const CLEAR = "M7 7l10 10M17 7L7 17";
const KEEP = "M7 4h10v16l-5-4-5 4z";
const FILTER = "M4 6h16M7 12h10M10 18h4";

/** A drawn sign of 24 pixels. */
export const Icon = ({ path }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`;

/** The field, the chips, and what is searched in and for. */
export function SearchBar({ asked, stores, change, withFiles, say, showSaved, hasFilters, toggleFilters }) {
  const field = useRef(null);
  const files = useRef(null);
  const suggestions = useSuggestions(asked, change);
  useKeys({ "/": () => field.current.select() });
  const store = stores.find((one) => one.name === asked.store);
  const targets = TARGETS.filter((one) => one === "any" || one === asked.target || !store || store.modalities.includes(one));
  const put = (place, some) =>
    change({ parts: asked.parts.flatMap((part, i) => (i !== place ? [part] : some ? [{ ...part, ...some }] : [])) });
  return html`<form class="bar" role="search" onSubmit=${(event) => (event.preventDefault(), change({}))}>
    <a class="name" href="?" aria-label="cmsearch" onClick=${(event) => (event.preventDefault(), change({ ...NOTHING, store: asked.store }))}><img src="page/icon.svg" alt="" width="28" height="28" /></a>
    <div class="field">
      ${asked.parts.map((part, i) => html`<${Chip} key=${keyOf(part, i)} part=${part} store=${asked.store} put=${(some) => put(i, some)} />`)}
      <input ref=${field} type="search" name="q" value=${asked.query} placeholder=${t("placeholder")} aria-label=${t("search")}
        dir="auto" autocomplete="off" autofocus=${matchMedia("(hover: hover)").matches} spellcheck=${false}
        ...${suggestions.attributes}
        onInput=${(event) => (suggestions.typed(), change({ query: event.target.value, literal: false }, { now: false }))}
        onKeyDown=${(event) => !suggestions.onKey(event) && event.key === "Backspace" && !event.target.value && asked.parts.length && put(asked.parts.length - 1, null)} />
      <span class="field-acts">
        ${(asked.query || asked.parts.length > 0) && html`<button type="button" class="round clear" title=${t("clear")} aria-label=${t("clear")}
          onClick=${() => (change({ query: "", parts: [], literal: false }), field.current.focus())}><${Icon} path=${CLEAR} /></button>`}
        <button type="button" class="round" title=${t("addPicture")} aria-label=${t("addPicture")} onClick=${() => files.current.click()}><${Icon} path=${PICTURE} /></button>
        ${navigator.mediaDevices && html`<${Speak} give=${withFiles} say=${say} />`}
      </span>
      <input ref=${files} type="file" accept="image/*,audio/*" multiple hidden onChange=${(event) => (withFiles(event.target.files), (event.target.value = ""))} />
      ${suggestions.list}
    </div>
    ${stores.length > 1 && html`<${Choice} label=${t("store")} value=${asked.store} values=${stores.map((one) => [one.name, one.name])} choose=${(value) => change({ store: value, filters: {} })} />`}
    <${Choice} label=${t("kind")} value=${asked.target} values=${targets.map((one) => [one, t(one)])} choose=${(target) => change({ target })} />
    <button type="button" class="round keep" title=${t("saved")} aria-label=${t("saved")} onClick=${showSaved}><${Icon} path=${KEEP} /></button>
    <button type="button" class="round filter" title=${t("filters")} aria-label=${t("filters")} aria-pressed=${hasFilters} onClick=${toggleFilters}><${Icon} path=${FILTER} /></button>
  </form>`;
}

/** One of several values. */
export const Choice = ({ label, value, values, choose }) =>
  html`<select class="choice" aria-label=${label} title=${label} value=${value} onChange=${(event) => choose(event.target.value)}>
    ${values.map(([own, words]) => html`<option key=${own} value=${own} selected=${own === value}>${words}</option>`)}
  </select>`;

const keyOf = (part, i) => (part.item ? `item-${part.item}` : part.file ? `file-${part.file.name}-${i}` : `text-${part.text}`);

/** A part of what is asked: a picture or a text, for it, against it, or without it. */
function Chip({ part, store, put }) {
  const address = useAddress(part, store);
  const name = part.text ?? part.file?.name ?? t("picture");
  const turn = () => put({ sign: SIGNS[(SIGNS.indexOf(part.sign) + 1) % SIGNS.length] });
  return html`<span class=${`chip ${part.sign}`}>
    <button type="button" class="chip-sign" title=${t(part.sign)} aria-label=${t("sign", name, t(part.sign))} onClick=${turn}>${t(`sign_${part.sign}`)}</button>
    ${address ? html`<img src=${address} alt=${name} />` : html`<span class="chip-text" dir="auto">${part.file ? html`<${Name} of=${name} />` : name}</span>`}
    ${part.sign !== "not" && html`<input type="range" min="0.25" max="3" step="0.25" value=${part.weight} title=${`× ${part.weight}`} aria-label=${t("weight", name)} onChange=${(event) => put({ weight: Number(event.target.value) })} />`}
    <button type="button" class="chip-away" aria-label=${t("remove", name)} onClick=${() => put(null)}>×</button>
  </span>`;
}

/** The address of the picture of a part, if it is one. */
function useAddress(part, store) {
  const [address, setAddress] = useState(null);
  useEffect(() => {
    if (part.item) setAddress(thumbnail({ item: part.item, store }, 160));
    if (!part.file?.type.startsWith("image/")) return undefined;
    const made = URL.createObjectURL(part.file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [part.item, part.file, store]);
  return address;
}
