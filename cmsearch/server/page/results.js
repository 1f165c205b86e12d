// What was found: loaded part by part, in sections by relevance or by day.

import { ask, filtersOf, listed, parameters, search } from "./api.js";
import { isSearch } from "./asked.js";

/** Below this relevance a hit is probably not about what was asked. */
export const DOUBTFUL = 0.05;
const PART = 200;
const MOST_BY_DAY = 1000;
const MOST_SECTIONS = 400;
const MOST_DAYS = 4000;

export const NO_RESULTS = {
  status: "loading",
  isSearch: false,
  hits: [],
  total: null,
  sections: [],
  cursor: null,
  applied: [],
  doubtful: false,
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
  }

  /** Ask for something else. */
  async begin(asked) {
    this.stop.abort();
    this.stop = new AbortController();
    this.parts.clear();
    const { signal } = this.stop;
    this.change({ status: "loading" });
    try {
      await (isSearch(asked) ? this.find(asked, signal) : this.list(asked, signal));
    } catch (error) {
      this.fail(error, signal);
    }
  }

  /** See that the places from `first` to `end` are there, or soon will be. */
  async need(asked, first, end) {
    const { results, stop } = this;
    if (results.isSearch) {
      if (results.cursor && end > results.hits.length - 40 && asked.order === "relevance") await this.more(stop.signal);
      return;
    }
    for (let part = Math.floor(first / PART); part * PART < Math.min(end, results.total ?? 0); part++)
      if (!this.parts.has(part)) this.loadPart(asked, part, stop.signal);
  }

  async find(asked, signal) {
    const first = await search(asked, { signal });
    await sized(first.hits, signal);
    let { hits, cursor } = first;
    if (asked.order !== "relevance") {
      while (cursor && hits.length < MOST_BY_DAY) {
        const next = await search(asked, { signal, cursor });
        await sized(next.hits, signal);
        hits = [...hits, ...next.hits];
        cursor = next.cursor;
      }
      hits = byDay(hits.filter((hit) => hit.relevance >= DOUBTFUL), asked.order);
      cursor = null;
    }
    if (signal.aborted) return;
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
    if (this.parts.has(cursor)) return;
    this.parts.add(cursor);
    try {
      const next = await search(null, { signal, cursor });
      await sized(next.hits, signal);
      if (signal.aborted) return;
      const all = [...hits, ...next.hits];
      this.change({ hits: all, cursor: next.cursor, total: next.total, sections: byRelevance(all) });
    } catch (error) {
      this.fail(error, signal);
    }
  }

  async list(asked, signal) {
    const where = parameters({ ...filtersOf(asked), store: asked.store, target: asked.target, limit: MOST_DAYS });
    const [first, facets] = await Promise.all([
      listed(asked, { signal, limit: PART }),
      ask(`v1/facets?${where}`, { signal }),
    ]);
    await sized(first.hits, signal);
    if (signal.aborted) return;
    const hits = new Array(first.total);
    first.hits.forEach((hit, place) => (hits[place] = hit));
    this.parts.add(0);
    const days = facets.days.counts.map(({ value, count }) => [value, count]);
    if (asked.order !== "oldest") days.reverse();
    this.change({
      ...NO_RESULTS,
      status: "ready",
      hits,
      total: first.total,
      sections: sectionsOf(facets.days.left_out ? [] : days, first.total),
    });
  }

  async loadPart(asked, part, signal) {
    this.parts.add(part);
    try {
      const found = await listed(asked, { signal, offset: part * PART, limit: PART });
      await sized(found.hits, signal);
      if (signal.aborted) return;
      const hits = this.results.hits;
      found.hits.forEach((hit, place) => (hits[found.offset + place] = hit));
      this.change({ hits });
    } catch (error) {
      this.parts.delete(part);
      this.fail(error, signal);
    }
  }

  change(some) {
    this.results = { ...this.results, ...some };
    this.tell(this.results);
  }

  fail(error, signal) {
    if (error.name !== "AbortError" && !signal.aborted) this.change({ status: "failed", error: error.message });
  }
}

/** Give hits the sizes of their pictures, so that nothing moves when these come. */
export async function sized(hits, signal) {
  if (!hits.length) return;
  const { sizes } = await ask("v1/sizes", { signal, body: { store: hits[0].store, items: hits.map((hit) => hit.item) } });
  hits.forEach((hit, place) => ([hit.width, hit.height] = sizes[place] ?? []));
}

/** What is about the query, and what probably isn't. */
function byRelevance(hits) {
  const end = hits.findIndex((hit) => hit.relevance < DOUBTFUL);
  const count = end < 0 ? hits.length : end;
  const rest = hits.length - count;
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
  if (known < total) sections.push({ title: sections.length ? "undated" : null, count: total - known });
  return sections;
}
