// One picture of a grid: what it is of, what is written in it, and how many are like it.

import { Name } from "./bidi.js";
import { html } from "./html.js";
import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/hooks.js";
import { picture } from "./pictures.js";
import { preview } from "./preview.js";
import { t } from "./strings.js";

const FILMS = /\.(mp4|m4v|mov|webm|mkv|avi|ogv|mpe?g|gif|webp)$/i;

/** Whether the file of a hit is a film. */
export const isFilm = (hit) => FILMS.test(hit.path);

/** Whether there is a picture of a hit. */
export const hasPicture = (hit) =>
  hit.page !== null || (hit.start === null ? hit.modality === "image" || ["caption", "ocr"].includes(hit.kind) : isFilm(hit));

/** The name of a file, without its folder. */
export const nameOf = (hit) => hit.path.slice(hit.path.replaceAll("\\", "/").lastIndexOf("/") + 1);

/** Seconds as 1:02:03. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A picture that may be opened and chosen; while it isn't known what is `foreseen` of it, if anything. */
export function Tile({ hit, foreseen, place, x, y, w, h, isSelected, isActive, onOpen, onSelect }) {
  const [isBare, setBare] = useState(false);
  const opener = useRef(null);
  useLayoutEffect(() => {
    if (isActive) opener.current?.focus({ preventScroll: true });
  }, [isActive, hit?.item]);
  const style = { transform: `translate(${x}px, ${y}px)`, width: `${w}px`, height: `${h}px` };
  if (!hit) return html`<div class="tile waiting" role="listitem" aria-busy="true" style=${style}>${foreseen && html`<${Foreseen} seen=${foreseen} />`}</div>`;
  const isText = hit.text !== null && hit.modality !== "image";
  const noPicture = isBare || !hasPicture(hit);
  const choose = (event) => {
    event.stopPropagation();
    onSelect(place, event.shiftKey);
  };
  return html`<div class=${`tile ${isSelected ? "chosen" : ""} ${isActive ? "active" : ""}`} role="listitem" style=${style}>
    <button class="tile-open" type="button" ref=${opener} title=${hit.source} aria-label=${labelOf(hit)}
      onClick=${(event) => (event.ctrlKey || event.metaKey || event.shiftKey ? choose(event) : onOpen(place))}>
      ${noPicture
        ? html`<span class="tile-words"><b><${Name} of=${nameOf(hit)} /></b><span dir="auto">${hit.text ?? ""}</span></span>`
        : html`<${Picture} hit=${hit} pixels=${pixelsOf(w, h)} place=${place} fail=${() => setBare(true)} />`}
      ${!noPicture && isText && html`<span class="tile-line"><span dir="auto">${hit.text}</span></span>`}
      ${badgeOf(hit) && html`<span class="tile-badge">${badgeOf(hit)}</span>`}
      ${hit.copies.length > 0 && html`<span class="tile-stack" title=${t("alike", hit.copies.length)}>${hit.copies.length + 1}</span>`}
    </button>
    <button class="tile-choose" type="button" role="checkbox" aria-checked=${isSelected}
      aria-label=${t("choose", nameOf(hit))} onClick=${choose}></button>
  </div>`;
}

/** The pixels that a picture is asked for with: few steps, so that a change of width asks for none anew. */
export const pixelsOf = (w, h) => [320, 640, 1280].find((one) => one * 1.25 >= Math.max(w, h) * Math.min(devicePixelRatio, 2)) ?? 1280;

/** A picture on a canvas, which lets go of it with the tile: browsers keep a thousand decoded images that were seen. */
function Picture({ hit, pixels, place, fail }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    const own = canvas.current;
    let isOver = false;
    if (hit.preview) show(own, preview(hit.preview), "foreseen");
    const stop = picture(hit, pixels, place, (blob) =>
      blob ? createImageBitmap(blob).then((made) => (isOver ? made.close() : show(own, made, "there")), () => isOver || fail()) : fail());
    return () => (stop(), (isOver = true), (own.width = own.height = 0));
  }, [hit.item, hit.store, pixels]);
  return html`<canvas ref=${canvas} aria-hidden="true"></canvas>`;
}

/** What is known of a picture before it is known whose it is. */
function Foreseen({ seen }) {
  const canvas = useRef(null);
  useLayoutEffect(() => show(canvas.current, preview(seen), "foreseen"), []);
  return html`<canvas ref=${canvas}></canvas>`;
}

function show(canvas, bitmap, name) {
  [canvas.width, canvas.height, canvas.className] = [bitmap.width, bitmap.height, `picture ${name}`];
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
}

const labelOf = (hit) => [nameOf(hit), hit.text?.slice(0, 200), hit.taken?.slice(0, 10)].filter(Boolean).join(", ");

function badgeOf(hit) {
  if (hit.start !== null) return clock(hit.start);
  if (hit.page !== null) return t("pageNumber", hit.page);
  return null;
}
