// What a word looks at in a picture: heat that lies over it and is zoomed with it, and what its colours mean.

import { html } from "./html.js";
import { fit } from "./marks.js";
import { number, t } from "./strings.js";

const SIDE = 3; // regions in each direction
const PIXELS = 60;
// From nothing to the most; their lightness rises evenly, as in the drawings of `cmsearch explain`.
const COLOURS = [[37, 11, 76], [106, 22, 104], [180, 43, 95], [233, 98, 58], [250, 171, 60], [246, 240, 151]];
const UNSEEN = [14, 13, 12, 150]; // outside of what the model sees

/** Of the words of an explanation the shares of the regions, and the highest of each. */
export function heatsOf({ words, crop }) {
  return words.map(({ word, attention }) => {
    const shares = Object.values(attention).slice(0, SIDE ** 2);
    return { word, shares, most: Math.max(1e-6, ...shares), crop };
  });
}

/** Lay the heat of a word over the picture of a slide, or take it away. */
export function heat(slide, found) {
  slide.container.querySelector(":scope > .heat")?.remove();
  slide.container.classList.toggle("heated", Boolean(found));
  if (!found) return;
  const canvas = document.createElement("canvas");
  canvas.className = "heat";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", t("where", found.word));
  [canvas.width, canvas.height] = [PIXELS, PIXELS];
  paint(canvas.getContext("2d"), found, slide.content.width, slide.content.height);
  slide.container.append(canvas);
  fit(slide, slide.content.displayedImageWidth, slide.content.displayedImageHeight);
}

/** What the colours of a heat mean. */
export const Legend = ({ found }) => html`<div class="legend"><b dir="auto">${found.word}</b><span class="legend-bar"></span>
  <small>${t("attention", number(found.most, { style: "percent" }))}</small></div>`;

function paint(context, { shares, most, crop }, width, height) {
  const short = Math.min(width, height);
  const [wide, high] = crop ? [(crop[0] * short) / width, (crop[1] * short) / height] : [1, 1]; // shares of the picture
  const image = context.createImageData(PIXELS, PIXELS);
  for (let i = 0; i < PIXELS ** 2; i++) {
    const [x, y] = [(i % PIXELS) + 0.5, Math.floor(i / PIXELS) + 0.5].map((one) => one / PIXELS);
    const [across, down] = [(x - (1 - wide) / 2) / wide, (y - (1 - high) / 2) / high];
    const isSeen = across >= 0 && across <= 1 && down >= 0 && down <= 1;
    image.data.set(isSeen ? colourOf(Math.min(1, between(shares, across, down) / most)) : UNSEEN, 4 * i);
  }
  context.putImageData(image, 0, 0);
}

/** The share at a point, between the middles of the four regions around it. */
function between(shares, across, down) {
  const [x, y] = [across, down].map((one) => Math.min(SIDE - 1, Math.max(0, one * SIDE - 0.5)));
  const [left, top] = [x, y].map((one) => Math.min(SIDE - 2, Math.floor(one)));
  const at = (column, row) => shares[row * SIDE + column];
  const row = (line) => at(left, line) * (1 - (x - left)) + at(left + 1, line) * (x - left);
  return row(top) * (1 - (y - top)) + row(top + 1) * (y - top);
}

function colourOf(share) {
  const place = share * (COLOURS.length - 1);
  const first = Math.min(COLOURS.length - 2, Math.floor(place));
  const mixed = COLOURS[first].map((one, i) => one + (COLOURS[first + 1][i] - one) * (place - first));
  return [...mixed, 255 * (0.25 + 0.4 * share)];
}
