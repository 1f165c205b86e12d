// Names and words that read from right to left, among others: each keeps its own direction, and disturbs none beside it.

import { html } from "./html.js";

/** Letters of scripts that are read from right to left, and characters that turn the direction of what follows. */
const TURNED = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A text for the middle of another, where no element can be. */
export const isolated = (text) => (TURNED.test(text) ? `\u2068${text}\u2069` : text);

/** A name or a path of a file: its folders, its name and its ending stand from left to right, each read in its own direction. */
export const Name = ({ of }) =>
  TURNED.test(of) ? html`<bdi dir="ltr">${of.split(/([/\\.])/).map((part, i) => (i % 2 ? part : html`<bdi key=${i}>${part}</bdi>`))}</bdi>` : of;
