// What is asked, and the address that says the same: an address is a saved search.

export const NOTHING = {
  store: "",
  query: "",
  literal: false,
  parts: [],
  target: "any",
  order: "relevance",
  least: 0,
  filters: {},
};
const LISTS = new Set(["keywords", "people", "labels"]);
/** The filters that there are, in the words of the service. */
export const FILTERS = ["path", "since", "until", "camera", "near", "keywords", "people", "rating", "labels"];
const ORDERS = ["relevance", "newest", "oldest"];
const SIGNS = ["more", "less", "not"];

/** Whether anything is searched for; else files are listed by their days. */
export const isSearch = (asked) => asked.query.trim() !== "" || asked.parts.length > 0;

/** The address of what is asked; files that were dropped here can't be in it. */
export function addressOf(asked) {
  const made = new URLSearchParams();
  const put = (name, value, usual) => value !== usual && made.append(name, value);
  put("q", asked.query.trim(), "");
  put("store", asked.store, "");
  put("for", asked.target, "any");
  put("order", asked.order, "relevance");
  put("least", String(asked.least), "0");
  put("literal", String(asked.literal), "false");
  for (const part of asked.parts)
    if (!part.file) made.append("part", `${part.sign}:${part.weight}:${part.item ? `item:${part.item}` : `text:${part.text}`}`);
  for (const name of FILTERS)
    for (const value of [asked.filters[name] ?? []].flat()) made.append(name, value);
  const text = String(made);
  return text ? `?${text}` : location.pathname;
}

/** What an address asks; what can't be meant is left out. */
export function askedOf(search) {
  const given = new URLSearchParams(search);
  const filters = {};
  for (const name of FILTERS) {
    const values = given.getAll(name).filter(Boolean);
    if (values.length) filters[name] = LISTS.has(name) ? values : values[0];
  }
  const least = Number(given.get("least") ?? 0);
  return {
    ...NOTHING,
    query: given.get("q") ?? "",
    store: given.get("store") ?? "",
    target: given.get("for") ?? "any",
    literal: given.get("literal") === "true",
    order: ORDERS.includes(given.get("order")) ? given.get("order") : "relevance",
    least: least > 0 && least < 1 ? least : 0,
    parts: given.getAll("part").map(partOf).filter(Boolean),
    filters,
  };
}

function partOf(text) {
  const found = /^(more|less|not):([0-9.]+):(item|text):(.+)$/s.exec(text);
  if (!found || !SIGNS.includes(found[1]) || !(Number(found[2]) > 0)) return null;
  const [, sign, weight, kind, value] = found;
  const own = kind === "item" ? { item: Number(value) } : { text: value };
  return kind === "item" && !Number.isSafeInteger(own.item) ? null : { sign, weight: Number(weight), ...own };
}
