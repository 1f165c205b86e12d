// The line that says how much was found, what was understood, and what went wrong.

import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/hooks.js";
import { isSearch } from "./asked.js";
import { html } from "./html.js";
import { InForce } from "./in-force.js";
import { Choice, Icon } from "./search-bar.js";
import { number, t } from "./strings.js";

const AGAIN = "M19 5v5h-5M5 19v-5h5M18.5 10a7 7 0 0 0-12-2.5M5.5 14a7 7 0 0 0 12 2.5";
const ORDERS = ["relevance", "newest", "oldest"];
const PAUSE = 700; // milliseconds; screen readers aren't told what changes with every key

/** How many there are, in which order, and what to do where there are none. */
export function Status({ asked, results, change, again, job, update, stop, showSkipped }) {
  const orders = isSearch(asked) ? ORDERS : ORDERS.slice(1);
  const order = isSearch(asked) || asked.order !== "relevance" ? asked.order : "newest";
  const words = wordsOf(asked, results);
  const isFailed = results.status === "failed";
  const hasLeast = results.isSearch && order === "relevance" && (results.hits.length > 0 || asked.least > 0);
  return html`<div class="status">
    <span class=${`status-words ${isFailed ? "wrong" : ""}`} aria-hidden="true">${(results.hits.length || results.status === "loading") && words}</span>
    <${Told} words=${results.status === "loading" ? null : words} />
    ${isFailed && results.hits.length > 0 && html`<button type="button" class="link" onClick=${again}>${t("again")}</button>`}
    ${results.applied.map(
      (one) => html`<span class="applied" key=${one.words}>${t("understood", one.words)}
        <button type="button" title=${t("asWords")} aria-label=${t("asWords")} onClick=${() => change({ literal: true })}>×</button></span>`,
    )}
    <${InForce} filters=${asked.filters} change=${change} />
    ${hasLeast && html`<label class="least" title=${t("least")}><span>${t("atLeast")}</span><input type="range" min="0" max="0.95" step="0.05" value=${asked.least}
      aria-label=${t("least")} onInput=${(event) => change({ least: Number(event.target.value) }, { now: false })} />
      <small>${number(asked.least, { style: "percent" })}</small></label>`}
    <${Indexed} job=${job} update=${update} stop=${stop} showSkipped=${showSkipped} />
    <${Choice} label=${t("order")} value=${order} values=${orders.map((one) => [one, t(one)])} choose=${(value) => change({ order: value })} />
  </div>`;
}

/** How far an index is brought up to date, and what was left out; or the button that begins it. */
function Indexed({ job, update, stop, showSkipped }) {
  const isRunning = job?.state === "running";
  const { done = 0, total = 0 } = job?.progress ?? {};
  const skipped = isRunning ? 0 : job?.leftOut ?? 0;
  const button = useRef(null);
  const hadFocus = button.current !== null && document.activeElement === button.current;
  useLayoutEffect(() => {
    if (hadFocus) button.current.focus(); // the other button is gone, and the focus with it
  }, [isRunning]);
  return html`${isRunning && html`<span class="job"><progress aria-label=${t("updating")} max=${total || undefined} value=${total ? done : undefined}></progress>
      ${t("updating")}${total ? ` ${t("ofAll", done, total)}` : ""}
      <button type="button" class="link" ref=${button} onClick=${stop}>${t("stop")}</button></span>`}
    ${skipped > 0 && html`<button type="button" class="link" onClick=${showSkipped}>${t("leftOut", skipped)}</button>`}
    ${!isRunning && html`<button type="button" class="round update" ref=${button} title=${t("update")} aria-label=${t("update")} onClick=${update}><${Icon} path=${AGAIN} /></button>`}`;
}

/** What screen readers are told when it has stayed the same for a while. */
function Told({ words }) {
  const [told, setTold] = useState("");
  useEffect(() => {
    if (words === null) return undefined;
    const waiting = setTimeout(() => setTold(words), PAUSE);
    return () => clearTimeout(waiting);
  }, [words]);
  return html`<span class="unseen" role="status">${told}</span>`;
}

function wordsOf(asked, { status, error, total, hits, doubtful, isSearch: wasSearch }) {
  if (status === "failed") return `${t("failed")} ${error}`;
  if (status === "loading" && !hits.length) return t("loading");
  if (!wasSearch) return total || Object.keys(asked.filters).length ? t("files", total ?? 0) : t("empty");
  if (!hits.length) return `${t("nothing")} ${t("nothingHint")}`;
  if (doubtful) return t("allDoubtful");
  return total === null ? t("someFound", hits.length) : t("found", total);
}
