// A film or a recording with every hit on its time line, or the text of a document.

import { useEffect, useRef, useState } from "./vendor/hooks.js";
import { literally, media, pathOf, search, thumbnail } from "./api.js";
import { isSearch } from "./asked.js";
import { Name } from "./bidi.js";
import { html } from "./html.js";
import { t } from "./strings.js";
import { clock, isFilm, nameOf } from "./tile.js";

/** Whether a hit is a moment of something that plays. */
export const isPlayed = (hit) => hit.start !== null;

/** What plays, from the moment that was found; or a text that has no picture. */
export function Player({ hit, asked }) {
  if (!isPlayed(hit)) return html`<${Text} hit=${hit} />`;
  const player = useRef(null);
  const [length, setLength] = useState(0);
  const [now, setNow] = useState(hit.start);
  const [isMute, setMute] = useState(false);
  const moments = useMoments(hit, asked);
  const start = () => {
    setLength(player.current.duration || 0);
    player.current.currentTime = hit.start;
  };
  const seek = (time) => {
    player.current.currentTime = time;
    player.current.play().catch(() => {}); // a browser may want a click of its own first
  };
  const own = { ref: player, src: media(hit), controls: true, preload: "metadata", onLoadedMetadata: start,
    onTimeUpdate: () => setNow(player.current.currentTime), onError: () => setMute(true) };
  return html`<div class="player">
    ${isFilm(hit) ? html`<video ...${own} poster=${thumbnail(hit, 1280)} playsinline></video>` : html`<audio ...${own}></audio>`}
    ${isMute && html`<p role="alert">${t("cantPlay", nameOf(hit))} <a href=${media(hit)} download>${t("download")}</a></p>`}
    ${length > 0 && html`<div class="moments" role="group" aria-label=${t("moments")}>
      <span class="moments-now" style=${{ left: `${(100 * now) / length}%` }}></span>
      ${moments.map((one) => html`<button key=${one.item} type="button" title=${wordsOf(one)} aria-label=${wordsOf(one)}
        style=${{ left: `${(100 * one.start) / length}%`, width: `${Math.max(1, (100 * (one.end - one.start)) / length)}%`, opacity: 0.35 + 0.65 * one.relevance }}
        onClick=${() => seek(one.start)}></button>`)}
    </div>`}
    ${hit.text && html`<p class="said" dir="auto">${hit.text}</p>`}
  </div>`;
}

const wordsOf = (one) => [clock(one.start), one.text?.slice(0, 120)].filter(Boolean).join(" ");

/** Every moment of the same file that the search finds, the hit itself among them. */
function useMoments(hit, asked) {
  const [moments, setMoments] = useState([hit]);
  useEffect(() => {
    if (!isSearch(asked)) return undefined;
    const stop = new AbortController();
    const path = literally(pathOf(hit));
    search({ ...asked, filters: { ...asked.filters, path }, target: "any" }, { signal: stop.signal, size: 200, expand: true }).then(
      ({ hits }) => setMoments(apart(hits.filter((one) => one.start !== null))),
      () => {}, // the film plays without them
    );
    return () => stop.abort();
  }, [hit.item]);
  return moments;
}

/** Moments that don't cover each other, in their order; of those that do the most relevant is left. */
function apart(moments) {
  const left = [];
  for (const one of moments)
    if (left.every((other) => one.end <= other.start || one.start >= other.end)) left.push(one);
  return left.sort((one, other) => one.start - other.start);
}

function Text({ hit }) {
  return html`<article class="passage"><h2><${Name} of=${nameOf(hit)} />${hit.page === null ? "" : `, ${t("pageNumber", hit.page)}`}</h2><p dir="auto">${hit.text}</p></article>`;
}
