// What was found: loaded part by part, in sections by relevance or by day.

import { facets, listed, previews, search } from "./api.js";
import { isSearch } from "./asked.js";
import { BYTES } from "./preview.js";

/** Below this relevance a hit is probably not about what was asked. */
export const DOUBTFUL = 0.05;
const PART = 100;
const AHEAD = 100; // hits that are asked for before they are reached
const AT_ONCE = 2;
const CALM = 400; // milliseconds after the first hits in which no more are asked for
const MOST_BY_DAY = 1000;
const MOST_SECTIONS = 400;
const MOST_DAYS = 4000;
const MOST_FORESEEN = 50_000; // files of a list that are seen from afar before they are reached
const FORESEEN = 5000; // of one request

export const NO_RESULTS = {
  status: "loading",
  isSearch: false,
  hits: [],
  total: null,
  sections: [],
  cursor: null,
  applied: [],
  doubtful: false,
  foreseen: null, // what each place of a list looks like from afar, as far as that is known
  facets: null, // of what is listed; a search shows its hits before they are counted
  isStale: false,
  error: null,
};

/**
 * Loads what a page asks, one request after the other; what isn't wanted any more is dropped.
 *
 * `tell` is called with the results whenever they change.
 */
export class Loading {
  constructor(tell) {
    this.tell = tell;
    this.results = NO_RESULTS;
    this.stop = new AbortController();
    this.parts = new Set();
    this.near = [0, 0];
    this.under = new Map();
    this.found = 0;
    this.later = 0;
  }

  /** Ask for something else. */
  async begin(asked) {
    this.stop.abort();
    this.stop = new AbortController();
    this.parts.clear();
    this.under.clear();
    const { signal } = this.stop;
    this.change({ status: "loading" });
    try {
      await (isSearch(asked) ? this.find(asked, signal) : this.list(asked, signal));
    } catch (error) {
      const isWords = error.status >= 400 && error.status < 500; // of one who writes on: what was there stays
      if (!signal.aborted) this.change(isWords ? { isStale: true } : NO_RESULTS);
      this.fail(error, signal);
    }
  }

  /** See that the places from `first` to `end` are there, or soon will be; `lead` more are passed soon, before them where it is negative. */
  async need(asked, first, end, lead = 0) {
    const { results, stop } = this;
    if (results.status === "loading") return; // what is there is of something else
    if (results.isSearch) {
      if (!results.cursor || end <= results.hits.length - AHEAD || asked.order !== "relevance") return;
      clearTimeout(this.later); // the first hits are to be seen first
      this.later = setTimeout(() => this.more(stop.signal), Math.max(0, this.found + CALM - performance.now()));
      return;
    }
    this.near = [first + Math.min(0, lead), end + Math.max(0, lead)];
    this.loadParts(asked, stop.signal);
  }

  /** Load the parts that are near and not there yet, what is seen first; leave those flown over. */
  loadParts(asked, signal) {
    const [first, end] = this.near;
    const isNear = (part) => (part + 1) * PART > first - AHEAD && part * PART < end + AHEAD;
    for (const [part, stop] of this.under) if (!isNear(part)) stop.abort();
    const last = Math.min(end + AHEAD, this.results.total ?? 0);
    const wanted = [];
    for (let part = Math.max(0, Math.floor((first - AHEAD) / PART)); part * PART < last; part++)
      if (!this.parts.has(part)) wanted.push(part);
    const away = (part) => Math.abs((part + 0.5) * PART - (first + end) / 2);
    wanted.sort((one, other) => away(one) - away(other));
    for (const part of wanted.slice(0, Math.max(0, AT_ONCE - this.under.size))) this.loadPart(asked, part, signal);
  }

  async find(asked, signal) {
    const first = shaped(await search(asked, { signal }));
    let { hits, cursor } = first;
    if (asked.order !== "relevance") {
      while (cursor && hits.length < MOST_BY_DAY) {
        const next = shaped(await search(asked, { signal, cursor }));
        hits = [...hits, ...next.hits];
        cursor = next.cursor;
      }
      hits = byDay(hits.filter((hit) => hit.relevance >= DOUBTFUL), asked.order);
      cursor = null;
    }
    if (signal.aborted) return;
    this.found = performance.now();
    this.change({
      ...NO_RESULTS,
      status: "ready",
      isSearch: true,
      hits,
      cursor,
      total: cursor ? null : hits.length,
      applied: first.applied,
      doubtful: first.doubtful,
      sections: asked.order === "relevance" ? byRelevance(hits) : sectionsOf(daysOf(hits), hits.length),
    });
  }

  async more(signal) {
    const { cursor, hits } = this.results;
    if (signal.aborted) return;
    if (this.parts.has(cursor)) return;
    this.parts.add(cursor);
    try {
      const next = shaped(await search(null, { signal, cursor }));
      if (signal.aborted) return;
      const all = [...hits, ...next.hits];
      this.change({ hits: all, cursor: next.cursor, total: next.total, sections: byRelevance(all) });
    } catch (error) {
      this.fail(error, signal);
    }
  }

