"""Measure how well the pages of documents are found, and how fast they are read.

    python -m scripts.bench.documents [--seconds]

The pages of docs/ become one web page, one Word document and one PDF (which Chromium prints; the
variable CHROMIUM names one that isn't on the path). Twenty questions are asked of each, in words
of their own. A hit is right if its passage has the answer, or its page does.
`--seconds` reads and indexes the PDF alone, and says how many pages a second that makes.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import docx

import cmsearch
from cmsearch.media import pdfium
from cmsearch.media.pdf import PdfReader
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.types import Hit, Part, Reading
from indexer import Indexer
from tests.chromium import found as chromium

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (
    *("annotation", "duplicates", "indexing", "pages", "previews", "queries", "search", "shell"),
    *("store", "training"),
)
QUESTIONS = {
    "what happens when the hard disk with my photos is not plugged in": "drive is not mounted",
    "can two programs index at the same time": "One process at a time writes a store",
    "are raw camera files supported": "which installs rawpy",
    "how do I leave some folders out": "What a .cmsearchignore names",
    "which picture of a moving GIF is used": "Of an animation the first frame counts",
    "go back to the former model": "let the one before serve again",
    "run it as a background service on Linux": "As a service of systemd",
    "what if I rename a photograph": "A file that was moved or renamed is known again",
    "delete the worse copies of a picture": "the file with the most bytes",
    "is a mirrored picture recognised as the same": "all eight orientations are compared",
    "my terminal multiplexer shows coarse pictures": "tmux, screen and Zellij",
    "why does it refuse to launch some files": "only files are opened whose name",
    "which file may I delete without losing anything": "delete every other file",
    "how are numbers stored, which byte order": "All numbers in blobs and files are",
    "give one part of the query more importance": "A weight is a number from 0.01 to 100",
    "search for text with a minus sign in it": "Quotes around a whole part make it literal",
    "photographs near a place on the map": "on a sphere of radius 6,371 km",
    "can the contact sheet be sent by e-mail": "They can be mailed, archived",
    "how do I tag pictures with my own words": "A file of labels is UTF-8 text",
    "take back the last search in the session": "goes back to the search before",
}
DEPTH = 3
_MARKS = re.compile(r"\[([^]]*)\]\([^)]*\)|[`*]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        files = write_all(Path(place))
        if wanted.seconds:
            print_rates(files["pdf"])
            return
        print(f"of {len(QUESTIONS)} questions: right at rank 1, within {DEPTH}; MRR; items")
        for name, folder in files.items():
            print_row(f"{name}: passage with the answer", folder, "passage", has)
        on_page = pages_with(files["pdf"])
        print_row("pdf: passage on its page", files["pdf"], "passage", on_page)
        print_row("pdf: its page", files["pdf"], "page", on_page)
        print_row("pdf: its page, by looks alone", files["pdf"], "page", on_page, "picture")


def write_all(place: Path) -> dict[str, Path]:
    """A folder with the documents in each of the formats."""
    blocks = [block for name in PAGES for block in blocks_of((DOCS / f"{name}.md").read_text())]
    folders = {name: place / name for name in ("md", "html", "docx", "pdf")}
    for folder in folders.values():
        folder.mkdir()
    for name in PAGES:
        (folders["md"] / f"{name}.md").write_text((DOCS / f"{name}.md").read_text())
    page = "\n".join(as_html(*block) for block in blocks)
    style = "body { font: 11pt serif } h1 { break-before: page } pre { white-space: pre-wrap }"
    page = f"<!doctype html><meta charset=utf-8><title>cmsearch</title><style>{style}</style>{page}"
    (folders["html"] / "docs.html").write_text(page)
    write_docx(folders["docx"] / "docs.docx", blocks)
    print_pdf(folders["html"] / "docs.html", folders["pdf"] / "docs.pdf")
    return folders


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """The paragraphs of Markdown, as far as these pages use it, with names of elements."""
    kind, lines = "p", list[str]()
    for line in [*text.splitlines(), ""]:
        is_code = line.startswith("    ") and (kind == "pre" or not lines)
        heading = re.match(r"#+ ", line)
        starts = heading or re.match(r"\s*([-*]|\d+\.) |\|", line) or line.startswith("```")
        if (not line.strip() or starts or is_code != (kind == "pre")) and lines:
            yield kind, _MARKS.sub(r"\1", " ".join(lines))
            lines = []
        if not lines:
            kind = "p"
        if heading:
            yield f"h{len(heading[0]) - 1}", _MARKS.sub(r"\1", line[len(heading[0]) :])
        elif line.startswith("|"):
            if not set(line) <= set("|-: "):
                yield "tr", _MARKS.sub(r"\1", line.strip("| ").replace(" | ", "\t"))
        elif line.strip() and not line.startswith("```"):
            kind = "pre" if is_code else "li" if starts else kind
            lines.append(re.sub(r"^\s*([-*]|\d+\.) ", "", line).strip())


def as_html(kind: str, text: str) -> str:
    cells = "".join(f"<td>{html.escape(cell)}" for cell in text.split("\t"))
    inner = cells if kind == "tr" else html.escape(text)
    return f"<table><tr>{inner}</table>" if kind == "tr" else f"<{kind}>{inner}</{kind}>"


def write_docx(path: Path, blocks: Sequence[tuple[str, str]]) -> None:
    document = docx.Document()
    for kind, text in blocks:
        if kind.startswith("h"):
            document.add_heading(text, int(kind[1:]))
        elif kind == "tr":
            cells = text.split("\t")
            for cell, own in zip(document.add_table(1, len(cells))._cells, cells, strict=True):
                cell.text = own
        else:
            document.add_paragraph(text)
    document.save(str(path))


def print_pdf(source: Path, target: Path) -> None:
    program = chromium()
    if program is None:
        raise SystemExit("There is no Chromium; install one, or name it by CHROMIUM.")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={target}")
    subprocess.run([program, *options, source.as_uri()], check=True, capture_output=True)


def print_row(
    name: str, folder: Path, kind: str, is_right: Callable[[Hit, str], bool], match: str = "all"
) -> None:
    report = Indexer(folder, model="lite").run()
    ranks = []
    with cmsearch.open(folder) as engine:
        for question, answer in QUESTIONS.items():
            hits = engine.search(question, target=kind, k=50, ranking=Ranking(match=match))
            right = [hit.rank for hit in hits if is_right(hit, answer)]
            ranks.append(min(right, default=0))
    first, early = (sum(0 < rank <= depth for rank in ranks) for depth in (1, DEPTH))
    mrr = sum(1 / rank for rank in ranks if rank) / len(ranks)
    print(f"{name:30} {first:3} {early:3} {mrr:6.2f} {report.items[kind]:5}")


def has(hit: Hit, answer: str) -> bool:
    return answer.lower() in plain(hit.text or "")


def pages_with(folder: Path) -> Callable[[Hit, str], bool]:
    """Whether a hit is on a page that has the answer."""
    texts: dict[int, str] = {}
    for part in PdfReader().read(folder / "docs.pdf", Reading(16)):
        if isinstance(part, Part) and part.kind == "passage":
            number = int(part.locator[1:].split(":")[0])
            texts[number] = f"{texts.get(number, '')} {part.content}"
    return lambda hit, answer: answer.lower() in plain(texts.get(hit.page or 0, ""))


def plain(text: str) -> str:
    return " ".join(_MARKS.sub(r"\1", text).lower().split())


def print_rates(folder: Path) -> None:
    """Wall time says what a machine with nothing else to do takes; processor time any machine."""
    path = folder / "docs.pdf"
    parts: list[Part] = []

    def read() -> None:
        parts.extend(one for one in PdfReader().read(path, Reading(256)) if isinstance(one, Part))

    took = {"read and rendered": spent(read)}
    indexer = Indexer(folder, model="lite")
    path.rename(folder / "docs.later")
    indexer.run()  # the model is loaded, and the bank of captions is encoded
    (folder / "docs.later").rename(path)
    took["indexed with lite"] = spent(indexer.run)
    pages, passages = (sum(part.kind == kind for part in parts) for kind in ("page", "passage"))
    print(f"{pages} pages with {passages} passages, {os.cpu_count()} processors")
    for name, (wall, processor) in took.items():
        own = 1000 * processor / pages
        print(f"{name}: {pages / wall:.1f} pages a second, {own:.0f} ms of processor a page")


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """The wall time and the processor time of some work, with that of its processes."""
    pdfium._pool.end_all()
    before, started = sum(os.times()[:4]), time.perf_counter()
    work()
    wall = time.perf_counter() - started
    pdfium._pool.end_all()
    return wall, sum(os.times()[:4]) - before


if __name__ == "__main__":
    main()
