// Pictures of tiles: many are asked for at once, those nearest to where the window will be first, and
// some are kept for when one comes back.

import { parameters } from "./api.js";

const BATCH = 16;
const AT_ONCE = 3; // a browser has six connections to a service; some are left for what is asked
const MOST = 32 * 2 ** 20; // bytes that are kept of what isn't seen
const TRIES = 3;
const PAUSE = 500; // milliseconds until what a busy service left out is asked for again
const TYPE = { type: "image/webp" };

const kept = new Map(); // by key `{ blob, users }`, what was used last at the end; without a picture no `blob`
const wanted = new Map(); // by key what is waited for
const batches = new Set();
let size = 0;
let middle = 0;
let reach = 200;
let soon = []; // what nobody shows yet

/** How long a batch takes, in milliseconds: the window is that much further when it comes. */
export let delay = 100;

const keyOf = (hit, pixels) => `${pixels}/${hit.item}/${hit.store}`;

/** Say which place is in the middle of what will be seen, and how many places around it matter; `next` are hits beyond what is drawn, as `{ hit, pixels, place }`. */
export function aim(place, around, next) {
  middle = place;
  reach = Math.max(60, around);
  soon = next;
  for (const batch of batches) if (batch.every((one) => Math.abs(one.place - middle) > 2 * reach)) batch.stop.abort();
  queueMicrotask(begin);
}

/**
 * Call `show` with a hit's picture as a blob once it is there, or with null if it has none.
 *
 * Call what this gives when it isn't shown any more.
 */
export function picture(hit, pixels, place, show) {
  const key = keyOf(hit, pixels);
  const own = kept.get(key);
  if (own) use(key, own, show);
  else {
    const one = wanted.get(key) ?? { key, hit, pixels, place, shows: new Set(), tries: 0 };
    one.shows.add(show);
    wanted.set(key, one);
    queueMicrotask(begin); // after all that are drawn with it
  }
  return () => {
    const waiting = wanted.get(key);
    if (waiting?.shows.delete(show)) return void (waiting.shows.size || waiting.isAsked || wanted.delete(key));
    const left = kept.get(key);
    if (left) left.users -= 1;
  };
}

function use(key, own, show) {
  kept.delete(key);
  kept.set(key, own);
  own.users += 1;
  show(own.blob);
}

const away = (one) => Math.abs(one.place - middle);

function begin() {
  while (batches.size < AT_ONCE) {
    const all = [...wanted.values()].filter((one) => !one.isAsked);
    for (const { hit, pixels, place } of soon) {
      const key = keyOf(hit, pixels);
      if (!kept.has(key) && !wanted.has(key)) all.push({ key, hit, pixels, place, shows: new Set(), tries: 0 });
    }
    if (!all.length) return;
    all.sort((one, other) => away(one) - away(other));
    const [first] = all;
    const batch = all.filter((one) => one.pixels === first.pixels && one.hit.store === first.hit.store).slice(0, BATCH);
    batch.stop = new AbortController();
    batches.add(batch);
    for (const one of batch) wanted.set(one.key, Object.assign(one, { isAsked: true, tries: one.tries + 1 }));
    load(batch).catch(() => {}).finally(() => end(batch));
  }
}

/** What a batch left out is asked for again, unless nobody waits for it, or it was asked for too often. */
function end(batch) {
  batches.delete(batch);
  const isOver = batch.stop.signal.aborted;
  for (const one of batch) {
    if (wanted.get(one.key) !== one) continue;
    if (!one.shows.size) wanted.delete(one.key);
    else if (isOver) Object.assign(one, { isAsked: false, tries: 0 });
    else if (batch.isRefused) put(one, null);
    else if (one.tries >= TRIES) giveUp(one);
    else setTimeout(() => ((one.isAsked = false), begin()), PAUSE * one.tries);
  }
  begin();
}

/** Show none for now: the service may be away, and is asked again when the picture is drawn anew. */
function giveUp(one) {
  wanted.delete(one.key);
  for (const show of one.shows) show(null);
}

async function load(batch) {
  const [{ hit: { store }, pixels }] = batch;
  const items = batch.map((one) => one.hit.item).join(",");
  const begun = performance.now();
  const answer = await fetch(`v1/thumbnails?${parameters({ store, size: pixels, items })}`, { signal: batch.stop.signal });
  batch.isRefused = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
  if (!answer.ok) return;
  for await (const [place, bytes] of pieces(answer.body)) put(batch[place], bytes.length ? bytes : null);
  delay = Math.min(600, 0.7 * delay + 0.3 * (performance.now() - begun));
}

/** Each picture of an answer, as its place in what was asked for and its bytes. */
async function* pieces(body) {
  const reader = body.getReader();
  let data = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const all = new Uint8Array(data.length + value.length);
    all.set(data);
    all.set(value, data.length);
    const heads = new DataView(all.buffer);
    let at = 0;
    while (at + 8 <= all.length && at + 8 + heads.getUint32(at + 4) <= all.length) {
      const end = at + 8 + heads.getUint32(at + 4);
      yield [heads.getUint32(at), all.slice(at + 8, end)];
      at = end;
    }
    data = all.slice(at);
  }
}

function put(one, bytes) {
  if (wanted.get(one.key) !== one) return;
  wanted.delete(one.key);
  const own = { blob: bytes && new Blob([bytes], TYPE), users: 0 };
  kept.set(one.key, own);
  size += bytes?.length ?? 0;
  for (const show of one.shows) use(one.key, own, show);
  forget(MOST);
}

/** Let go of what wasn't used for longest, and isn't shown, until at most so many bytes are left. */
function forget(most) {
  for (const [key, { blob, users }] of kept) {
    if (size <= most) return;
    if (users) continue;
    kept.delete(key);
    size -= blob?.size ?? 0;
  }
}

/** Keep nothing that isn't shown, as files may have changed. */
export const renew = () => forget(-1);
