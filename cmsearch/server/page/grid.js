// The pictures of a list, of which only those near the window are in the document.

import { html } from "./html.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/hooks.js";
import { between, firstBelow, justified } from "./layout.js";
import { isWriting, useKeys } from "./keys.js";
import { aim, delay } from "./pictures.js";
import { BYTES } from "./preview.js";
import { hasPicture, pixelsOf, Tile } from "./tile.js";
import { dayInWords, t } from "./strings.js";

const GAP = 4;
const TITLE = 52;
const STEP = 60; // pixels of scrolling after which it is looked what is near
const LEAD = 800; // milliseconds of scrolling on that are prepared for
const FAR = 8; // screens that are, at most
const FASTEST = 15; // pixels a millisecond; more is a leap, after which nobody goes on likewise
const SHAPES = { page: 3 / 4, passage: 8 / 5, shot: 16 / 9, subtitle: 16 / 9 };

/** The width of a hit's picture over its height; a guess until it is known. */
const ratioOf = (hit) => (hit?.width && hit.height ? hit.width / hit.height : SHAPES[hit?.kind] ?? 4 / 3);

/**
 * A grid of `results` that never jumps: what is seen stays where it is when what is above becomes
 * known. `need(first, end, lead)` is called with the places that are near the window, and how many will
 * be passed soon.
 */
