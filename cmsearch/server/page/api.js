// What the page asks of the service. Errors have the service's own words.

import { FILTERS } from "./asked.js";
import { bytesOf } from "./preview.js";
import { t } from "./strings.js";

/** An answer that says what went wrong. */
export class Problem extends Error {
  constructor(detail, status) {
    super(detail);
    this.status = status;
  }
}

/** The answer to a request, as JSON. Raises `Problem`, and `AbortError` where it isn't wanted any more. */
export async function ask(path, { signal, body, method } = {}) {
  const isForm = body instanceof FormData;
  const answer = await fetch(path, {
    signal,
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: body === undefined || isForm ? {} : { "Content-Type": "application/json" },
    body: body === undefined || isForm ? body : JSON.stringify(body),
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new Problem(t("noAnswer"), 0);
  });
  if (answer.status === 401) location.assign("login");
  const told = answer.headers.get("content-type")?.includes("json") ? await answer.json() : null;
  if (!answer.ok) throw Object.assign(new Problem(told?.detail ?? answer.statusText, answer.status), { job: told?.job });
  return told;
}

/** Parameters as the query of an address; those without a value are left out, lists come apart. */
export function parameters(values) {
  const made = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of [value].flat())
      if (one !== undefined && one !== null && one !== "") made.append(name, one);
  return String(made);
}

const folders = new Map();

/** The stores that are served. */
export async function stores() {
  const found = (await ask("v1/stores")).stores;
  for (const { name, folder } of found) folders.set(name, folder);
  return found;
}

/** The path of a hit's file in its folder. */
export const pathOf = (hit) => hit.path.slice(folders.get(hit.store).replace(/[/\\]$/, "").length + 1);

/** A path as a glob that means it alone. */
export const literally = (path) => path.replace(/[[*?]/g, "[$&]");

/** The address of the picture of a hit, about as large as `pixels`. */
export const thumbnail = (hit, pixels) =>
  `v1/items/${hit.item}/thumbnail?${parameters({ store: hit.store, size: Math.min(Math.ceil(pixels), 2048), page: hit.turned ? hit.page : null })}`;

/** The address of the file of a hit. */
export const media = (hit) => `v1/items/${hit.item}/media?${parameters({ store: hit.store })}`;

/** The filters that have a value. */
export const filtersOf = (asked) =>
  Object.fromEntries(FILTERS.map((name) => [name, asked.filters[name]]).filter(([, value]) => value?.length));

/** The first page of what is asked, or the one that a cursor leads to. */
export function search(asked, { signal, cursor, size = 60, expand } = {}) {
  return ask(`v1/search${expand ? "" : "?shapes=true"}`, { signal, body: cursor ? { cursor } : bodyOf(asked, { k: size, ranking: expand ? { expand } : undefined }) });
}

/** What there is to narrow by, of what is asked; of a list as many values as are wanted. */
export function facets(asked, { signal, limit }) {
  if (asked.parts.length) return ask("v1/facets", { signal, body: bodyOf(asked) });
  const where = parameters({ ...filtersOf(asked), store: asked.store, target: asked.target, q: asked.query.trim(), literal: asked.literal || undefined, limit });
  return ask(`v1/facets?${where}`, { signal });
}

/** What is asked as a body; a form where files were dropped. */
function bodyOf(asked, more = {}) {
  const files = asked.parts.filter((part) => part.file);
  const request = {
    store: asked.store || undefined,
    query: asked.query.trim() || undefined,
    parts: asked.parts.filter((part) => part.sign !== "not").map((part) => partOf(part, files)),
    without: asked.parts.filter((part) => part.sign === "not").map((part) => partOf(part, files)),
    target: asked.target,
    literal: asked.literal || undefined,
    filters: filtersOf(asked),
    ...more,
  };
  if (!files.length) return request;
  const form = new FormData();
  form.append("request", JSON.stringify(request));
  for (const { file } of files) form.append(file.type.startsWith("audio/") ? "audio" : "image", file);
  return form;
}

function partOf(part, files) {
  const own = part.file ? { file: files.indexOf(part) } : part.item ? { item: part.item } : { text: part.text };
  return { ...own, weight: part.sign === "less" ? -part.weight : part.weight };
}

const listOf = (asked, more) =>
  parameters({ ...filtersOf(asked), store: asked.store, target: asked.target, order: asked.order === "oldest" ? "oldest" : "newest", ...more });

/** A part of the files by their days. */
export const listed = (asked, { signal, offset = 0, limit }) => ask(`v1/items?${listOf(asked, { offset, limit, shapes: true })}`, { signal });

/** What the files of a part of that list look like from afar. */
export const previews = async (asked, { signal, offset, limit }) =>
  bytesOf((await ask(`v1/previews?${listOf(asked, { offset, limit })}`, { signal })).previews);
