"""The commands `index` and `eval`, which both fill a store."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cmsearch.cli import SUMMARIES
from cmsearch.errors import QueryError
from cmsearch.text import printable
from indexer.indexer import Indexer, Progress, Report

SHOWN_SKIPPED = 20
_PLAIN_SECONDS = 10.0

_folder = click.Path(exists=True, file_okay=False, path_type=Path)
_model = click.option("--model", metavar="NAME", help="As `cmsearch models` lists them, or auto.")
_device = click.option(
    "--device", metavar="NAME", help="cpu, cuda, …; by default the best there is."
)


@click.command(short_help=SUMMARIES["index"])
@click.argument("folder", type=_folder, default=".")
@_model
@_device
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to keep the index; by default in FOLDER/.cmsearch.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print the report.",
)
def index(
    folder: Path, model: str | None, device: str | None, store: Path | None, style: str
) -> int:
    """Index a folder of pictures, captions and documents, or bring its index up to date.

    Ends with the exit code 3 if some files had to be skipped.

    \b
    Examples:
      cmsearch index ~/Pictures
      cmsearch index ~/Pictures --model clip
    """
    with _progress() as progress:
        report = Indexer(folder, store=store, model=model, device=device).run(progress)
    if style == "json":
        click.echo(json.dumps({**asdict(report), "store": str(report.store)}))
    else:
        _print_report(report)
    return 3 if report.skipped else 0


@click.command(short_help=SUMMARIES["eval"])
@click.argument("folder", type=_folder, default=".")
@_model
@_device
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The index to measure; by default the folder's own, or else one made for this.",
)
@click.option(
    "--captions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='Lines {"image", "caption"}; by default the captions in the index.',
)
@click.option(
    "--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def evaluate(
    folder: Path,
    model: str | None,
    device: str | None,
    store: Path | None,
    captions: Path | None,
    style: str,
) -> None:
    """Measure how well the captions and the pictures of FOLDER find each other.

    \b
    Example:
      cmsearch eval ~/Pictures --model lite --captions captions.jsonl
    """
    from cmsearch import evaluate as measuring
    from cmsearch import registry, searcher

    with _evaluated_store(folder, model, device, store) as place, searcher.open(place) as engine:
        gold = measuring.read_gold(captions, engine.store.root) if captions else None
        directions = measuring.evaluate(engine, gold)
        name = registry.model_name(engine.space)
    if style == "json":
        for direction in directions:
            fields = {key: asdict(measure) for key, measure in direction.measures.items()}
            click.echo(json.dumps({
                "model": name, "direction": direction.name, "queries": direction.queries,
                **fields, "milliseconds": round(direction.milliseconds, 2),
            }))  # fmt: skip
        return
    click.echo(f"{name}, in per cent, with 95 % bootstrap intervals")
    for direction in directions:
        _print_direction(direction)


@contextmanager
def _evaluated_store(
    folder: Path, model: str | None, device: str | None, store: Path | None
) -> Iterator[Path]:
    """The store to measure: the one named, the folder's own, or one that is made and deleted."""
    own = folder / ".cmsearch"
    if store is None and model is None and own.is_dir():
        store = own
    if store is not None:
        if model is not None:
            raise QueryError("An index has its model already: give --store or --model, not both.")
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="cmsearch-eval-") as place, _progress() as progress:
        Indexer(folder, store=place, model=model, device=device).run(progress)
        yield Path(place)


def _print_direction(direction: Any) -> None:
    click.echo(
        f"{direction.name}  {direction.queries} queries, "
        f"median {direction.milliseconds:.1f} ms a query"
    )
    for name, measure in direction.measures.items():
        value, low, high = (100 * number for number in (measure.value, measure.low, measure.high))
        click.echo(f"  {name:10} {value:5.1f}   [{low:5.1f}, {high:5.1f}]")


def _print_report(report: Report) -> None:
    names = ("added", "changed", "unchanged", "moved", "removed")
    counts = {name: getattr(report, name) for name in names} | {"skipped": len(report.skipped)}
    files = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    items = ", ".join(
        f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in sorted(report.items.items())
    )
    click.echo(f"files: {files or 'none'}")
    click.echo(f"index: {items or 'empty'}, with {report.model}, in {report.store}")
    if not report.items:
        click.echo("There is nothing here that can be indexed.", err=True)
    for skipped in report.skipped[:SHOWN_SKIPPED]:
        place = f"{skipped.path}:{skipped.locator}" if skipped.locator else skipped.path
        click.echo(f"skipped {printable(place)}: {printable(skipped.reason)}", err=True)
    more = len(report.skipped) - SHOWN_SKIPPED
    if more > 0:
        click.echo(f"… and {more} more; --format json has them all", err=True)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal's stderr, else a plain line every ten seconds."""
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from tqdm import tqdm

    bar: tqdm[Any] | None = None

    def show(event: Progress) -> None:
        nonlocal bar
        if bar is None or bar.desc != event.stage:
            if bar is not None:
                bar.close()
            bar = tqdm(
                desc=event.stage, total=event.total, unit=" items", leave=False, file=sys.stderr
            )
            bar.desc = event.stage
        bar.total = event.total
        bar.update(event.done - bar.n)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _lines() -> Callable[[Progress], None]:
    start = time.monotonic()
    last = start

    def show(event: Progress) -> None:
        nonlocal start, last
        now = time.monotonic()
        if event.done == 0:
            start = last = now
        elif now - last >= _PLAIN_SECONDS and event.done < event.total:
            last = now
            rate = event.done / (now - start)
            left = (event.total - event.done) / rate
            click.echo(
                f"{event.stage}: {event.done} of {event.total}, {rate:.1f} a second, "
                f"about {left:.0f} s left",
                err=True,
            )

    return show
