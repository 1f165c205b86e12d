"use strict";
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const canvas = $("map"), context = canvas.getContext("2d");
const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const places = Float32Array.from(new Uint16Array(bytes(data.places).buffer), (value) => value / 65535 * data.width);
const sizes = bytes(data.sizes);
const count = sizes.length / 2;
const GAP = 0.93;  // of a square that its picture takes
const NEAR = 160;  // larger pictures that are kept decoded
const SLOW = 30;  // milliseconds
const view = { x: data.width / 2, y: 0.5, scale: 1 };
const atlases = data.atlases.map(load);
const near = new Map();
let matching = null, hovered = -1, waiting = false, touched = false, colours = {};
let last = null, settling = 0;  // what was painted last, if it took long

function load(source) {
  const image = new Image();
  image.addEventListener("load", repaint);
  image.src = source;
  return image;
}

/* Where things are */

// Pictures by the cell of their place, so that few are looked at under the pointer or in a view.
const across = Math.max(1, Math.ceil(data.width / data.side));
const cells = new Map();
for (let i = 0; i < count; i++) {
  const key = Math.floor(places[2 * i + 1] / data.side) * across + Math.floor(places[2 * i] / data.side);
  if (!cells.has(key)) cells.set(key, []);
  cells.get(key).push(i);
}

function* within(left, top, right, bottom) {
  const cell = (value, most) => Math.min(most, Math.max(0, Math.floor(value / data.side)));
  const lastRow = Math.ceil(1 / data.side), lastColumn = across - 1;
  for (let row = cell(top, lastRow); row <= cell(bottom, lastRow); row++)
    for (let column = cell(left, lastColumn); column <= cell(right, lastColumn); column++)
      yield* cells.get(row * across + column) ?? [];
}

function fitting() {
  return Math.min(canvas.clientWidth / (data.width * 1.06), canvas.clientHeight / 1.12);
}

const toX = (x) => (x - view.x) * view.scale + canvas.clientWidth / 2;
const toY = (y) => (y - view.y) * view.scale + canvas.clientHeight / 2;
const fromX = (x) => (x - canvas.clientWidth / 2) / view.scale + view.x;
const fromY = (y) => (y - canvas.clientHeight / 2) / view.scale + view.y;

function at(x, y) {
  const px = fromX(x), py = fromY(y), half = data.side / 2;
  let best = -1, least = Infinity;
  for (const i of within(px - half, py - half, px + half, py + half)) {
    const [width, height] = extent(i);
    const dx = Math.abs(places[2 * i] - px), dy = Math.abs(places[2 * i + 1] - py);
    if (dx <= width / 2 && dy <= height / 2 && dx + dy < least && !isFaint(i)) {
      best = i;
      least = dx + dy;
    }
  }
  return best;
}

function extent(i) {
  const longest = Math.max(sizes[2 * i], sizes[2 * i + 1]);
  return [sizes[2 * i] / longest * data.side * GAP, sizes[2 * i + 1] / longest * data.side * GAP];
}

/* Drawing */

function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paint();
  });
}

function paint() {
  const ratio = devicePixelRatio, width = canvas.clientWidth, height = canvas.clientHeight;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.globalAlpha = 1;
  if (last !== null) paintLast(width, height);
  else paintAll(width, height);
  if (hovered >= 0) paintPicture(hovered, 1.08);
  context.globalAlpha = 1;
  paintRegions();
}

function paintAll(width, height) {
  const start = performance.now(), half = data.side / 2;
  for (const i of within(fromX(0) - half, fromY(0) - half, fromX(width) + half, fromY(height) + half))
    paintPicture(i, 1);
  if (performance.now() - start < SLOW) return;
  last = { ...view, image: document.createElement("canvas") };
  [last.image.width, last.image.height] = [canvas.width, canvas.height];
  last.image.getContext("2d").drawImage(canvas, 0, 0);
}

// What was painted last, moved along, until nothing has moved for a moment: for very many pictures.
function paintLast(width, height) {
  const scale = view.scale / last.scale;
  const x = toX(last.x) - width / 2 * scale, y = toY(last.y) - height / 2 * scale;
  context.drawImage(last.image, x, y, width * scale, height * scale);
  if (scale === 1 && last.x === view.x && last.y === view.y) return;
  clearTimeout(settling);
  settling = setTimeout(repaint, 140);
}

