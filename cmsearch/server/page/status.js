// The line that says how much was found, what was understood, and what went wrong.

import { isSearch } from "./asked.js";
import { html } from "./html.js";
import { Choice } from "./search-bar.js";
import { t } from "./strings.js";

const ORDERS = ["relevance", "newest", "oldest"];

/** How many there are, in which order, and what to do where there are none. */
export function Status({ asked, results, change }) {
  const orders = isSearch(asked) ? ORDERS : ORDERS.slice(1);
  const order = isSearch(asked) || asked.order !== "relevance" ? asked.order : "newest";
  return html`<div class="status">
    <span role="status" aria-live="polite">${wordsOf(asked, results)}</span>
    ${results.applied.map(
      (one) => html`<span class="applied" key=${one.words}>${t("understood", one.words)}
        <button type="button" title=${t("asWords")} aria-label=${t("asWords")} onClick=${() => change({ literal: true })}>×</button></span>`,
    )}
    ${results.isSearch && html`<input class="least" type="range" min="0" max="0.95" step="0.05" value=${asked.least}
      aria-label=${t("least")} title=${t("least")} onInput=${(event) => change({ least: Number(event.target.value) }, { now: false })} />`}
    <${Choice} label=${t("order")} value=${order} values=${orders.map((one) => [one, t(one)])} choose=${(value) => change({ order: value })} />
  </div>`;
}

function wordsOf(asked, { status, error, total, hits, doubtful, isSearch: wasSearch }) {
  if (status === "failed") return `${t("failed")} ${error}`;
  if (status === "loading" && !hits.length) return t("loading");
  if (!wasSearch) return total || Object.keys(asked.filters).length ? t("files", total ?? 0) : t("empty");
  if (!hits.length) return `${t("nothing")} ${t("nothingHint")}`;
  if (doubtful) return t("allDoubtful");
  return total === null ? t("someFound", hits.length) : t("found", total);
}
