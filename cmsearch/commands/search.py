"""The command `search`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cmsearch.cli import SUMMARIES
from cmsearch.commands.options import DAY, Place, Seconds, store_option

TARGETS = ("any", "image", "text", "caption", "passage")
MATCHES = ("all", "picture", "caption", "words")
TEXT_WIDTH = 60


@click.command(short_help=SUMMARIES["search"])
@click.argument("text", required=False)
@click.option("--image", metavar="FILE", help="Search with this picture; - reads it from stdin.")
@click.option(
    "--for",
    "target",
    type=click.Choice(TARGETS),
    default="any",
    show_default=True,
    help="What to find; text is captions and passages of documents.",
)
@click.option(
    "-k",
    "--top",
    "k",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many hits.",
)
@store_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "paths", "paths0"]),
    default="table",
    show_default=True,
    help="json is one object a line, paths one path a line, paths0 ends each with a NUL.",
)
@click.option("--path", metavar="GLOB", help="Only what lies there: 2024/*, *.png, IMG_1*.")
@click.option("--since", metavar="DAY", type=DAY, help="Only from this day on: 2024-05-31.")
@click.option("--until", metavar="DAY", type=DAY, help="Only up to this day, included.")
@click.option("--camera", metavar="NAME", help="Only by this camera; a part of its name will do.")
@click.option("--near", metavar="LAT,LON,KM", type=Place(), help="Only within so many kilometres.")
@click.option("--has-caption/--no-caption", default=None, help="Only with, or without, captions.")
@click.option(
    "--sort",
    type=click.Choice(["score", "date"]),
    default="score",
    show_default=True,
    help="date puts the hits in the order of their days, the newest first.",
)
@click.option(
    "--rerank",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="A second look at the best: auto (what is measured to help), attention, reciprocal, itm "
    "or itm:MODEL, none.",
)
@click.option(
    "--rerank-depth",
    "depth",
    type=click.IntRange(1),
    metavar="N",
    help="How many it looks at; by default 100, and 32 with itm.",
)
@click.option(
    "--correct/--no-correct",
    default=True,
    help="Correct hubness where that is measured to help; on by default.",
)
@click.option(
    "--match",
    type=click.Choice(MATCHES),
    default="all",
    show_default=True,
    help="By what TEXT finds pictures: what they show, their captions, or exact words.",
)
@click.option(
    "--min-relevance",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Leave out what is less likely to be about the query, from 0 to 1.",
)
@click.option(
    "--cutoff",
    type=click.Choice(["none", "auto"]),
    default="none",
    show_default=True,
    help="auto leaves out what is probably not about the query.",
)
@click.option(
    "--budget",
    type=Seconds(),
    metavar="TIME",
    help="As 300ms or 2s: a second look that would take longer is left out.",
)
def search(
    text: str | None,
    image: str | None,
    target: str,
    k: int,
    store: Path | None,
    style: str,
    sort: str,
    rerank: str,
    depth: int | None,
    correct: bool,
    match: str,
    min_relevance: float | None,
    cutoff: str,
    budget: float | None,
    **where: Any,
) -> None:
    """Find pictures and text by a sentence or by a picture.

    \b
    Examples:
      cmsearch search "a dog on the beach"
      cmsearch search --image cat.jpg --for text
      cmsearch search "snow" --since 2024-01-01 --near 46.0,7.7,30 --sort date
      cmsearch search "sunset" --for image --format paths0 | xargs -0 cp -t best/
    """
    from cmsearch import searcher
    from cmsearch.ranking import Ranking
    from cmsearch.relevance import DOUBTFUL
    from cmsearch.types import Filter

    if (text is None) == (not image):
        raise click.UsageError("Give a TEXT to search for, or --image FILE: one of the two.")
    picture = sys.stdin.buffer.read() if image == "-" else image
    least = min_relevance if min_relevance is not None else DOUBTFUL if cutoff == "auto" else 0.0
    days = {name: where[name] and where[name].date() for name in ("since", "until")}
    with searcher.open(store or ".") as engine:
        hits = engine.search(
            text,
            image=picture,
            target=target,
            k=k,
            where=Filter(**where | days),
            ranking=Ranking(rerank, depth, correct, match, least, budget),
        )
    if not hits:
        click.echo(f"Nothing of the kind {target} that passes the filters is here.", err=True)
    elif all(hit.relevance is not None and hit.relevance < DOUBTFUL for hit in hits):
        click.echo("Probably nothing here is about that; these come nearest.", err=True)
    if sort == "date":
        hits = sorted(hits, key=lambda hit: hit.taken or datetime.min, reverse=True)
    print_hits(hits, style)


def print_hits(hits: Sequence[Any], style: str) -> None:
    """Write hits to stdout as a table, as one JSON object a line, or as paths."""
    if style in ("paths", "paths0"):
        end = b"\0" if style == "paths0" else b"\n"
        for path in dict.fromkeys(os.fsencode(hit.path) for hit in hits):
            click.echo(path + end, nl=False)
        return
    for hit in hits:
        click.echo(_json(hit) if style == "json" else _row(hit))


def _json(hit: Any) -> bytes:
    """One line in UTF-8; bytes of a name that aren't are escaped as JSON escapes surrogates."""
    line = json.dumps(
        {
            "rank": hit.rank,
            "score": hit.score,
            "path": str(hit.path),
            "source": hit.source,
            "modality": hit.modality,
            "kind": hit.kind,
            "text": hit.text,
            "taken": hit.taken and hit.taken.isoformat(" "),
            "relevance": hit.relevance,
            "stages": dict(hit.stages),
        },
        ensure_ascii=False,
    )
    return line.encode("utf-8", "backslashreplace")


def _row(hit: Any) -> str:
    from cmsearch.text import printable

    row = f"{hit.rank:>3}  {hit.score:6.3f}  {hit.kind:8} {printable(_shown(hit.path))}"
    if hit.text is None:
        return row
    text = printable(hit.text)
    text = text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…"
    return f"{row}  {text}  ({printable(hit.source)})"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
