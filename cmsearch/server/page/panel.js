// What is known of a result, why it was found, and what to do with it.

import { useEffect, useState } from "./vendor/hooks.js";
import { ask, media, parameters, pathOf } from "./api.js";
import { isSearch } from "./asked.js";
import { Name } from "./bidi.js";
import { heatsOf } from "./heat.js";
import { html } from "./html.js";
import { dayInWords, number, t } from "./strings.js";
import { clock, nameOf } from "./tile.js";

/** What is known of a hit; `draw` lays heat over its picture, `light` marks a line of text in it. */
export function Panel({ hit, asked, change, drawn, draw, lit, light, leave, annotate }) {
  const why = useWhy(hit, asked);
  const to = (some) => (leave(), change(some));
  const alike = (sign) => to({ parts: [...asked.parts, { item: hit.item, sign, weight: 1 }], order: "relevance" });
  const filter = (name, value) => to({ filters: { ...asked.filters, [name]: [...new Set([...(asked.filters[name] ?? []), value])] } });
  return html`<aside class="panel" aria-label=${t("about")}>
    ${hit.text && hit.start === null && hit.kind !== "passage" && html`<p class="panel-text" dir="auto">${hit.text}</p>`}
    <dl>
      <${Row} name=${t("file")}><span class="panel-path"><${Name} of=${pathOf(hit)} /></span></${Row}>
      ${hit.taken && html`<${Row} name=${t("taken")}>${timeOf(hit)}</${Row}>`}
      ${hit.start !== null && html`<${Row} name=${t("at")}>${clock(hit.start)}${hit.end === null ? "" : ` – ${clock(hit.end)}`}</${Row}>`}
      ${hit.town && html`<${Row} name=${t("place")}>${hit.town}</${Row}>`}
      ${hit.width > 0 && html`<${Row} name=${t("size")}>${number(hit.width)} × ${number(hit.height)}</${Row}>`}
      ${hit.rating !== null && html`<${Row} name=${t("ratings")}>${"★".repeat(Math.max(0, hit.rating)) || hit.rating}</${Row}>`}
      ${["people", "keywords", "labels"].map((name) => hit[name].length > 0 && html`<${Row} key=${name} name=${t(name)}>
        ${hit[name].map((one) => html`<button key=${one} type="button" class="tag" dir="auto" onClick=${() => filter(name, one)}>${one}</button>`)}</${Row}>`)}
    </dl>
    ${hit.lines.length > 0 && html`<section><h3>${t("written")}</h3>${hit.lines.map((line, i) => html`<button key=${i} type="button" class="line" dir="auto" aria-pressed=${i === lit}
      title=${t("showLine")} onClick=${() => light(i === lit ? null : i)}>${line.text}</button>`)}</section>`}
    <div class="panel-acts">
      <button type="button" class="plain main" onClick=${() => alike("more")}>${t("moreLike")}</button>
      <button type="button" class="plain" onClick=${() => alike("less")}>${t("lessLike")}</button>
      ${hit.width > 0 && html`<button type="button" class="plain" onClick=${() => annotate([hit])}>${t("annotateThese")}</button>`}
      <a class="plain" href=${media(hit)} download=${nameOf(hit)}>${t("download")}</a>
    </div>
    ${isSearch(asked) && hit.relevance > 0 && html`<section><h3>${t("why")}</h3>
      <p>${t("relevant", number(hit.relevance, { style: "percent" }))}</p>
      <${Evidence} hit=${hit} />
      ${why?.caption && html`<p class="line" dir="auto">${why.caption}</p>`}
      ${why?.words.length > 0 && html`<p class="hint">${t("heatHint")}</p><div class="words" dir="auto">${heatsOf(why).map((found, i) => html`<button key=${i} type="button" class="tag" aria-pressed=${drawn?.word === found.word}
        title=${t("where", found.word)} onClick=${() => draw(drawn?.word === found.word ? null : found)}>${found.word}</button>`)}</div>`}
    </section>`}
  </aside>`;
}

const Row = ({ name, children }) => html`<div class="row"><dt>${name}</dt><dd>${children}</dd></div>`;

const timeOf = (hit) => [dayInWords(hit.taken.slice(0, 10)), hit.taken.slice(11, 16), hit.taken_zone].filter(Boolean).join(" ");

/** The evidence of each way as bars to the right, for it, and to the left, against it. */
function Evidence({ hit }) {
  const own = Object.entries(hit.stages).filter(([name]) => name !== "prior");
  const most = Math.max(1, ...own.map(([, value]) => Math.abs(value)));
  return html`<ul class="evidence">${own.map(([name, value]) => html`<li key=${name}><span>${t(`way_${name === "picture" ? hit.modality : name}`)}</span>
    <span class=${`amount ${value < 0 ? "against" : ""}`}><i style=${{ width: `${(50 * Math.abs(value)) / most}%` }}></i></span>
    <small>${number(value, { maximumFractionDigits: 1, signDisplay: "always" })}</small></li>`)}</ul>`;
}

/** What each word of the query looks at, where there is a picture. */
function useWhy(hit, asked) {
  const [why, setWhy] = useState(null);
  const query = asked.query.trim();
  useEffect(() => {
    if (!query || asked.parts.length || hit.start !== null || hit.page !== null) return undefined;
    const stop = new AbortController();
    ask(`v1/items/${hit.item}/explain?${parameters({ q: query, store: hit.store })}`, { signal: stop.signal }).then(setWhy, () => {});
    return () => stop.abort();
  }, [hit.item, query]);
  return why;
}
