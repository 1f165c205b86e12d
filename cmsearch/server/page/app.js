// The page: what is asked stands in the address, what is found below it.

import { render } from "./vendor/preact.js";
import { useCallback, useEffect, useRef, useState } from "./vendor/hooks.js";
import { parameters, stores } from "./api.js";
import { addressOf, askedOf, isSearch, NOTHING } from "./asked.js";
import { Blank } from "./blank.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { useAway } from "./head.js";
import { html } from "./html.js";
import { inWords } from "./in-force.js";
import { passed, searches } from "./kept.js";
import { isWriting, useKeys } from "./keys.js";
import { renew } from "./pictures.js";
import { Loading, NO_RESULTS } from "./results.js";
import { SearchBar, TARGETS } from "./search-bar.js";
import { Status } from "./status.js";
import { nameOf } from "./tile.js";
import { makeStore, useStore } from "./store.js";
import { chosenLanguage, loadLanguage, t } from "./strings.js";

const LOOKED = 2000; // milliseconds after which a search counts among those before
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
  about: [],
  note: null,
  job: null,
  version: 0,
});
const loading = new Loading((results) => page.set({ results }));
let waiting = 0;
let begun = null; // what was asked last
let typed = -PAUSE;
let keeping = 0;
let turn = 0; // counts what was shown
let isSpare = Boolean(history.state?.isSpare); // the entry of a viewer that was closed is here

/** Ask for something else, soon; `now` after a choice, and not after a key. */
function change(some, { now = true, replace = false } = {}) {
  if (!Object.keys(some).length && begun === page.get().asked && page.get().results.status !== "failed") return;
  const asked = { ...page.get().asked, ...some };
  page.set({ asked, active: null });
  clearTimeout(keeping);
  const isReplaced = replace || !now || page.get().open !== null || isSpare; // what is asked takes the entry of a viewer
  isSpare = false;
  if (!isReplaced) keepTop();
  history[isReplaced ? "replaceState" : "pushState"](null, "", addressOf(asked));
  clearTimeout(waiting);
  const pause = performance.now() - typed < PAUSE ? PAUSE : 0;
  typed = now ? 0 : performance.now();
  waiting = setTimeout(begin, now ? 0 : pause);
}

/** Ask for what is to be shown, and show it from `top` on. */
function begin(top = 0) {
  const mine = ++turn;
  begun = page.get().asked;
  page.set({ selected: new Set(), behind: new Map() });
  loading.begin(page.get().asked).then(() => scrollOnce(top, mine));
}

/** Scroll there as soon as as much is known of what is found, unless something else is asked meanwhile. */
function scrollOnce(top, mine) {
  requestAnimationFrame(async () => {
    if (mine !== turn) return;
    scrollTo({ top, behavior: "instant" });
    const { asked, results } = page.get();
    if (scrollY >= top - 1 || !results.cursor) return;
    await loading.need(asked, 0, results.hits.length);
    if (page.get().results.hits.length > results.hits.length) scrollOnce(top, mine);
  });
}

const keepTop = () => history.replaceState({ ...history.state, top: scrollY }, "");
history.scrollRestoration = "manual";
addEventListener("scroll", () => {
  clearTimeout(keeping);
  keeping = setTimeout(keepTop, 250);
}, { passive: true });

/** What an address asks, of the first store unless it names one. */
function askedHere(search = location.search) {
  const asked = askedOf(search);
  const { stores: found } = page.get();
  return { ...asked, store: found.some((one) => one.name === asked.store) ? asked.store : found[0]?.name ?? "" };
}

addEventListener("popstate", ({ state }) => {
  clearTimeout(keeping);
  const asked = askedHere();
  const { open, asked: before } = page.get();
  const isSame = addressOf(asked) === addressOf(before);
  const wasSpare = isSpare;
  isSpare = Boolean(state?.isSpare);
  if (open !== null) shutViewer();
  if (isSame && wasSpare) history.back();
  if (isSame && (open !== null || wasSpare || isSpare || state?.isViewer)) return;
  page.set({ asked, active: null });
  begin(state?.top ?? 0);
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
  if (results.status === "loading") return; // what is there is of something else
  const next = new Set(selected);
  const item = results.hits[place]?.item;
  const from = isRange && selected.size ? select.last ?? place : place;
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
    renew();
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
    [t("saved"), () => page.set({ sheet: "saved" })],
    ...searches("saved").slice(0, 50).map(({ name, address }) => [`${t("saved")}: ${name}`, () => go(address)]),
    [t("map"), () => open(`v1/map?${parameters({ store: asked.store })}`, "_blank", "noopener")],
    [t("keyHelp"), () => page.set({ sheet: "help" })],
  ];
}

/** Ask what an address of the page asks, as one that was saved. */
const go = (address) => change(askedHere(new URL(address, location.origin).search));

/** Propose labels and captions for results. */
const annotate = (hits) => page.set({ sheet: "annotate", about: hits });

/** What is asked in words. */
const inShort = ({ query, parts, filters }) =>
  [query.trim(), ...parts.map((part) => part.text ?? t("picture")), ...Object.values(filters).flat().map(inWords)].filter(Boolean).join(" · ").slice(0, 200);

const shut = (sheet) => page.set((state) => (state.sheet === sheet ? { sheet: null } : {}));

/** Open the viewer; going back in the browser closes it. */
function openViewer(place) {
  clearTimeout(keeping);
  keepTop();
  history[isSpare ? "replaceState" : "pushState"]({ top: scrollY, isViewer: true }, "");
  isSpare = false;
  page.set({ open: place, active: place });
}

