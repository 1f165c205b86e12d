// The words of the page in the language of the browser: one file each in `lang`.

import { isolated } from "./bidi.js";

const LANGUAGES = ["en", "de"];
let words = {};

/** The language that fits the browser's best; `lang=de` in the address asks for another. */
export function chosenLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wanted = [asked, ...navigator.languages].filter(Boolean).map((one) => one.slice(0, 2));
  return wanted.find((one) => LANGUAGES.includes(one)) ?? "en";
}

/** Load the words of a language. */
export async function loadLanguage(name) {
  words = (await import(`./lang/${name}.js`)).default;
  document.documentElement.lang = name;
}

/** The words for a name; those with a number or a word in them are functions of it. */
export function t(name, ...values) {
  const found = words[name];
  if (found === undefined) return name;
  return typeof found === "function" ? found(...values.map((one) => (typeof one === "string" ? isolated(one) : one))) : found;
}

/** A number as the language writes it. */
export const number = (value, options) =>
  new Intl.NumberFormat(document.documentElement.lang, options).format(value);

/** A day such as `2024-05-31` in words; a month or a year where it is one. */
export function dayInWords(day) {
  const parts = { 4: {}, 7: { month: "long" }, 10: { month: "long", day: "numeric", weekday: "short" } };
  const date = new Date(`${day}-01-01`.slice(0, 10).replace(/^(\d{4}-\d{2})-0$/, "$1-01"));
  if (Number.isNaN(date.getTime())) return day;
  const format = { year: "numeric", timeZone: "UTC", ...parts[day.length] };
  return new Intl.DateTimeFormat(document.documentElement.lang, format).format(date);
}
