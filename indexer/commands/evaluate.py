"""The command `eval`, which may fill a store to measure it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cmsearch.cli import SUMMARIES
from cmsearch.commands.options import format_option
from cmsearch.errors import QueryError
from indexer.commands.options import device_option, folder_argument, model_option, progress
from indexer.indexer import Indexer


@click.command(short_help=SUMMARIES["eval"])
@folder_argument
@model_option
@device_option
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
@format_option
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
    with tempfile.TemporaryDirectory(prefix="cmsearch-eval-") as place, progress() as show:
        Indexer(folder, store=place, model=model, device=device).run(show)
        yield Path(place)


def _print_direction(direction: Any) -> None:
    click.echo(
        f"{direction.name}  {direction.queries} queries, "
        f"median {direction.milliseconds:.1f} ms a query"
    )
    for name, measure in direction.measures.items():
        value, low, high = (100 * number for number in (measure.value, measure.low, measure.high))
        click.echo(f"  {name:10} {value:5.1f}   [{low:5.1f}, {high:5.1f}]")
