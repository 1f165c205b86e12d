"""The command `eval`, which may fill a store to measure it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
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
@click.option("--ablate", is_flag=True, help="What each stage of the ranking gains.")
@click.option("--calibration", is_flag=True, help="What thresholds of relevance leave out.")
@click.option(
    "--compare",
    multiple=True,
    metavar="MODEL",
    help="Index with this model too, and say what it gains; may be given again.",
)
@format_option
def evaluate(
    folder: Path,
    model: str | None,
    device: str | None,
    store: Path | None,
    captions: Path | None,
    ablate: bool,
    calibration: bool,
    compare: Sequence[str],
    style: str,
) -> None:
    """Measure how well the captions and the pictures of FOLDER find each other.

    \b
    Example:
      cmsearch eval ~/Pictures --model lite --captions captions.jsonl
      cmsearch eval ~/Pictures --ablate --calibration
      cmsearch eval ~/Pictures --model lite --compare clip
    """
    from cmsearch import ablation, registry, searcher
    from cmsearch import evaluate as measuring

    with _evaluated_store(folder, model, device, store) as place, searcher.open(place) as engine:
        gold = measuring.read_gold(captions, engine.store.root) if captions else None
        directions = measuring.evaluate(engine, gold)
        name = registry.model_name(engine.space)
        gains = ablation.ablate(engine, gold) if ablate else []
        curve = ablation.calibrate(engine, gold) if calibration else None
    if style == "json":
        for direction in directions:
            click.echo(json.dumps(_fields(name, direction)))
        for gain in gains:
            click.echo(json.dumps({"model": name, **asdict(gain)}))
        if curve is not None:
            click.echo(json.dumps({"model": name, "calibration": asdict(curve)}))
    else:
        click.echo(f"{name}, in per cent, with 95 % bootstrap intervals")
        for direction in directions:
            _print_direction(direction)
        _print_gains(gains, "what a stage adds to the first stage alone")
        if curve is not None:
            _print_calibration(curve)
    for other in compare:
        _compare(folder, other, device, captions, directions, style)


def _compare(
    folder: Path,
    model: str,
    device: str | None,
    captions: Path | None,
    before: Sequence[Any],
    style: str,
) -> None:
    """Measure another model on the same pairs, and print what it gains."""
    from cmsearch import ablation, registry, searcher
    from cmsearch import evaluate as measuring

    with _evaluated_store(folder, model, device, None) as place, searcher.open(place) as engine:
        gold = measuring.read_gold(captions, engine.store.root) if captions else None
        after = measuring.evaluate(engine, gold)
        name = registry.model_name(engine.space)
    if [one.queries for one in after] != [one.queries for one in before]:
        raise QueryError(f"{name} was not measured with the same captions: index FOLDER again.")
    gains = [
        ablation.Gain(one.name, name, ablation.gains(one, two))
        for one, two in zip(before, after, strict=True)
    ]
    if style == "json":
        for gain in gains:
            click.echo(json.dumps(asdict(gain)))
        return
    click.echo(f"{name}, in per cent, with 95 % bootstrap intervals")
    for direction in after:
        _print_direction(direction)
    _print_gains(gains, "what it gains over the first model")


def _print_gains(gains: Sequence[Any], title: str) -> None:
    if not gains:
        return
    click.echo(f"{title}, with the 95 % interval of a paired bootstrap")
    for gain in gains:
        click.echo(f"  {gain.direction}  {gain.stage}")
        for name, measure in gain.gains.items():
            value, low, high = (100 * one for one in (measure.value, measure.low, measure.high))
            click.echo(f"    {name:10} {value:+6.1f}   [{low:+6.1f}, {high:+6.1f}]")


def _print_calibration(curve: Any) -> None:
    click.echo(
        f"relevance of the best hit for {curve.queries} captions, area under ROC {curve.auc:.3f}"
    )
    click.echo("  below   picture here   picture left out")
    for threshold, (within, without) in curve.thresholds.items():
        click.echo(f"  {threshold:5.2f}   {100 * within:10.1f} %   {100 * without:14.1f} %")


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


def _fields(name: str, direction: Any) -> dict[str, Any]:
    measures = {key: asdict(measure) for key, measure in direction.measures.items()}
    milliseconds = round(direction.milliseconds, 2)
    own = {"model": name, "direction": direction.name, "queries": direction.queries}
    return {**own, **measures, "milliseconds": milliseconds}


def _print_direction(direction: Any) -> None:
    click.echo(
        f"{direction.name}  {direction.queries} queries, "
        f"median {direction.milliseconds:.1f} ms a query"
    )
    for name, measure in direction.measures.items():
        value, low, high = (100 * number for number in (measure.value, measure.low, measure.high))
        click.echo(f"  {name:10} {value:5.1f}   [{low:5.1f}, {high:5.1f}]")
