"""The command `explain`."""

# Tested by tests/e2e/test_explain.py

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands import warm
from cmsearch.commands.options import daemon_option, format_option, store_option
from cmsearch.common.files import check_no_link, create_file, replace_file
from cmsearch.common.text import json_line, printable
from cmsearch.media.moments import FILE
from cmsearch.search.regions import REGIONS
from cmsearch.search.wire import NO_REGIONS, explanation_as_json, notes_from_json
from cmsearch.show.noted import noted
from cmsearch.types import Modality, Query, QueryPart

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine

_BAR = 12  # characters of the longest bar of evidence, to either side


@click.command()
@click.argument("query")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="A picture that is asked with beside QUERY, as with `cmsearch search --image`.",
)
@store_option
@daemon_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PNG",
    help="Where to draw it; by default FILE's name with .explain.png, in this folder.",
)
@click.option("--force", is_flag=True, help="Replace a drawing that is there already.")
@format_option
def explain(
    query: str,
    file: Path,
    image: Path | None,
    store: Path | None,
    out: Path | None,
    force: bool,
    style: str,
) -> None:
    """Say why the picture FILE ranks as it does for QUERY, and draw what each word looks at.

    \b
    Examples:
      cmsearch explain "a dog on the beach" beach.jpg
      cmsearch explain "a red car" 2024/car.jpg --out /tmp/car.png --format json
      cmsearch explain "but at night" street.jpg --image room.jpg
    """
    target = out or Path(f"{file.name}.explain.png")
    if target.suffix.lower() != ".png":
        raise click.UsageError(f"The drawing is a PNG; name it so, not {target.name}.")
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already; --force replaces it.")
    parts = [QueryPart(query), *([] if image is None else [QueryPart(image, Modality.IMAGE)])]
    asked = Query(tuple(parts))
    found, drawing = _by_daemon(asked, file, store) or _here(asked, file, store)
    if drawing is not None:
        _write(target, drawing, force)
        found["drawn"] = str(target)
    click.echo(json_line(found).encode() if style == "json" else "\n".join(_table(found)))
    said = NO_REGIONS if drawing is None else f"Drawn in {printable(str(target))}."
    click.echo(said, err=True)


def _here(query: Query, file: Path, store: Path | None) -> tuple[dict[str, Any], bytes | None]:
    from cmsearch.search import engine as searcher

    with searcher.open(store or ".") as engine:
        return explained(engine, query, file)


def _by_daemon(
    query: Query, file: Path, store: Path | None
) -> tuple[dict[str, Any], bytes | None] | None:
    answer = warm.asked("explain", store, lambda: _request(query, file))
    if answer is None:
        return None
    try:
        found, drawing = answer["found"], answer["drawing"]
        list(_table(found))  # or it is no explanation
        return found, None if drawing is None else warm.data_from_json(drawing)
    except warm.UNREADABLE:
        return None


def _request(query: Query, file: Path) -> dict[str, Any]:
    return {"parts": list(map(warm.sent_part, query.parts)), "file": warm.path_as_json(file)}


def answered(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """A daemon's answer to what is to be explained, both in JSON's types."""
    parts = tuple(map(warm.received_part, request["parts"]))
    found, drawing = explained(engine, Query(parts), Path(request["file"]))
    return {"found": found, "drawing": None if drawing is None else warm.data_as_json(drawing)}


def explained(engine: Engine, query: Query, file: Path) -> tuple[dict[str, Any], bytes | None]:
    """An explanation in JSON's types, and its drawing as a PNG if it has one."""
    from cmsearch.show import heatmap

    found = engine.explain(query, file)
    drawing = heatmap.png(found, heatmap.read(found.path)) if found.words else None
    return explanation_as_json(found), drawing


def _write(target: Path, data: bytes, force: bool) -> None:
    try:
        check_no_link(target)
        (replace_file if force else create_file)(target, data)
    except OSError as error:
        raise click.FileError(printable(str(target)), str(error.strerror)) from error


def _table(found: Mapping[str, Any]) -> Iterator[str]:
    place = "not found" if found["rank"] is None else f"rank {found['rank']}"
    likely = "" if found["relevance"] is None else f", relevance {found['relevance']:.1%}"
    yield f"{printable(found['path'])}: {place} of {found['pictures']} pictures{likely}"
    if found["taken_source"] not in (None, FILE):
        yield f"when it was taken is told by: {printable(found['taken_source'])}"
    if told := noted(notes_from_json(found)):
        yield f"noted: {printable(told)}"
    yield ""
    yield from _evidence_table(found)
    yield from _boxes(found["lines"])
    if found["words"]:
        yield ""
        yield "word          weight  attention  most on        similarity"
    for word in sorted(found["words"], key=lambda word: -word["weight"]):
        region, share = max(word["attention"].items(), key=lambda pair: pair[1])
        row = f"{printable(word['word']):12}  {word['weight']:6.1%}  {share:9.1%}  {region:13}"
        yield f"{row}  {word['similarity']:10.3f}"
    if found["joined"] is not None:
        yield ""
        yield from _joined_table(found["joined"])


def _boxes(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of text that were found in the picture, with where they stand."""
    if lines:
        yield ""
        yield "from left  from top  to right  to bottom  text in the picture"
    for line in lines:
        across, down = line["box"][::2], line["box"][1::2]
        ends = f"{min(across):9.0%}  {min(down):8.0%}  {max(across):8.0%}  {max(down):9.0%}"
        yield f"{ends}  {printable(line['text'])}"


def _evidence_table(found: Mapping[str, Any]) -> Iterator[str]:
    """The log-odds that each way adds, as bars to the left and right of none."""
    yield f"evidence     log-odds  {'against':>{_BAR}} | for"
    written = " ".join(line["text"] for line in found["lines"])
    notes = {"caption": found["caption"] or "", "words": " ".join(found["matched"])}
    notes["ocr"] = written
    highest = max((abs(value) for value in found["stages"].values()), default=0.0) or 1.0
    for name, value in found["stages"].items():
        bar = "█" * round(abs(value) / highest * _BAR)
        left, right = ("", bar) if value >= 0 else (bar, "")
        note = printable(notes.get(name, ""))
        yield f"{name:12} {value:+8.2f}  {left:>{_BAR}} | {right:{_BAR}}  {note}".rstrip()
    if found["score"] is not None:
        yield f"{'together':12} {found['score']:+8.2f}"


def _joined_table(joined: Mapping[str, Any]) -> Iterator[str]:
    how = "not trained: the weighted sum"
    if joined["trained"]:
        how = f"by the network, which adds a vector of length {joined['added']:.2f}"
    yield f"joined: picture {joined['image']:.0%}, text {joined['text']:.0%}; {how}"
    rows = [row[1:] for row in joined["by_text"][1:]]
    if joined["words"] and any(rows):
        yield "word          attention  most on, in the query's picture"
        for word, attention in zip(joined["words"], rows, strict=False):
            region, share = _best(attention)
            yield f"{printable(word):12}  {share:9.1%}  {region}"


def _best(attention: Sequence[float]) -> tuple[str, float]:
    """The region that is attended to most, and how much."""
    share = max(attention)
    best = attention.index(share)
    return REGIONS[best] if best < len(REGIONS) else f"token {best}", share
