// Labels and captions that are proposed for pictures; what is accepted is written beside them, and nothing else.

import { useEffect, useState } from "./vendor/hooks.js";
import { ask, facets, thumbnail } from "./api.js";
import { NOTHING } from "./asked.js";
import { Name } from "./bidi.js";
import { html } from "./html.js";
import { read, write } from "./kept.js";
import { useModal } from "./sheet.js";
import { number, t } from "./strings.js";
import { nameOf } from "./tile.js";

const MOST = 100; // pictures, and labels
const LEAST = 0.25; // of a label; somebody looks at each

/** The sheet that proposes what may be said about `hits`. */
export function Annotate({ hits, store, update, close }) {
  const dialog = useModal();
  const [words, setWords] = useWords(store);
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const [written, setWritten] = useState(new Map()); // what came of each text, by picture and text
  const about = hits.slice(0, MOST);
  const look = async (event) => {
    event.preventDefault();
    setBusy(true);
    write("labels", words);
    try {
      setFound(await proposed(about, store, words));
      setProblem(null);
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  const accept = async (hit, some) => {
    const { outcome } = await ask("v1/sidecars", { body: { store, item: hit.item, source: hit.source, ...some } });
    for (const text of some.labels ?? [some.caption]) setWritten((before) => new Map(before).set(`${hit.item} ${text}`, outcome));
  };
  const guarded = (act) => async () => {
    setBusy(true);
    await act().then(() => setProblem(null), (error) => setProblem(error.message));
    setBusy(false);
  };
  const acceptAll = async () => {
    for (const hit of about) {
      const labels = (found.get(hit.item)?.labels ?? []).map((one) => one.text).filter((text) => !written.has(`${hit.item} ${text}`));
      if (labels.length) await accept(hit, { labels });
    }
  };
  const hasLabels = found && [...found.values()].some((one) => one.labels.length);
  return html`<dialog class="sheet annotate" ref=${dialog} onClose=${close} aria-label=${t("annotate")}>
    <h2>${t("annotate")}</h2>
    <form onSubmit=${look}><label>${t("labelsToLookFor")}
      <textarea rows="2" maxlength="10000" dir="auto" value=${words} placeholder=${t("labelsExample")} onInput=${(event) => setWords(event.target.value)}></textarea></label>
      <button class="plain main" disabled=${isBusy}>${t("propose")}</button></form>
    ${problem && html`<p role="alert" class="problem">${problem}</p>`}
    ${found && html`<ul class="proposed">${about.map((hit) => html`<${Proposed} key=${hit.item} hit=${hit} found=${found.get(hit.item)} written=${written} isBusy=${isBusy}
      accept=${(some) => guarded(() => accept(hit, some))()} />`)}</ul>`}
    <p class="hint">${t("annotateHint")}</p>
    <div class="panel-acts">
      ${about.length > 1 && hasLabels && html`<button type="button" class="plain" disabled=${isBusy} onClick=${guarded(acceptAll)}>${t("acceptAll")}</button>`}
      ${written.size > 0 && html`<button type="button" class="plain" onClick=${() => (dialog.current.close(), update())}>${t("update")}</button>`}
      <button type="button" class="plain" onClick=${() => dialog.current.close()}>${t("close")}</button>
    </div>
  </dialog>`;
}

/** What is proposed for each picture, by its number; captions only where the collection has some. */
async function proposed(hits, store, words) {
  const body = { store, items: hits.map((hit) => hit.item) };
  const labels = [...new Set(words.split(/[,\n]/).map((one) => one.trim()).filter(Boolean))].slice(0, MOST);
  const [labelled, described] = await Promise.allSettled([
    labels.length ? ask("v1/annotations", { body: { ...body, labels, least: LEAST } }) : { proposals: [] },
    ask("v1/annotations", { body }),
  ]);
  if (labelled.status === "rejected") throw labelled.reason;
  if (described.status === "rejected" && !labels.length) throw described.reason;
  const found = new Map();
  for (const one of [...labelled.value.proposals, ...(described.value?.proposals ?? [])]) {
    const own = found.get(one.item) ?? { labels: [], captions: [] };
    found.set(one.item, { labels: [...own.labels, ...one.labels], captions: [...own.captions, ...one.captions] });
  }
  return found;
}

/** The labels to look for: those of last time, or the keywords of the collection. */
function useWords(store) {
  const [words, setWords] = useState(() => read("labels", ""));
  useEffect(() => {
    if (words) return undefined;
    const stop = new AbortController();
    facets({ ...NOTHING, store }, { signal: stop.signal, limit: 40 }).then(({ keywords }) => setWords((now) => now || keywords.counts.map((one) => one.value).join(", ")), () => {});
    return () => stop.abort();
  }, []);
  return [words, setWords];
}

function Proposed({ hit, found, written, isBusy, accept }) {
  const outcome = (text) => written.get(`${hit.item} ${text}`);
  const one = ({ text, confidence }, some, name) => html`<button key=${text} type="button" class=${name} dir="auto" disabled=${isBusy} aria-pressed=${outcome(text) !== undefined}
    title=${outcome(text) ? t(`outcome_${outcome(text)}`) : t("accept", text)} onClick=${() => outcome(text) ?? accept(some)}>${outcome(text) ? "✓ " : ""}${text}
    ${confidence !== null && html` <small>${number(confidence, { style: "percent" })}</small>`}</button>`;
  return html`<li><img src=${thumbnail(hit, 160)} alt="" /><div>
    <b><${Name} of=${nameOf(hit)} /></b>
    <div>${found?.labels.map((label) => one(label, { labels: [label.text] }, "tag"))}</div>
    ${found?.captions.map((caption) => one(caption, { caption: caption.text }, "line"))}
    ${!(found?.labels.length || found?.captions.length) && html`<small>${t("noProposal")}</small>`}
  </div></li>`;
}
