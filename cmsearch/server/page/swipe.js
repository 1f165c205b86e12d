// The gallery of PhotoSwipe, without its own frame: the viewer's dialog has that.

import { render } from "./vendor/preact.js";
import PhotoSwipe from "./vendor/photoswipe.js";
import { media, thumbnail } from "./api.js";
import { html } from "./html.js";
import { fit } from "./marks.js";
import { Player, isPlayed } from "./player.js";
import { t } from "./strings.js";
import { nameOf } from "./tile.js";

const SHOWN = /\.(jpe?g|png|webp|gif|avif|bmp)$/i;
const LARGE = 2048;
const SHEET = Math.SQRT1_2; // the width of paper over its height, until the page's own is known

/** A gallery in `stage`: `hitAt` gives what is at a place of `count()`, `go` is told where it is. */
export function makeSwipe(stage, { count, hitAt, place, asked, go }) {
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
  made.addFilter("numItems", count);
  made.addFilter("itemData", (_, index) => dataOf(hitAt(index)));
  made.on("contentLoad", (event) => {
    const { hit } = event.content.data;
    if (!hit) return;
    event.preventDefault();
    event.content.element = document.createElement("div");
    event.content.element.className = "stage-content";
    render(html`<${Player} hit=${hit} asked=${asked} />`, event.content.element);
  });
  made.on("contentRemove", ({ content }) => content.data.hit && render(null, content.element));
  made.on("loadComplete", ({ slide }) => shape(slide));
  made.on("slideActivate", ({ slide }) => shape(slide));
  made.on("imageSizeChange", ({ slide, width, height }) => fit(slide, width, height));
  made.on("change", () => go(made.currIndex));
  made.init();
  made.element.removeAttribute("role"); // it is a part of the dialog
  return made;
}

/** Give a slide the shape of its picture, which wasn't known before it came, as of a page. */
function shape(slide) {
  const { naturalWidth: width, naturalHeight: height } = slide.content.element ?? {};
  if (!width || Math.abs((width * slide.height) / (height * slide.width) - 1) < 0.01) return;
  Object.assign(slide.content, { width, height });
  Object.assign(slide, { width, height });
  slide.resize();
}

/** What PhotoSwipe is to show of a hit; without a source it is a player or a text. */
function dataOf(hit) {
  if (!hit) return { html: "" };
  if (isPlayed(hit) || (hit.kind === "passage" && hit.page === null)) return { type: "own", hit };
  const isWhole = hit.page === null && hit.start === null && SHOWN.test(hit.path);
  const large = thumbnail(hit, LARGE);
  const guess = hit.page === null ? [LARGE, (LARGE * 3) / 4] : [LARGE * SHEET, LARGE];
  const [width, height] = hit.width ? [hit.width, hit.height] : guess;
  return { src: isWhole ? media(hit) : large, msrc: thumbnail(hit, 320), width, height, alt: hit.text ?? nameOf(hit) };
}
