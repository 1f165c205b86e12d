// The page: what is asked stands in the address, what is found below it.

import { render } from "./vendor/preact.js";
import { useCallback, useEffect, useRef, useState } from "./vendor/hooks.js";
import { stores } from "./api.js";
import { addressOf, askedOf, isSearch, NOTHING } from "./asked.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { html } from "./html.js";
import { isWriting, useKeys } from "./keys.js";
import { Loading, NO_RESULTS } from "./results.js";
import { SearchBar, TARGETS } from "./search-bar.js";
import { Status } from "./status.js";
import { makeStore, useStore } from "./store.js";
import { chosenLanguage, loadLanguage, t } from "./strings.js";

const PAUSE = 60; // milliseconds between keys that are one word of a fast typist
const page = makeStore({
  asked: askedOf(location.search),
  results: NO_RESULTS,
  stores: [],
  selected: new Set(),
  behind: new Map(),
  active: null,
  open: null,
  hasFilters: innerWidth >= 1100 && matchMedia("(hover: hover)").matches,
  sheet: null,
  note: null,
  job: null,
  version: 0,
});
const loading = new Loading((results) => page.set({ results }));
let waiting = 0;
let begun = null; // what was asked last
let typed = -PAUSE;

/** Ask for something else, soon; `now` after a choice, and not after a key. */
function change(some, { now = true, replace = false } = {}) {
  if (!Object.keys(some).length && begun === page.get().asked && page.get().results.status !== "failed") return;
  const asked = { ...page.get().asked, ...some };
  page.set({ asked, active: null });
  history[replace || !now ? "replaceState" : "pushState"](null, "", addressOf(asked));
  clearTimeout(waiting);
  const pause = performance.now() - typed < PAUSE ? PAUSE : 0;
  typed = now ? 0 : performance.now();
  waiting = setTimeout(begin, now ? 0 : pause);
}

function begin() {
  begun = page.get().asked;
  page.set({ selected: new Set(), behind: new Map() });
  loading.begin(page.get().asked).then(() => scrollTo({ top: 0, behavior: "instant" }));
}

addEventListener("popstate", () => {
  page.set({ asked: askedOf(location.search), active: null });
  begin();
});

/** Search with files that were dropped, pasted or photographed. */
function withFiles(files) {
  const usable = [...files].filter((file) => /^(image|audio)\//.test(file.type));
  const parts = usable.map((file) => ({ file, sign: "more", weight: 1 }));
  if (parts.length) change({ parts: [...page.get().asked.parts, ...parts], order: "relevance" });
}

function useFiles() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const has = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const over = (event) => has(event) && (event.preventDefault(), setOver(true));
    const leave = (event) => event.relatedTarget === null && setOver(false);
    const drop = (event) => {
      setOver(false);
      if (!has(event)) return;
      event.preventDefault();
      withFiles(event.dataTransfer.files);
    };
    const paste = (event) => event.clipboardData?.files.length && withFiles(event.clipboardData.files);
    const listeners = { dragover: over, dragleave: leave, drop, paste };
    for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener);
    };
  }, []);
  return isOver;
}

function select(place, isRange) {
  const { selected, results } = page.get();
  const next = new Set(selected);
  const item = results.hits[place]?.item;
  const from = isRange && select.last !== undefined ? select.last : place;
  const isOn = isRange || !next.has(item);
  for (let i = Math.min(from, place); i <= Math.max(from, place); i++) {
    const one = results.hits[i]?.item;
    if (one !== undefined) next[isOn ? "add" : "delete"](one);
  }
  select.last = place;
  page.set({ selected: next });
}

/** Choose one that stands behind a result, or not. */
function choose(hit) {
  const { selected, behind } = page.get();
  const next = new Set(selected);
  if (!next.delete(hit.item)) next.add(hit.item);
  page.set({ selected: next, behind: new Map(behind).set(hit.item, hit) });
}

/** The results that are chosen, and what is chosen behind them. */
function chosenOf({ results, selected, behind }) {
  const found = new Map([...results.hits.filter(Boolean), ...behind.values()].map((hit) => [hit.item, hit]));
  return [...selected].map((item) => found.get(item)).filter(Boolean);
}

/** Bring the index up to date, and show what is new. */
async function update() {
  if (page.get().job?.state === "running") return;
  try {
    const indexing = await import("./indexing.js");
    const job = await indexing.update(page.get().asked.store, (told) => page.set({ job: told }));
    say(indexing.wordsOf(job));
    if (!indexing.hasChanged(job)) return;
    page.set({ stores: await stores(), version: page.get().version + 1 });
    await loading.begin(page.get().asked);
  } catch (error) {
    page.set({ job: null });
    say(error.message);
  }
}

const stopUpdate = async () => (await import("./indexing.js")).stop(page.get().job).catch((error) => say(error.message));

/** What the palette offers. */
function acts() {
  const { asked, stores: found, hasFilters } = page.get();
  return [
    [t("clear"), () => change({ ...NOTHING, store: asked.store })],
    [t("filters"), () => page.set({ hasFilters: !hasFilters })],
    ...["newest", "oldest", ...(isSearch(asked) ? ["relevance"] : [])].map((order) => [`${t("order")}: ${t(order)}`, () => change({ order })]),
    ...TARGETS.map((target) => [`${t("kind")}: ${t(target)}`, () => change({ target })]),
    ...(found.length > 1 ? found.map(({ name }) => [`${t("store")}: ${name}`, () => change({ store: name, filters: {} })]) : []),
    [t("update"), update],
    [t("keyHelp"), () => page.set({ sheet: "help" })],
  ];
}