export function Grid({ results, need, onOpen, selected, onSelect, active, onActive }) {
  const frame = useRef(null);
  const [width, setWidth] = useState(0);
  const [view, setView] = useState({ top: 0, height: 900, speed: 0 });
  const rowHeight = width < 600 ? 140 : 210;

  useLayoutEffect(() => {
    const measure = () => setWidth(frame.current.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);

  const layout = useMemo(
    () => justified(results.sections, (i) => ratioOf(results.hits[i]), { width: width || 1, rowHeight, gap: GAP, titleHeight: TITLE }),
    [results.hits, results.sections, results, width, rowHeight],
  );
  useAnchor(frame, layout, results.sections);

  useEffect(() => {
    let waiting = 0;
    let resting = 0;
    let last = { top: 0, time: performance.now(), speed: 0 };
    const see = (speed) => {
      if (!frame.current) return;
      const top = -frame.current.getBoundingClientRect().top;
      setView((before) => (Math.abs(top - before.top) < STEP && before.height === innerHeight && speed ? before : { top, height: innerHeight, speed }));
    };
    const look = () => {
      waiting ||= requestAnimationFrame((time) => {
        waiting = 0;
        const passed = Math.max(8, time - last.time);
        const now = (scrollY - last.top) / passed;
        last = { top: scrollY, time, speed: passed > 300 || Math.abs(now) > FASTEST ? 0 : 0.6 * last.speed + 0.4 * now };
        see(last.speed);
      });
      clearTimeout(resting);
      resting = setTimeout(() => ((last.speed = 0), see(0)), 250);
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      cancelAnimationFrame(waiting);
      clearTimeout(resting);
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, []);

  const [above, below] = view.speed < 0 ? [1.5, 1] : [1, 1.5]; // screens that are drawn beyond the window
  const [first, end] = between(layout, view.top - above * view.height, view.top + (1 + below) * view.height);
  const passed = Math.max(-FAR * view.height, Math.min(FAR * view.height, LEAD * view.speed)); // pixels, soon
  const [from, until] = passed < 0 ? [firstBelow(layout, view.top - above * view.height + passed), first] : [end, firstBelow(layout, view.top + (1 + below) * view.height + passed)];
  useEffect(() => {
    need(first, end, passed < 0 ? from - first : until - end);
    const next = [];
    for (let i = from; i < until; i++) if (results.hits[i] && hasPicture(results.hits[i])) next.push({ hit: results.hits[i], pixels: pixelsOf(layout.w[i], layout.h[i]), place: i });
    aim(firstBelow(layout, view.top + 0.5 * view.height + view.speed * delay), end - first, next);
  }, [first, end, from, until, results]);
  useEffect(() => {
    if (active !== null && active < layout.count) show(frame.current, layout, active);
  }, [active]);

  useKeys(keysOf({ layout, active, onActive, onOpen, onSelect }));

  const places = [];
  for (let i = first; i < end; i++) places.push(i);
  return html`<div class="grid" ref=${frame} style=${{ height: `${layout.height}px` }}>
    ${titlesIn(layout, results.sections, view).map(
      ({ title, top }) => html`<h2 key=${`title-${title}`} class="grid-title" style=${{ top: `${top}px` }}>${titleOf(title)}</h2>`,
    )}
    <div role="list" aria-label=${t("results")}>${places.map(
      (i) => html`<${Tile}
        key=${results.hits[i]?.item ?? `place-${i}`}
        hit=${results.hits[i]} foreseen=${results.hits[i] ? null : foreseenAt(results, i)} place=${i}
        x=${layout.x[i]} y=${layout.y[i]} w=${layout.w[i]} h=${layout.h[i]}
        isSelected=${selected.has(results.hits[i]?.item)} isActive=${i === active}
        onOpen=${onOpen} onSelect=${onSelect} />`,
    )}</div>
  </div>`;
}

/** What is known of a place from afar; null where nothing is. */
function foreseenAt({ foreseen }, place) {
  const found = foreseen?.subarray(place * BYTES, (place + 1) * BYTES);
  return found?.some(Boolean) ? found : null;
}

/** The keys that move among the pictures, open and choose them. */
function keysOf({ layout, active, onActive, onOpen, onSelect }) {
  const to = (place) => (layout.count ? onActive(Math.max(0, Math.min(layout.count - 1, place))) : false);
  const start = active ?? -1;
  const needs = (act) => (event) => (active === null || event.target.tagName === "INPUT" ? false : act(event));
  const down = (event) => {
    if (layout.count && isWriting(event)) event.target.blur(); // the next key isn't for the field
    return to(active === null || isWriting(event) ? 0 : nextRow(layout, active, 1));
  };
  return {
    ArrowRight: () => to(start + 1),
    ArrowLeft: needs(() => to(start - 1)),
    ArrowDown: { act: down, evenWriting: true },
    ArrowUp: needs(() => to(nextRow(layout, active, -1))),
    Home: () => to(0),
    End: () => to(layout.count - 1),
    Enter: needs(() => onOpen(active)),
    " ": needs((event) => onSelect(active, event.shiftKey)),
  };
}

/** The picture nearest to one, a row further down or up. */
function nextRow({ x, y, w, count }, place, step) {
  let at = place;
  while (at >= 0 && at < count && y[at] === y[place]) at += step;
  if (at < 0 || at >= count) return place;
  const [row, middle] = [y[at], x[place] + w[place] / 2];
  let best = at;
  for (; at >= 0 && at < count && y[at] === row; at += step)
    if (Math.abs(x[at] + w[at] / 2 - middle) < Math.abs(x[best] + w[best] / 2 - middle)) best = at;
  return best;
}

/** Keep what is at the top of the window there when the layout changes. */
function useAnchor(frame, layout, sections) {
  const last = useRef(null);
  useLayoutEffect(() => {
    const before = last.current;
    last.current = { layout, sections };
    if (!before || before.layout === layout || before.sections !== sections) return;
    const top = -frame.current.getBoundingClientRect().top;
    if (top <= 0) return;
    const place = Math.min(firstBelow(before.layout, top), layout.count - 1);
    if (place < 0 || place >= before.layout.count) return;
    const moved = layout.y[place] - before.layout.y[place];
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  }, [layout]);
}

function titlesIn(layout, sections, view) {
  const all = sections.map(({ title }, i) => ({ title, top: layout.titles[i] })).filter((one) => one.title);
  return all.filter(({ top }) => top > view.top - view.height && top < view.top + 2 * view.height);
}

const titleOf = (title) => (/^\d{4}/.test(title) ? dayInWords(title) : t(title));

function show(frame, layout, place) {
  const top = frame.getBoundingClientRect().top + layout.y[place];
  const head = 150;
  if (top < head) scrollBy({ top: top - head, behavior: "instant" });
  else if (top + layout.h[place] > innerHeight - 20) scrollBy({ top: top + layout.h[place] - innerHeight + 20, behavior: "instant" });
}