function repaint() {
  last = null;
  draw();
}

const isFaint = (i) => matching !== null && !matching[i];

function paintPicture(i, larger) {
  const [w, h] = extent(i).map((side) => side * view.scale * larger);
  const x = toX(places[2 * i]) - w / 2, y = toY(places[2 * i + 1]) - h / 2;
  context.globalAlpha = isFaint(i) ? 0.08 : 1;
  if (i in data.problems) {
    context.fillStyle = colours.well;
    context.fillRect(x, y, w, h);
    if (w > 24) write("?", x + w / 2, y + h / 2, w / 3, colours.soft);
  } else {
    paintTile(i, x, y, w, h);
  }
  if (larger > 1) {
    context.strokeStyle = colours.accent;
    context.lineWidth = 3;
    context.strokeRect(x, y, w, h);
  }
}

function paintTile(i, x, y, w, h) {
  const sharp = Math.max(w, h) * devicePixelRatio > data.tile * 1.15 ? nearer(i) : null;
  if (sharp) {
    context.drawImage(sharp, x, y, w, h);
    return;
  }
  const each = data.columns ** 2, cell = i % each, atlas = atlases[Math.floor(i / each)];
  if (!atlas.complete) return;
  const left = cell % data.columns * data.tile, top = Math.floor(cell / data.columns) * data.tile;
  context.drawImage(atlas, left, top, sizes[2 * i], sizes[2 * i + 1], x, y, w, h);
}

// The larger picture, if there is one and it is decoded; those used longest ago are dropped.
function nearer(i) {
  if (!data.large[i]) return null;
  const image = near.get(i) ?? load(data.large[i]);
  near.delete(i);
  near.set(i, image);
  for (const old of near.keys()) {
    if (near.size <= NEAR) break;
    near.delete(old);
  }
  return image.complete ? image : null;
}

function paintRegions() {
  const shown = Math.max(0, Math.min(1, 1.6 - view.scale / fitting() / 5));
  if (shown === 0 || matching !== null) return;
  const size = Math.max(11, Math.min(15, canvas.clientWidth / 95));
  const taken = [];
  context.globalAlpha = shown;
  for (const region of data.regions) {
    context.font = `600 ${size}px ${colours.font}`;
    const x = toX(region.x), y = toY(region.y), width = context.measureText(region.text).width + 16;
    const box = { left: x - width / 2, right: x + width / 2, top: y - size, bottom: y + size };
    const meets = (one) => one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top;
    if (taken.some(meets)) continue;
    taken.push(box);
    context.fillStyle = colours.label;
    context.beginPath();
    context.roundRect(box.left, y - size * 0.85, width, size * 1.7, size);
    context.fill();
    write(region.text, x, y, size, colours.ink);
  }
}