const shut = (sheet) => page.set((state) => (state.sheet === sheet ? { sheet: null } : {}));

/** Close the viewer, and go on at what was seen last in it. */
function shutViewer() {
  page.set({ open: null });
  requestAnimationFrame(() => document.querySelector(".tile.active .tile-open")?.focus({ preventScroll: true }));
}

let said = 0;
/** Tell something for a while. */
function say(note) {
  page.set({ note });
  clearTimeout(said);
  said = setTimeout(() => page.set({ note: null }), 6000);
}

function App() {
  const state = useStore(page, (all) => all);
  const isOver = useFiles();
  const need = useCallback((first, end) => loading.need(page.get().asked, first, end), []);
  useKeys({
    f: () => page.set({ hasFilters: !state.hasFilters }),
    "?": () => page.set({ sheet: "help" }),
    "Ctrl+k": { act: () => page.set({ sheet: "palette" }), evenWriting: true },
    Escape: { act: (event) => (isWriting(event) ? event.target.blur() : page.set(state.selected.size ? { selected: new Set() } : { active: null })), evenWriting: true },
  });
  const Help = useLater(state.sheet === "help", () => import("./sheet.js"), "Help");
  const Palette = useLater(state.sheet === "palette", () => import("./sheet.js"), "Palette");
  const Skipped = useLater(state.sheet === "skipped", () => import("./indexing.js"), "Skipped");
  const Selection = useLater(state.selected.size > 0, () => import("./selection.js"), "Selection");
  const chosen = state.selected.size ? chosenOf(state) : [];
  const Viewer = useLater(state.open !== null, () => import("./viewer.js"), "Viewer");
  return html`
    <header class="top">
      <${SearchBar} asked=${state.asked} stores=${state.stores} change=${change} withFiles=${withFiles} say=${say}
        hasFilters=${state.hasFilters} toggleFilters=${() => page.set({ hasFilters: !state.hasFilters })} />
      <${Status} asked=${state.asked} results=${state.results} change=${change} job=${state.job} update=${update} stop=${stopUpdate}
        showSkipped=${() => page.set({ sheet: "skipped" })} />
    </header>
    <div class="middle">
      ${state.hasFilters && html`<${Filters} key=${state.version} asked=${state.asked} change=${change} isReady=${state.results.status !== "loading"} />`}
      <main aria-busy=${state.results.status === "loading"}>
        <${Grid} results=${shown(state)} need=${need} selected=${state.selected} active=${state.active}
          onOpen=${(place) => page.set({ open: place, active: place })} onSelect=${select} onActive=${(active) => page.set({ active })} />
      </main>
    </div>
    ${Selection && chosen.length > 0 && html`<${Selection} chosen=${chosen} asked=${state.asked} change=${change} say=${say}
      drop=${() => page.set({ selected: new Set() })} />`}
    <div class="note" role="status">${state.note}</div>
    ${Help && state.sheet === "help" && html`<${Help} close=${() => shut("help")} />`}
    ${Palette && state.sheet === "palette" && html`<${Palette} acts=${acts()} close=${() => shut("palette")} />`}
    ${Skipped && state.sheet === "skipped" && html`<${Skipped} job=${state.job} close=${() => shut("skipped")} />`}
    ${isOver && html`<div class="drop" aria-hidden="true">${t("drop")}</div>`}
    ${Viewer && state.open !== null && html`<${Viewer} results=${state.results} place=${state.open} asked=${state.asked}
      go=${(place) => page.set({ open: place, active: place })} close=${shutViewer} change=${change}
      selected=${state.selected} choose=${choose} />`}`;
}

/** The results that are relevant enough: all, unless the slider says otherwise. */
function shown({ asked, results }) {
  if (!asked.least || !isSearch(asked) || asked.order !== "relevance") return results;
  const end = results.hits.findIndex((hit) => hit.relevance < asked.least);
  if (end < 0) return results;
  let left = end;
  const sections = results.sections.map((section) => {
    const count = Math.min(left, section.count);
    left -= count;
    return { ...section, count };
  });
  return { ...results, hits: results.hits.slice(0, end), sections: sections.filter((one) => one.count), cursor: null };
}

/** A component of a module that is loaded when it is first wanted. */
function useLater(isWanted, load, name) {
  const [found, setFound] = useState(null);
  const begun = useRef(false);
  useEffect(() => {
    if (!isWanted || begun.current) return;
    begun.current = true;
    load().then((module) => setFound(() => module[name]));
  }, [isWanted]);
  return found;
}

await loadLanguage(chosenLanguage());
render(html`<${App} />`, document.getElementById("app"));
stores().then((found) => {
  const { asked } = page.get();
  const store = found.some((one) => one.name === asked.store) ? asked.store : found[0]?.name ?? "";
  page.set({ stores: found, asked: { ...asked, store } });
  begin();
}, (error) => page.set({ results: { ...NO_RESULTS, status: "failed", error: error.message } }));
