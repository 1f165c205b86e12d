// One result, large: a picture to zoom into, a film or a recording to play, a page to read.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { render } from "./vendor/preact.js";
import PhotoSwipe from "./vendor/photoswipe.js";
import { media, thumbnail } from "./api.js";
import { html } from "./html.js";
import { Panel } from "./panel.js";
import { Player, isPlayed } from "./player.js";
import { Icon } from "./search-bar.js";
import { t } from "./strings.js";
import { nameOf } from "./tile.js";

const SHOWN = /\.(jpe?g|png|webp|gif|avif|bmp)$/i;
const LARGE = 2048;
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
export function Viewer({ results, place, asked, go, close, change }) {
  const dialog = useRef(null);
  const stage = useRef(null);
  const swipe = useRef(null);
  const [hasPanel, setPanel] = useState(innerWidth >= 900);
  const [drawn, setDrawn] = useState(null);
  const hit = results.hits[place];

  useEffect(() => {
    dialog.current.showModal();
    swipe.current = makeSwipe(stage.current, results, place, asked, go);
    return () => swipe.current.destroy();
  }, []);
  useEffect(() => setDrawn(null), [place]);
  useEffect(() => {
    dispatchEvent(new Event("resize")); // the stage is wider or narrower
  }, [hasPanel]);

  const turn = (by) => {
    const next = place + by;
    if (next >= 0 && next < results.hits.length) swipe.current.goTo(next);
  };
  const onKey = (event) => {
    if (/INPUT|TEXTAREA|SELECT|VIDEO|AUDIO/.test(event.target.tagName)) return;
    const acts = { ArrowLeft: () => turn(-1), ArrowRight: () => turn(1), i: () => setPanel(!hasPanel) };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  };
  const button = (label, path, act, more = {}) =>
    html`<button type="button" class="round" title=${label} aria-label=${label} onClick=${act} ...${more}><${Icon} path=${path} /></button>`;
  return html`<dialog class=${`viewer ${hasPanel ? "with-panel" : ""}`} ref=${dialog} aria-label=${hit ? nameOf(hit) : t("results")}
      onClose=${close} onKeyDown=${onKey}>
    <div class="viewer-top">
      <span class="viewer-name" dir="auto">${hit && nameOf(hit)}</span>
      ${button(t("before"), BACK, () => turn(-1), { disabled: place === 0 })}
      ${button(t("after"), ON, () => turn(1), { disabled: place >= results.hits.length - 1 })}
      ${button(t("about"), ABOUT, () => setPanel(!hasPanel), { "aria-pressed": hasPanel })}
      ${button(t("close"), SHUT, () => dialog.current.close())}
    </div>
    <div class="stage" ref=${stage}>
      ${drawn && html`<img class="drawn" src=${drawn} alt=${t("heat")} />`}
    </div>
    ${hasPanel && hit && html`<${Panel} key=${hit.item} hit=${hit} asked=${asked} change=${change} drawn=${drawn} draw=${setDrawn}
      leave=${() => dialog.current.close()} />`}
  </dialog>`;
}

/** The gallery of PhotoSwipe, without its own frame: the dialog has that. */
function makeSwipe(stage, results, place, asked, go) {
  const made = new PhotoSwipe({
    index: place,
    appendToEl: stage,
    mainClass: "in-dialog",
    dataSource: [],
    loop: false,
    bgOpacity: 0,
    showHideAnimationType: "none",
    wheelToZoom: true,
    pinchToClose: false,
    closeOnVerticalDrag: false,
    escKey: false,
    arrowKeys: false,
    trapFocus: false,
    returnFocus: false,
    clickToCloseNonZoomable: false,
    tapAction: false,
    close: false,
    counter: false,
    zoom: false,
    arrowPrev: false,
    arrowNext: false,
    preload: [1, 2],
    errorMsg: t("noPicture"),
    getViewportSizeFn: () => ({ x: stage.clientWidth, y: stage.clientHeight }),
  });
  made.addFilter("numItems", () => results.hits.length);
  made.addFilter("itemData", (_, index) => dataOf(results.hits[index]));
  made.on("contentLoad", (event) => {
    const { hit } = event.content.data;
    if (!hit) return;
    event.preventDefault();
    event.content.element = document.createElement("div");
    event.content.element.className = "stage-content";
    render(html`<${Player} hit=${hit} asked=${asked} />`, event.content.element);
  });
  made.on("contentRemove", ({ content }) => content.data.hit && render(null, content.element));
  made.on("change", () => go(made.currIndex));
  made.init();
  made.element.removeAttribute("role"); // it is a part of the dialog
  return made;
}

/** What PhotoSwipe is to show of a hit; without a source it is a player or a text. */
function dataOf(hit) {
  if (!hit) return { html: "" };
  if (isPlayed(hit) || hit.kind === "passage") return { type: "own", hit };
  const isWhole = hit.page === null && hit.start === null && SHOWN.test(hit.path);
  const large = thumbnail(hit, LARGE);
  const [width, height] = hit.width ? [hit.width, hit.height] : [LARGE, (LARGE * 3) / 4];
  return { src: isWhole ? media(hit) : large, msrc: thumbnail(hit, 320), width, height, alt: hit.text ?? nameOf(hit) };
}