function write(text, x, y, size, colour) {
  context.font = `600 ${size}px ${colours.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/* Moving */

function bounded() {
  const least = fitting() * 0.7, most = Math.max(fitting() * 2, 640 / data.side);
  view.scale = Math.min(most, Math.max(least, view.scale));
  view.x = Math.min(data.width, Math.max(0, view.x));
  view.y = Math.min(1, Math.max(0, view.y));
}

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const wx = fromX(x), wy = fromY(y);
  view.scale *= factor;
  bounded();
  view.x += wx - fromX(x);
  view.y += wy - fromY(y);
  moved();
}

function moved() {
  touched = true;
  bounded();
  hover(-1);
  draw();
}

function fit() {
  Object.assign(view, { x: data.width / 2, y: 0.5, scale: fitting() });
  touched = false;
  hover(-1);
  draw();
}

function resize() {
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  last = null;
  touched ? moved() : fit();
}

function dress() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["well", "soft", "accent", "ink"]) colours[name] = style.getPropertyValue(`--${name}`);
  colours.label = `color-mix(in srgb, ${style.getPropertyValue("--paper")} 78%, transparent)`;
  colours.font = getComputedStyle(document.body).fontFamily;
  repaint();
}

const pointers = new Map();
let travelled = 0;

function middle() {
  const all = [...pointers.values()];
  const x = all.reduce((sum, one) => sum + one.x, 0) / all.length;
  const y = all.reduce((sum, one) => sum + one.y, 0) / all.length;
  const apart = all.length > 1 ? Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y) : 0;
  return { x, y, apart };
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  if (pointers.size === 0) travelled = 0;
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
});
canvas.addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) {
    hover(at(event.clientX, event.clientY), event);
    return;
  }
  const before = middle();
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  const now = middle();
  travelled += Math.hypot(now.x - before.x, now.y - before.y) + Math.abs(now.apart - before.apart);
  if (travelled < 4) return;
  canvas.classList.add("moving");
  view.x -= (now.x - before.x) / view.scale;
  view.y -= (now.y - before.y) / view.scale;
  if (before.apart && now.apart) zoom(now.apart / before.apart, now.x, now.y);
  else moved();
});
canvas.addEventListener("pointerup", (event) => {
  const isClick = pointers.size === 1 && travelled < 4;
  release(event);
  const picture = isClick ? at(event.clientX, event.clientY) : -1;
  if (picture >= 0) enlarge(picture);
});
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => hover(-1));

function release(event) {
  pointers.delete(event.pointerId);
  if (pointers.size === 0) canvas.classList.remove("moving");
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 18 : 1;
  const speed = event.ctrlKey ? 0.01 : 0.0016;  // with Ctrl it is the pinch of a touchpad
  zoom(Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) * speed), event.clientX, event.clientY);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const step = 80 / view.scale;
  const keys = {
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: fit,
    ArrowLeft: () => { view.x -= step; moved(); }, ArrowRight: () => { view.x += step; moved(); },
    ArrowUp: () => { view.y -= step; moved(); }, ArrowDown: () => { view.y += step; moved(); },
  };
  if (!(event.key in keys) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  keys[event.key]();
});

/* What a picture is */

function hover(picture, event) {
  if (picture !== hovered) {
    hovered = picture;
    canvas.classList.toggle("over", picture >= 0);
    draw();
  }
  const hint = $("hint");
  hint.hidden = picture < 0;
  if (picture < 0) return;
  const [strong, span] = hint.children;
  strong.textContent = data.captions[picture][0] ?? "";
  span.textContent = data.paths[picture];
  const x = event.clientX + 18, y = event.clientY + 18;
  hint.style.left = `${x + hint.offsetWidth > innerWidth ? x - hint.offsetWidth - 36 : x}px`;
  hint.style.top = `${y + hint.offsetHeight > innerHeight ? y - hint.offsetHeight - 36 : y}px`;
}

function enlarge(picture) {
  const image = $("picture"), problem = data.problems[picture];
  image.hidden = problem !== undefined;
  $("problem").hidden = problem === undefined;
  $("problem").textContent = problem ?? "";
  if (problem === undefined) {
    image.src = data.large[picture] || cut(picture);
    image.alt = data.captions[picture][0] ?? data.paths[picture];
    const scale = Math.min(innerWidth * 0.94 / sizes[2 * picture], (innerHeight * 0.94 - 110) / sizes[2 * picture + 1], 640 / data.tile);
    image.style.width = `${sizes[2 * picture] * scale}px`;
  }
  $("captions").replaceChildren(...data.captions[picture].map((text) => {
    const line = document.createElement("li");
    line.dir = "auto";
    line.textContent = text;
    return line;
  }));
  $("place").textContent = data.paths[picture];
  $("place").href = data.links[picture] ?? data.base + data.paths[picture].split("/").map(encodeURIComponent).join("/");
  hover(-1);
  $("large").showModal();
}

// The tile alone, where nothing larger is in the page.
function cut(i) {
  const each = data.columns ** 2, cell = i % each, canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [sizes[2 * i], sizes[2 * i + 1]];
  const left = cell % data.columns * data.tile, top = Math.floor(cell / data.columns) * data.tile;
  canvas.getContext("2d").drawImage(atlases[Math.floor(i / each)], -left, -top);
  return canvas.toDataURL();
}

$("close").addEventListener("click", () => $("large").close());
$("large").addEventListener("click", (event) => event.target === $("large") && $("large").close());
$("in").addEventListener("click", () => zoom(1.6));
$("out").addEventListener("click", () => zoom(1 / 1.6));
$("all").addEventListener("click", fit);
$("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  matching = words.length === 0 ? null : data.paths.map((path, i) => {
    const text = [path, ...data.captions[i]].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  repaint();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
new ResizeObserver(resize).observe(canvas);
dress();
resize();
