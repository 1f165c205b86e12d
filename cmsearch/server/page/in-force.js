// The filters that are in force, each of which can be taken back.

import { isolated } from "./bidi.js";
import { html } from "./html.js";
import { dayInWords, t } from "./strings.js";

const TITLES = { path: "folders", camera: "cameras", near: "place", rating: "ratings", keywords: "keywords", people: "people", labels: "labels" };
const called = new Map();

/** Remember how a value of a filter is called, as a town is by its name. */
export const call = (value, words) => called.set(value, words);

/** A value of a filter in words. */
export const inWords = (value) => called.get(value) ?? value.replace(/\/\*$/, "").replace(/\[([[*?])\]/g, "$1");

/** A chip for each filter. */
export function InForce({ filters, change }) {
  const without = (...names) => Object.fromEntries(Object.entries(filters).filter(([name]) => !names.includes(name)));
  const chips = Object.keys(TITLES).flatMap((name) => [filters[name] ?? []].flat().map((value) => {
    const left = Array.isArray(filters[name]) ? filters[name].filter((one) => one !== value) : [];
    const take = () => change({ filters: left.length ? { ...filters, [name]: left } : without(name) });
    return [`${t(TITLES[name])}: ${isolated(inWords(value))}`, take];
  }));
  const { since, until } = filters;
  if (since || until) {
    const words = since === until ? dayInWords(since) : `${since ? dayInWords(since) : "…"} – ${until ? dayInWords(until) : "…"}`;
    chips.unshift([`${t("days")}: ${words}`, () => change({ filters: without("since", "until") })]);
  }
  return chips.map(([words, take]) => html`<span class="applied" key=${words}><bdi>${words}</bdi>
    <button type="button" title=${t("remove", words)} aria-label=${t("remove", words)} onClick=${take}>×</button></span>`);
}
