// One result, large: a picture to zoom into, a film or a recording to play, a page to read.

import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/hooks.js";
import { Name } from "./bidi.js";
import { heat, Legend } from "./heat.js";
import { html } from "./html.js";
import { mark } from "./marks.js";
import { Pages, turned, useWords } from "./pages.js";
import { Panel } from "./panel.js";
import { Icon } from "./search-bar.js";
import { Stack } from "./stack.js";
import { t } from "./strings.js";
import { makeSwipe } from "./swipe.js";
import { nameOf } from "./tile.js";

const SHUT = "M6 6l12 12M18 6L6 18";
const BACK = "M15 5l-7 7 7 7";
const ON = "M9 5l7 7-7 7";
const ABOUT = "M12 11v6M12 7.5v.2M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18";

await Promise.all(["page/vendor/photoswipe.css", "page/viewer.css"].map((name) => new Promise((done, fail) => {
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: name, onload: done, onerror: fail });
  document.head.append(link);
})));

/** The viewer at a place of the results; `go` turns to another place, `close` ends it. */
export function Viewer({ results, place, asked, go, close, change, selected, choose, annotate }) {
  const dialog = useRef(null);
  const stage = useRef(null);
  const swipe = useRef(null);
  const [hasPanel, setPanel] = useState(innerWidth >= 900);
  const [drawn, setDrawn] = useState(null);
  const [lit, setLit] = useState(null);
  const [instead, setInstead] = useState(new Map()); // what is shown in place of a result
  const hitAt = useRef(null);
  hitAt.current = (at) => instead.get(at) ?? results.hits[at];
  const hit = hitAt.current(place);
  const own = results.hits[place];
  const { pages, words } = useWords(hit, asked);
  const show = (one) => setInstead(new Map(instead).set(place, one));
  const turnTo = (page) => show(page === own.page ? own : turned(own, page));

  useLayoutEffect(() => { // no key is to reach what is behind it
    dialog.current.showModal();
    swipe.current = makeSwipe(stage.current, { count: () => results.hits.length, hitAt: (at) => hitAt.current(at), place, asked, go });
    return () => swipe.current.destroy();
  }, []);
  useEffect(() => {
    setDrawn(null);
    setLit(null);
  }, [hit]);
  useEffect(() => instead.has(place) && swipe.current.refreshSlideContent(place), [instead]);
  useEffect(() => {
    if (hit && swipe.current.currSlide?.index === place) mark(swipe.current.currSlide, boxesOf(hit, lit, words));
  }, [hit, lit, words]);
  useEffect(() => {
    const slide = swipe.current.currSlide;
    if (slide?.index !== place) return undefined;
    heat(slide, drawn);
    return () => heat(slide, null);
  }, [hit, drawn]);
  useEffect(() => {
    dispatchEvent(new Event("resize")); // the stage is larger or smaller
  }, [hasPanel, own?.copies.length > 0]);

  const turn = (by) => {
    const next = place + by;
    if (next >= 0 && next < results.hits.length) swipe.current.goTo(next);
  };
  const onKey = (event) => {
    if (/INPUT|TEXTAREA|SELECT|VIDEO|AUDIO/.test(event.target.tagName)) return;
    const acts = { ArrowLeft: () => turn(-1), ArrowRight: () => turn(1), i: () => setPanel(!hasPanel),
      PageUp: () => pages > 1 && hit.page > 1 && turnTo(hit.page - 1), PageDown: () => pages > hit.page && turnTo(hit.page + 1) };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  };
  const button = (label, path, act, more = {}) =>
    html`<button type="button" class="round" title=${label} aria-label=${label} onClick=${act} ...${more}><${Icon} path=${path} /></button>`;
  return html`<dialog class=${`viewer ${hasPanel ? "with-panel" : ""}`} ref=${dialog} aria-label=${hit ? nameOf(hit) : t("results")}
      onClose=${close} onKeyDown=${onKey}>
    <div class="viewer-top">
      <span class="viewer-name">${hit && html`<${Name} of=${nameOf(hit)} />`}</span>
      ${pages > 1 && html`<${Pages} page=${hit.page} pages=${pages} turn=${turnTo} />`}
      ${button(t("before"), BACK, () => turn(-1), { "aria-disabled": place === 0 })}
      ${button(t("after"), ON, () => turn(1), { "aria-disabled": place >= results.hits.length - 1 })}
      ${button(t("about"), ABOUT, () => setPanel(!hasPanel), { "aria-pressed": hasPanel })}
      ${button(t("close"), SHUT, () => dialog.current.close())}
    </div>
    <div class="stage" ref=${stage}>
      ${drawn && html`<${Legend} found=${drawn} />`}
    </div>
    ${own?.copies.length > 0 && html`<${Stack} key=${own.item} hit=${own} shown=${hit} selected=${selected} choose=${choose} show=${show} />`}
    ${hasPanel && hit && html`<${Panel} key=${hit.item} hit=${hit} asked=${asked} change=${change} drawn=${drawn} draw=${setDrawn} lit=${lit} light=${setLit} annotate=${annotate}
      leave=${() => dialog.current.close()} />`}
  </dialog>`;
}

/** What is marked on the picture of a hit: the lines of text in it, and the words that are sought. */
const boxesOf = (hit, lit, words) => [
  ...hit.lines.map((line, i) => ({ ...line, kind: i === lit ? "lit" : "found" })).filter((line) => line.page === (hit.page ?? 0)),
  ...words.map(({ box }) => ({ box, kind: "sought" })),
];