/** Close the viewer, and go on at what was seen last in it. */
function shutViewer() {
  if (page.get().open === null) return;
  page.set({ open: null });
  if (history.state?.isViewer) {
    isSpare = true;
    history.replaceState({ top: scrollY, isSpare }, "");
  }
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
  const [isAway, comeBack] = useAway();
  const results = shown(state);
  useTitle(state);
  usePassed(state);
  const need = useCallback((first, end, lead) => loading.need(page.get().asked, first, end, lead), []);
  useKeys({
    f: () => page.set({ hasFilters: !state.hasFilters }),
    s: () => page.set({ sheet: "saved" }),
    "?": () => page.set({ sheet: "help" }),
    "Ctrl+k": { act: () => page.set({ sheet: "palette" }), evenWriting: true },
    Escape: { act: (event) => (isWriting(event) ? event.target.blur() : page.set(state.selected.size ? { selected: new Set() } : { active: null })), evenWriting: true },
  });
  const Help = useLater(state.sheet === "help", () => import("./sheet.js"), "Help");
  const Palette = useLater(state.sheet === "palette", () => import("./sheet.js"), "Palette");
  const Skipped = useLater(state.sheet === "skipped", () => import("./indexing.js"), "Skipped");
  const Saved = useLater(state.sheet === "saved", () => import("./saved.js"), "Saved");
  const Annotate = useLater(state.sheet === "annotate", () => import("./annotate.js"), "Annotate");
  const Selection = useLater(state.selected.size > 0, () => import("./selection.js"), "Selection");
  const chosen = state.selected.size ? chosenOf(state) : [];
  const Viewer = useLater(state.open !== null, () => import("./viewer.js"), "Viewer");
  return html`
    <header class=${`top ${isAway ? "away" : ""}`} onfocusin=${comeBack}>
      <h1 class="unseen">cmsearch</h1>
      <${SearchBar} asked=${state.asked} stores=${state.stores} change=${change} withFiles=${withFiles} say=${say} showSaved=${() => page.set({ sheet: "saved" })}
        hasFilters=${state.hasFilters} toggleFilters=${() => page.set({ hasFilters: !state.hasFilters })} />
      <${Status} asked=${state.asked} results=${state.results} change=${change} again=${again} job=${state.job} update=${update} stop=${stopUpdate}
        showSkipped=${() => page.set({ sheet: "skipped" })} />
    </header>
    ${state.results.status === "loading" && html`<div class="busy"></div>`}
    <div class="middle">
      ${state.hasFilters && html`<${Filters} key=${state.version} asked=${state.asked} change=${change} known=${state.results.facets} isReady=${state.results.status !== "loading"} close=${() => page.set({ hasFilters: false })} />`}
      <main class=${state.results.isStale ? "stale" : ""} aria-busy=${state.results.status === "loading"}>
        <${Blank} asked=${state.asked} results=${results} change=${change} again=${again} />
        <${Grid} results=${results} need=${need} selected=${state.selected} active=${state.active}
          onOpen=${openViewer} onSelect=${select} onActive=${(active) => page.set({ active })} />
      </main>
    </div>
    ${Selection && chosen.length > 0 && html`<${Selection} chosen=${chosen} asked=${state.asked} change=${change} say=${say} annotate=${annotate}
      drop=${() => page.set({ selected: new Set() })} />`}
    <div class="note" aria-live="polite">${state.note}</div>
    ${Help && state.sheet === "help" && html`<${Help} close=${() => shut("help")} />`}
    ${Palette && state.sheet === "palette" && html`<${Palette} acts=${acts()} close=${() => shut("palette")} />`}
    ${Skipped && state.sheet === "skipped" && html`<${Skipped} job=${state.job} close=${() => shut("skipped")} />`}
    ${Saved && state.sheet === "saved" && html`<${Saved} here=${hereOf(state.asked)} go=${go} close=${() => shut("saved")} />`}
    ${isOver && html`<div class="drop" aria-hidden="true">${t("drop")}</div>`}
    ${Viewer && state.open !== null && html`<${Viewer} results=${state.results} place=${state.open} asked=${state.asked}
      go=${(place) => page.set({ open: place, active: place })} close=${shutViewer} change=${change}
      selected=${state.selected} choose=${choose} annotate=${annotate} />`}
    ${Annotate && state.sheet === "annotate" && html`<${Annotate} hits=${state.about} store=${state.asked.store} update=${update} close=${() => shut("annotate")} />`}`;
}

/** What is asked as a search that can be saved: nothing without a query or a filter, or of files that are nowhere else. */
function hereOf(asked) {
  const isKept = inShort(asked) && asked.parts.every((part) => !part.file);
  return isKept ? { name: inShort(asked), address: addressOf(asked) } : null;
}

/** Note what was searched for once it was looked at for a while. */
function usePassed({ asked, results }) {
  useEffect(() => {
    const here = hereOf(asked);
    if (!here || results.status !== "ready") return undefined;
    const waiting = setTimeout(() => passed(here.name, here.address), LOOKED);
    return () => clearTimeout(waiting);
  }, [asked, results.status]);
}

/** Ask once more, and stay where one is. */
const again = () => (page.get().stores.length ? begin(scrollY) : start());

/** The tab is named by what is asked, or by what is seen in the viewer. */
function useTitle({ asked, open, results }) {
  const hit = open === null ? null : results.hits[open];
  const words = hit ? nameOf(hit) : asked.query.trim() || asked.parts.map((part) => part.text ?? t("picture")).join(", ");
  useEffect(() => {
    document.title = words ? `${words.slice(0, 80)} – cmsearch` : "cmsearch";
  }, [words]);
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
const start = () => (page.set({ results: NO_RESULTS }), stores()).then((found) => {
  page.set({ stores: found });
  page.set({ asked: askedHere() });
  begin(history.state?.top ?? 0);
}, (error) => page.set({ results: { ...NO_RESULTS, status: "failed", error: error.message } }));
start();
