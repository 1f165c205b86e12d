// Bringing an index up to date from the page: how far it is, and what was left out.

import { ask } from "./api.js";
import { Name } from "./bidi.js";
import { html } from "./html.js";
import { useModal } from "./sheet.js";
import { number, t } from "./strings.js";

/**
 * Start a job for a store, or follow the one that runs already, until it ends.
 *
 * `tell` is called with the job whenever there is news of it.
 */
export async function update(store, tell) {
  let job;
  try {
    job = await ask("v1/index", { body: { store } });
  } catch (problem) {
    if (!problem.job) throw problem;
    job = await ask(problem.job.slice(1));
  }
  tell(job);
  await heard(job, tell);
  const address = job.address.slice(1);
  for (job = await ask(address); job.state === "running"; job = await ask(address)) {
    tell(job); // the stream was lost, or there were too many
    await new Promise((done) => setTimeout(done, 1000));
  }
  tell({ ...job, leftOut: filesOf(job) });
  return job;
}

/** How many files were left out; one may have several reasons. */
const filesOf = ({ skipped, counts }) =>
  skipped.length < (counts?.skipped ?? 0) ? counts.skipped : new Set(skipped.map(({ path }) => path)).size;

/** Stop a job; what it has indexed is kept. */
export const stop = (job) => ask(job.address.slice(1), { method: "DELETE" });

/** What a job did, in words. */
export function wordsOf({ state, counts, reason }) {
  if (state !== "done") return reason;
  const done = ["added", "changed", "removed"].filter((name) => counts?.[name]);
  return done.length ? done.map((name) => t(`files_${name}`, counts[name])).join(", ") : t("upToDate");
}

/** Whether the results may be others now. */
export const hasChanged = ({ state, counts }) =>
  state !== "done" || ["added", "changed", "reencoded", "moved", "removed"].some((name) => counts?.[name]);

const heard = (job, tell) =>
  new Promise((done) => {
    const events = new EventSource(`${job.address.slice(1)}/events`);
    const end = () => (events.close(), done());
    events.addEventListener("progress", (event) => tell({ ...job, progress: JSON.parse(event.data) }));
    for (const name of ["done", "failed", "stopped"]) events.addEventListener(name, end);
    events.onerror = end;
  });

/** The sheet of the files that a job left out, with the reasons. */
export function Skipped({ job, close }) {
  const dialog = useModal();
  const more = (job.counts?.skipped ?? 0) - job.skipped.length;
  return html`<dialog class="sheet" ref=${dialog} onClose=${close} aria-label=${t("leftOut", job.leftOut)}>
    <h2>${t("leftOut", job.leftOut)}</h2>
    <dl class="skipped" tabindex="0">${job.skipped.map(({ path, reason, locator }, i) => html`<div key=${i}><dt><${Name} of=${path} />${locator && ` (${locator})`}</dt><dd dir="auto">${reason}</dd></div>`)}
      ${more > 0 && html`<p>${t("andMore", number(more))}</p>`}</dl>
    <button type="button" class="plain" onClick=${() => dialog.current.close()}>${t("close")}</button>
  </dialog>`;
}
