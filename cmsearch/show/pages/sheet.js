"use strict";
const $ = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll(".card")];
const pictures = cards.filter((card) => card.querySelector(".open"));
const box = (card) => card.querySelector(".mark input");
const marked = () => cards.filter((card) => box(card).checked);
let shown = -1;

for (const card of pictures) {
  const ratio = card.dataset.width / card.dataset.height;
  card.style.setProperty("--ratio", Math.min(2.6, Math.max(0.72, ratio)).toFixed(4));
  card.querySelector(".open").addEventListener("click", () => show(pictures.indexOf(card)));
}
for (const card of cards) box(card).addEventListener("change", tell);

function tell() {
  const count = marked().length;
  $("tray").hidden = count === 0;
  $("count").textContent = `${count} marked`;
  $("copy").textContent = "Copy paths";
}

function show(number) {
  shown = (number + pictures.length) % pictures.length;
  const card = pictures[shown], data = card.dataset, link = card.querySelector(".name a");
  $("picture").src = card.querySelector("img").src;
  $("picture").alt = card.querySelector("img").alt;
  $("caption").textContent = data.text;
  $("caption").hidden = !data.text;
  $("place").textContent = data.path;
  $("place").href = link.href;
  const facts = [
    `rank ${card.querySelector(".rank").textContent}`,
    `score ${data.score}`,
    `relevance ${card.querySelector(".relevance span").textContent}`,
  ];
  if (data.taken) facts.push(data.taken);
  $("facts").textContent = facts.join("  ·  ");
  $("marked").checked = box(card).checked;
  $("before").hidden = $("after").hidden = pictures.length < 2;
  if (!$("large").open) $("large").showModal();
}

function mark(checked) {
  box(pictures[shown]).checked = checked;
  $("marked").checked = checked;
  tell();
}

async function copy() {
  const paths = [...new Set(marked().map((card) => card.dataset.path))].join("\n");
  try {
    await navigator.clipboard.writeText(paths);
    $("copy").textContent = "Copied";
  } catch {
    $("paths").value = paths;
    $("manual").showModal();
    $("paths").select();
  }
}

$("before").addEventListener("click", () => show(shown - 1));
$("after").addEventListener("click", () => show(shown + 1));
$("close").addEventListener("click", () => $("large").close());
$("marked").addEventListener("change", (event) => mark(event.target.checked));
$("large").addEventListener("click", (event) => event.target === $("large") && $("large").close());
$("large").addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(shown - 1);
  else if (event.key === "ArrowRight") show(shown + 1);
  else if (event.key === "m") mark(!box(pictures[shown]).checked);
});
$("large").addEventListener("close", () => pictures[shown].querySelector(".open").focus());
$("copy").addEventListener("click", copy);
$("clear").addEventListener("click", () => {
  for (const card of marked()) box(card).checked = false;
  tell();
});
tell();
