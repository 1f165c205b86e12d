"""The command `explain`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.cli import SUMMARIES
from cmsearch.commands.options import format_option, store_option
from cmsearch.text import printable

if TYPE_CHECKING:
    from cmsearch.explain import Explanation, Word


@click.command(short_help=SUMMARIES["explain"])
@click.argument("query")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PNG",
    help="Where to draw it; by default FILE's name with .explain.png, in this folder.",
)
@click.option("--force", is_flag=True, help="Replace a drawing that is there already.")
@format_option
def explain(
    query: str, file: Path, store: Path | None, out: Path | None, force: bool, style: str
) -> None:
    """Say why the picture FILE ranks as it does for QUERY, and draw what each word looks at.

    \b
    Examples:
      cmsearch explain "a dog on the beach" beach.jpg
      cmsearch explain "a red car" 2024/car.jpg --out /tmp/car.png --format json
    """
    from cmsearch import heatmap, searcher

    target = out or Path(f"{file.name}.explain.png")
    if target.suffix.lower() != ".png":
        raise click.UsageError(f"The drawing is a PNG; name it so, not {target.name}.")
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already; --force replaces it.")
    with searcher.open(store or ".") as engine:
        found = engine.explain(query, file)
    drawn = target if found.words else None
    if drawn is not None:
        drawing = io.BytesIO()
        heatmap.draw(found, heatmap.read(found.path)).save(drawing, "PNG", optimize=True)
        _write(drawn, drawing.getvalue(), force)
    click.echo(_json(found, drawn) if style == "json" else "\n".join(_table(found)))
    said = "No regions: the model gives none, or no word of the query weighs anything."
    click.echo(said if drawn is None else f"Drawn in {printable(str(drawn))}.", err=True)


def _write(target: Path, data: bytes, force: bool) -> None:
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(data)
    except OSError as error:
        raise click.FileError(printable(str(target)), str(error.strerror)) from error


def _table(found: Explanation) -> Iterator[str]:
    place = "not found" if found.rank is None else f"rank {found.rank}"
    likely = "" if found.relevance is None else f", relevance {found.relevance:.0%}"
    yield f"{printable(str(found.path))}: {place} of {found.pictures} pictures{likely}"
    yield ""
    yield "stage         score"
    notes = {"caption": found.caption or "", "words": " ".join(found.matched)}
    for name, score in found.stages.items():
        yield f"{name:12} {score:6.3f}  {printable(notes.get(name, ''))}".rstrip()
    if found.words:
        yield ""
        yield "word          weight  attention  most on        similarity"
    for word in sorted(found.words, key=lambda word: -word.weight):
        region, share = _best(word)
        text = printable(word.text)
        yield f"{text:12}  {word.weight:6.1%}  {share:9.1%}  {region:13}  {word.similarity:10.3f}"


def _best(word: Word) -> tuple[str, float]:
    """The region that a word attends to most, and how much."""
    from cmsearch.explain import REGIONS

    best = int(word.attention.argmax())
    return REGIONS[best], float(word.attention[best])


def _json(found: Explanation, drawn: Path | None) -> bytes:
    fields: dict[str, Any] = {
        "query": found.query,
        "path": str(found.path),
        "pictures": found.pictures,
        "rank": found.rank,
        "score": found.score,
        "relevance": found.relevance,
        "stages": dict(found.stages),
        "caption": found.caption,
        "matched": found.matched,
        "words": [_fields(word) for word in found.words],
        "crop": found.crop,
        "drawn": drawn and str(drawn),
    }
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _fields(word: Word) -> dict[str, Any]:
    from cmsearch.explain import REGIONS

    attention = zip(REGIONS, word.attention.tolist(), strict=False)
    return {
        "word": word.text,
        "weight": word.weight,
        "similarity": word.similarity,
        "attention": {region: round(share, 6) for region, share in attention},
    }
