// What the results can be narrowed by, with how many each would leave.

import { useEffect, useState } from "./vendor/hooks.js";
import { facets as counted, literally } from "./api.js";
import { Name } from "./bidi.js";
import { html } from "./html.js";
import { call, inWords } from "./in-force.js";
import { dayInWords, number, t } from "./strings.js";

const SHOWN = 8;
const PAUSE = 150; // milliseconds after the results are there
const FACETS = [
  ["people", "people", true],
  ["keywords", "keywords", true],
  ["folders", "path", false],
  ["countries", "near", false],
  ["towns", "near", false],
  ["cameras", "camera", false],
  ["ratings", "rating", false],
  ["labels", "labels", true],
];

/** The facets of what is asked. */
export function Filters({ asked, change, known, isReady, close }) {
  const facets = useFacets(asked, known, isReady);
  const put = (name, value) => {
    const { [name]: _, ...others } = asked.filters;
    change({ filters: value === undefined || value.length === 0 ? others : { ...others, [name]: value } });
  };
  const head = html`<div class="filters-head"><h2>${t("filters")}</h2>
    <button type="button" class="round" aria-label=${t("close")} title=${t("close")} onClick=${close}>×</button></div>`;
  if (!facets) return html`<aside class="filters" aria-label=${t("filters")} aria-busy="true">${head}</aside>`;
  return html`<aside class="filters" aria-label=${t("filters")}>
    ${head}
    ${!Object.keys(asked.filters).length && Object.values(facets).every((one) => !one?.counts?.length) && html`<p class="filters-none">${t("noFacets")}</p>`}
    <${Days} facets=${facets} asked=${asked} change=${change} />
    ${FACETS.map(([facet, name, isList]) => {
      const chosen = [asked.filters[name] ?? []].flat();
      return html`<${Facet} key=${facet} title=${t(facet)} counts=${withChosen(facet, facets[facet].counts, chosen)}
        chosen=${chosen} words=${(one) => one.value} isPath=${facet === "folders"} valueOf=${(one) => one.own ?? valueOf(facet, one)}
        choose=${(value, isOn) => put(name, chosenThen(asked.filters[name], value, isOn, isList))} />`;
    })}
  </aside>`;
}

function chosenThen(before, value, isOn, isList) {
  if (!isList) return isOn ? value : undefined;
  return isOn ? [...(before ?? []), value] : (before ?? []).filter((one) => one !== value);
}

function valueOf(facet, { value, near }) {
  if (facet === "folders") return `${literally(value)}/*`;
  if (facet === "ratings") return `${value}..${value}`;
  if (facet === "towns" && near) return near.map((one) => Number(one).toFixed(4)).join(",");
  return value;
}

/** Remember how the values of facets are called that aren't words. */
function named(facets) {
  for (const [facet] of FACETS) for (const one of facets[facet].counts) call(valueOf(facet, one), one.value);
}

/** The counts of a facet, with what is chosen although it would leave nothing. */
function withChosen(facet, counts, chosen) {
  const known = new Set(counts.map((one) => valueOf(facet, one)));
  const isOwn = (value) => !known.has(value) && (facet === "towns" ? /^-?\d/.test(value) : facet !== "countries" || !/^-?\d/.test(value));
  return [...counts, ...chosen.filter(isOwn).map((value) => ({ value: inWords(value), own: value, count: 0 }))];
}

/** The facets of what is asked, which are `known` of a list. */
function useFacets(asked, known, isReady) {
  const [facets, setFacets] = useState(null);
  const { order: _, least: __, ...own } = asked;
  useEffect(() => {
    if (!isReady) return undefined;
    const show = (found) => (named(found), setFacets(found));
    if (known) return void show(known);
    const stop = new AbortController();
    const waiting = setTimeout(() => counted(asked, { signal: stop.signal }).then(show, () => {}), PAUSE);
    return () => (clearTimeout(waiting), stop.abort());
  }, [JSON.stringify(own), known, isReady]);
  return facets;
}

function Facet({ title, counts, chosen, words, isPath, valueOf: own, choose }) {
  const [isAll, setAll] = useState(false);
  if (!counts.length) return null;
  return html`<fieldset class="facet"><legend>${title}</legend>
    ${counts.filter((one, i) => isAll || i < SHOWN || chosen.includes(own(one))).map((one) => {
      const value = own(one);
      return html`<label key=${value}><input type="checkbox" checked=${chosen.includes(value)} onChange=${(event) => choose(value, event.target.checked)} />
        <span dir="auto" title=${words(one)}>${isPath ? html`<${Name} of=${words(one)} />` : words(one)}</span><small>${number(one.count)}</small></label>`;
    })}
    ${counts.length > SHOWN && html`<button type="button" class="link" onClick=${() => setAll(!isAll)}>${t(isAll ? "fewer" : "all")}</button>`}
  </fieldset>`;
}

/** Years as bars, or the months of a year, or the days of a month; a click narrows to one. */
function Days({ facets, asked, change }) {
  const { since } = asked.filters;
  const isOne = since && since === asked.filters.until;
  const depth = !isOne ? "years" : since.length === 4 ? "months" : "days";
  const within = isOne ? since.slice(0, depth === "days" ? 7 : 4) : "";
  const counts = facets[depth].counts.filter((one) => one.value.startsWith(within));
  const most = Math.max(1, ...counts.map((one) => one.count));
  const narrow = (value) => {
    const { since: _, until: __, ...others } = asked.filters;
    change({ filters: value ? { ...others, since: value, until: value } : others });
  };
  if (!counts.length) return null;
  return html`<fieldset class="facet"><legend>${t("days")}</legend>
    ${isOne && html`<button type="button" class="link" onClick=${() => narrow(since.length > 4 ? since.slice(0, since.length - 3) : null)}>← ${dayInWords(since)}</button>`}
    <div class="bars">${counts.map(
      (one) => html`<button key=${one.value} type="button" title=${`${dayInWords(one.value)}: ${number(one.count)}`}
        aria-label=${`${dayInWords(one.value)}: ${number(one.count)}`} aria-pressed=${since === one.value} onClick=${() => narrow(one.value)}>
        <span style=${{ height: `${Math.max(6, (100 * one.count) / most)}%` }}></span></button>`,
    )}</div>
    <div class="bars-ends"><small>${dayInWords(counts[0].value)}</small>${counts.length > 1 && html`<small>${dayInWords(counts.at(-1).value)}</small>`}</div>
  </fieldset>`;
}