  async list(asked, signal) {
    const [first, counted] = await Promise.all([
      listed(asked, { signal, limit: PART }),
      facets(asked, { signal, limit: MOST_DAYS }),
    ]);
    shaped(first);
    if (signal.aborted) return;
    const hits = new Array(first.total);
    first.hits.forEach((hit, place) => (hits[place] = hit));
    this.parts.add(0);
    const days = counted.days.counts.map(({ value, count }) => [value, count]).filter(([day]) => isWithin(day, asked.filters));
    if (asked.order !== "oldest") days.reverse();
    this.change({
      ...NO_RESULTS,
      status: "ready",
      hits,
      total: first.total,
      sections: sectionsOf(counted.days.left_out ? [] : days, first.total),
      facets: counted,
    });
    setTimeout(() => this.foresee(asked, first.total, signal).catch(() => {}), CALM); // it is seen without
  }

  /** Learn what all files of a list look like, so that nothing is blank wherever somebody leaps to. */
  async foresee(asked, total, signal) {
    const end = Math.min(total, MOST_FORESEEN);
    const foreseen = new Int8Array(end * BYTES);
    for (let offset = PART; offset < end; offset += FORESEEN) {
      if (signal.aborted) return;
      const found = await previews(asked, { signal, offset, limit: Math.min(FORESEEN, end - offset) });
      foreseen.set(found.subarray(0, (end - offset) * BYTES), offset * BYTES);
      if (!signal.aborted) this.change({ foreseen });
    }
  }

  async loadPart(asked, part, signal) {
    const stop = new AbortController();
    const own = AbortSignal.any([signal, stop.signal]);
    this.parts.add(part);
    this.under.set(part, stop);
    try {
      const { hits } = this.results;
      const found = shaped(await listed(asked, { signal: own, offset: part * PART, limit: PART }));
      own.throwIfAborted();
      if (hits !== this.results.hits) return;
      found.hits.forEach((hit, place) => (hits[found.offset + place] = hit));
      this.change({ hits });
    } catch (error) {
      if (signal.aborted) return;
      this.parts.delete(part);
      if (!own.aborted) this.fail(error, signal);
    }
    this.under.delete(part);
    if (this.results.status !== "failed") this.loadParts(asked, signal);
  }

  change(some) {
    this.results = { ...this.results, ...some };
    this.tell(this.results);
  }

  fail(error, signal) {
    if (error.name !== "AbortError" && !signal.aborted) this.change({ status: "failed", error: error.message, code: error.status });
  }
}

/** An answer whose hits have the sizes of their pictures, so that nothing moves when these come, and what they look like from afar. */
export function shaped(answer) {
  answer.hits.forEach((hit, place) => {
    [hit.width, hit.height] = answer.sizes[place] ?? [];
    hit.preview = answer.previews[place];
  });
  return answer;
}

/** What is about the query, and what probably isn't. */
function byRelevance(hits) {
  const end = hits.findIndex((hit) => hit.relevance < DOUBTFUL);
  const count = end < 0 ? hits.length : end;
  const rest = hits.length - count;
  if (!count) return [{ title: null, count: rest }];
  return [{ title: null, count }, ...(rest ? [{ title: "doubtful", count: rest }] : [])];
}

const dayOf = (hit) => hit.taken?.slice(0, 10) ?? "";

function byDay(hits, order) {
  const turn = order === "oldest" ? 1 : -1;
  const key = (hit) => hit.taken ?? "";
  return [...hits].sort((one, other) => !key(one) - !key(other) || turn * (key(one) > key(other) ? 1 : key(one) < key(other) ? -1 : 0));
}

function daysOf(hits) {
  const days = new Map();
  for (const hit of hits) if (dayOf(hit)) days.set(dayOf(hit), (days.get(dayOf(hit)) ?? 0) + 1);
  return [...days];
}

/** Whether a day passes the filter by days, without which days are counted. */
const isWithin = (day, { since = "", until = "" }) => day >= since && (!until || day.slice(0, until.length) <= until);

/** Sections of days; of months, or years, where there would be very many. What has no day is last. */
function sectionsOf(days, total) {
  let sections = [];
  for (const length of [10, 7, 4]) {
    sections = [];
    for (const [day, count] of days) {
      const title = day.slice(0, length);
      if (sections.at(-1)?.title === title) sections.at(-1).count += count;
      else sections.push({ title, count });
    }
    if (sections.length <= MOST_SECTIONS) break;
  }
  const known = sections.reduce((sum, one) => sum + one.count, 0);
  if (known > total) return [{ title: null, count: total }]; // the filter says days in another way
  if (known < total) sections.push({ title: sections.length ? "undated" : null, count: total - known });
  return sections;
}
