// Boxes on a picture, which are zoomed with it: lines of text in it, and words of a page.

import { render } from "./vendor/preact.js";
import { html } from "./html.js";

/**
 * Draw boxes on the picture of a slide, each in the looks of its `kind`.
 *
 * A box has its four corners as x and y in shares of the picture's width and height.
 */
export function mark(slide, boxes) {
  let place = slide.container.querySelector(":scope > .marks");
  if (!place) {
    place = document.createElement("div");
    place.className = "marks";
    slide.container.append(place);
    fit(slide, slide.content.displayedImageWidth, slide.content.displayedImageHeight);
  }
  const drawn = boxes.map(
    ({ box, kind }, i) => html`<polygon key=${i} class=${kind} points=${box.join(" ")} vector-effect="non-scaling-stroke" />`,
  );
  render(html`<svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">${drawn}</svg>`, place);
}

/** Make what lies over the picture of a slide as large as this is drawn. */
export function fit(slide, width, height) {
  for (const place of slide.container.querySelectorAll(":scope > .marks, :scope > .heat")) Object.assign(place.style, { width: `${width}px`, height: `${height}px` });
}
