// What to do with the results that were chosen.

import { useState } from "./vendor/hooks.js";
import { ask } from "./api.js";
import { isSearch } from "./asked.js";
import { html } from "./html.js";
import { t } from "./strings.js";

/** A bar of acts on the chosen results; `drop` chooses none. */
export function Selection({ chosen, asked, change, drop, say, annotate }) {
  const [isBusy, setBusy] = useState(false);
  const more = (sign) => change({
    parts: [...asked.parts, ...chosen.slice(0, 16 - asked.parts.length).map(({ item }) => ({ item, sign, weight: 1 }))],
    order: "relevance",
  });
  const copy = async () => {
    await navigator.clipboard.writeText(chosen.map((hit) => hit.path).join("\n"));
    say(t("copied", chosen.length));
  };
  const mark = async (right) => {
    setBusy(true);
    try {
      for (const { item, store } of chosen)
        await ask("v1/marks", { body: { store, query: asked.query.trim(), target: asked.target, item, right } });
      say(t(right ? "markedRight" : "markedWrong", chosen.length));
      drop();
    } catch (error) {
      say(error.message);
    }
    setBusy(false);
  };
  const items = chosen.map((hit) => hit.item);
  const store = chosen[0].store;
  const canMark = isSearch(asked) && !asked.parts.length;
  const button = (words, act) => html`<button type="button" class="plain" disabled=${isBusy} onClick=${act}>${words}</button>`;
  return html`<div class="selection" role="toolbar" aria-label=${t("chosen", chosen.length)}>
    <b>${t("chosen", chosen.length)}</b>
    <button type="button" class="round" title=${t("drop0")} aria-label=${t("drop0")} onClick=${drop}>×</button>
    ${button(t("moreLikeThese"), () => more("more"))}
    ${canMark && button(t("right"), () => mark(true))}
    ${canMark && button(t("wrong"), () => mark(false))}
    ${button(t("annotateThese"), () => annotate(chosen))}
    ${button(t("copyPaths"), copy)}
    <${Sent} action="v1/download" items=${items} store=${store} words=${t("zip")} />
    <${Sent} action="v1/sheet" items=${items} store=${store} title=${asked.query.trim()} words=${t("sheet")} />
  </div>`;
}

/** A button that saves what the service makes of the chosen items, as a browser saves a file. */
const Sent = ({ action, items, store, title, words }) =>
  html`<form method="post" action=${action}>
    <input type="hidden" name="store" value=${store} /><input type="hidden" name="items" value=${items.join(",")} />
    ${title && html`<input type="hidden" name="title" value=${title} />`}
    <button class="plain">${words}</button>
  </form>`;
