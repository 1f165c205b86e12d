// What stands where results would: their outlines while they come, or why there are none and what to do.

import { isSearch } from "./asked.js";
import { html } from "./html.js";
import { t } from "./strings.js";

const OUTLINES = [1.5, 1, 0.75, 1.5, 1.3, 1.5, 0.7, 1.5, 1, 1.4, 1.5, 0.8, 1.3, 1.5];

/** What is seen of `results` without a hit; nothing where there are some. */
export function Blank({ asked, results, change, again }) {
  if (results.hits.length) return null;
  if (results.status === "loading")
    return html`<div class="outlines" aria-hidden="true">${OUTLINES.map((shape, i) => html`<span key=${i} style=${{ flexGrow: shape, flexBasis: `${9 * shape}rem` }}></span>`)}</div>`;
  const isFailed = results.status === "failed";
  const [words, hint] = isFailed ? [t("failed"), results.error] : reasonOf(asked);
  const isAsked = isFailed && results.code >= 400 && results.code < 500;
  const acts = isFailed && !isAsked ? [[t("again"), again]] : actsOf(asked, results, change);
  return html`<section class="blank">
    <h2>${words}</h2>
    ${hint && html`<p dir="auto">${hint}</p>`}
    ${acts.map(([name, act], i) => html`<button key=${name} type="button" class=${`plain ${i ? "" : "main"}`} onClick=${act}>${name}</button>`)}
  </section>`;
}

const isNarrow = (asked) => Object.keys(asked.filters).length > 0;

function reasonOf(asked) {
  if (isSearch(asked)) return [t("nothing"), t("nothingHint")];
  if (isNarrow(asked)) return [t("noneFits"), null];
  return asked.target === "any" ? [t("empty"), t("emptyHint")] : [t("noneOfKind", t(asked.target)), null];
}

function actsOf(asked, { applied }, change) {
  return [
    isSearch(asked) && asked.least > 0 && [t("lessRelevant"), () => change({ least: 0 })],
    isNarrow(asked) && [t("noFilters"), () => change({ filters: {} })],
    applied.length > 0 && [t("asWords"), () => change({ literal: true })],
    asked.target !== "any" && [t("anyKind"), () => change({ target: "any" })],
    isSearch(asked) && [t("showAll"), () => change({ query: "", parts: [] })],
  ].filter(Boolean);
}
