// The pictures that are nearly the same as a result, of which each can be seen and chosen.

import { useEffect, useState } from "./vendor/hooks.js";
import { ask, thumbnail } from "./api.js";
import { html } from "./html.js";
import { shaped } from "./results.js";
import { t } from "./strings.js";
import { nameOf } from "./tile.js";

/** A strip of a hit and its copies; `show` is called with the one to see, `choose` with one to choose. */
export function Stack({ hit, shown, show, selected, choose }) {
  const copies = useCopies(hit);
  return html`<div class="stack" role="group" aria-label=${t("alike", hit.copies.length)}>${[hit, ...copies].map((one) => html`<div key=${one.item} class="stack-one">
    <button type="button" class="stack-open" title=${one.source} aria-label=${nameOf(one)} aria-current=${one.item === shown.item} onClick=${() => show(one)}>
      <img src=${thumbnail(one, 160)} alt="" draggable=${false} /></button>
    <button type="button" class="tile-choose" role="checkbox" aria-checked=${selected.has(one.item)} aria-label=${t("choose", nameOf(one))} onClick=${() => choose(one)}></button>
  </div>`)}</div>`;
}

function useCopies(hit) {
  const [copies, setCopies] = useState([]);
  useEffect(() => {
    setCopies([]);
    const stop = new AbortController();
    const { signal } = stop;
    const own = { store: hit.store, items: hit.copy_items.slice(0, 200) };
    ask("v1/picked", { signal, body: own })
      .then(async ({ hits }) => setCopies(shaped({ hits, ...(await ask("v1/sizes", { signal, body: { ...own, items: hits.map((one) => one.item) } })) }).hits))
      .catch(() => {}); // the hit itself is seen without them
    return () => stop.abort();
  }, [hit.item]);
  return copies;
}
