// The pages of a document: to turn, with the words that are sought marked on each.

import { useEffect, useState } from "./vendor/hooks.js";
import { ask, parameters } from "./api.js";
import { html } from "./html.js";
import { Icon } from "./search-bar.js";
import { t } from "./strings.js";

const UP = "M6 15l6-6 6 6";
const DOWN = "M6 9l6 6 6-6";
const NONE = { pages: 0, words: [] };

/** How many pages the document of a hit has, and where the words of the query stand on its own. */
export function useWords(hit, asked) {
  const [found, setFound] = useState(NONE);
  const query = [asked.query, ...asked.parts.filter((part) => part.sign === "more").map((part) => part.text ?? "")].join(" ").trim();
  const isPage = (hit?.page ?? null) !== null;
  useEffect(() => {
    setFound(({ pages }) => ({ pages: isPage ? pages : 0, words: [] }));
    if (!isPage) return undefined;
    const stop = new AbortController();
    const address = `v1/items/${hit.item}/words?${parameters({ q: query.slice(0, 10_000), store: hit.store, page: hit.page })}`;
    ask(address, { signal: stop.signal }).then(setFound, () => {}); // the page is seen without marks
    return () => stop.abort();
  }, [hit?.item, hit?.page, query]);
  return found;
}

/** A hit that shows another page of its document. */
export const turned = (hit, page) => ({ ...hit, page, turned: true, text: null, width: undefined, height: undefined });

/** Which page is shown of how many, with buttons to turn them; one that has nothing to do keeps the focus, and so the keys. */
export const Pages = ({ page, pages, turn }) => html`<span class="pages" role="group" aria-label=${t("pages")}>
  <button type="button" class="round" title=${t("pageBefore")} aria-label=${t("pageBefore")} aria-disabled=${page <= 1} onClick=${() => page > 1 && turn(page - 1)}><${Icon} path=${UP} /></button>
  <span aria-live="polite">${t("pageOf", page, pages)}</span>
  <button type="button" class="round" title=${t("pageAfter")} aria-label=${t("pageAfter")} aria-disabled=${page >= pages} onClick=${() => page < pages && turn(page + 1)}><${Icon} path=${DOWN} /></button>
</span>`;
