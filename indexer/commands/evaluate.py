"""The command `eval`, which may fill a store to measure it."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import click

from cmsearch.commands.options import format_option, trust_option
from cmsearch.common.files import read_file
from cmsearch.errors import QueryError
from indexer.commands.options import device_option, folder_argument, model_option, progress
from indexer.indexer import Indexer

_MAX_BYTES = 256 * 2**20  # of a file of queries


@click.command()
@folder_argument
@model_option
@device_option
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The index to measure; by default the folder's own, or else one made for this.",
)
@trust_option
@click.option(
    "--captions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help='Lines {"image", "caption"}; by default the captions in the index.',
)
@click.option("--ablate", is_flag=True, help="What each stage of the ranking gains.")
@click.option("--keep", is_flag=True, help="With --ablate: let the index run what gained there.")
@click.option("--calibration", is_flag=True, help="What thresholds of relevance leave out.")
@click.option(
    "--absurd",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="For --calibration: queries, one a line, that no picture here answers.",
)
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
    keep: bool,
    calibration: bool,
    absurd: Path | None,
    compare: Sequence[str],
    style: str,
) -> None:
    """Measure how well the captions and the pictures of FOLDER find each other.

    \b
    Example:
      cmsearch eval ~/Pictures --model lite --captions captions.jsonl
      cmsearch eval ~/Pictures --ablate --keep
      cmsearch eval ~/Pictures --calibration --absurd nonsense.txt
      cmsearch eval ~/Pictures --model lite --compare clip
    """
    from cmsearch.learning import ablation
    from cmsearch.learning import evaluate as measuring
    from cmsearch.learning.metrics import read_gold
    from cmsearch.models.spaces import model_name
    from cmsearch.search import engine as searcher

    if keep and not ablate:
        raise click.UsageError("--keep keeps what --ablate measures: give both.")
    if absurd is not None and not calibration:
        raise click.UsageError("--absurd is for --calibration: give both.")
    odd = _lines(absurd) if absurd else None
    store = _own_store(folder, model, store)
    if keep and store is None:
        raise click.UsageError("--keep needs an index that stays: run `cmsearch index` first.")
    with _evaluated_store(folder, model, device, store) as place, searcher.open(place) as engine:
        gold = read_gold(captions, engine.store.root) if captions else None
        directions = measuring.evaluate(engine, gold)
        name = model_name(engine.space)
        gains = ablation.ablate(engine, gold) if ablate else []
        kept = ablation.keep(engine, gains) if keep else {}
        curve = ablation.calibrate(engine, gold, odd) if calibration else None
    measured = _Measured(name, directions, gains, kept, curve)
    if style == "json":
        _print_json(measured)
    else:
        _print_tables(measured, "absurd" if absurd else "picture left out")
    for other in compare:
        _compare(folder, other, device, captions, directions, style)


class _Measured(NamedTuple):
    """What was measured of a model: by direction, and if it was wanted what stages gain, which of
    them were kept, and what thresholds of relevance leave out.
    """

    name: str
    directions: Sequence[Any]
    gains: Sequence[Any]
    kept: Mapping[Any, Any]
    curve: Any


def _print_json(measured: _Measured) -> None:
    name = measured.name
    for direction in measured.directions:
        click.echo(json.dumps(_fields(name, direction)))
    for gain in measured.gains:
        click.echo(json.dumps({"model": name, **asdict(gain)}))
    for way, names in _named(measured.kept):
        click.echo(json.dumps({"model": name, "direction": way, "kept": names}))
    if measured.curve is not None:
        click.echo(json.dumps({"model": name, "calibration": asdict(measured.curve)}))


def _print_tables(measured: _Measured, others: str) -> None:
    click.echo(f"{measured.name}, in per cent, with 95 % bootstrap intervals")
    for direction in measured.directions:
        _print_direction(direction)
    _print_gains(measured.gains, "what a stage adds to the first stage alone")
    if measured.kept:
        _print_kept(measured.kept)
    if measured.curve is not None:
        _print_calibration(measured.curve, others)


def _compare(
    folder: Path,
    model: str,
    device: str | None,
    captions: Path | None,
    before: Sequence[Any],
    style: str,
) -> None:
    """Measure another model on the same pairs, and print what it gains."""
    from cmsearch.learning import ablation
    from cmsearch.learning import evaluate as measuring
    from cmsearch.learning.metrics import read_gold
    from cmsearch.models.spaces import model_name
    from cmsearch.search import engine as searcher

    with _evaluated_store(folder, model, device, None) as place, searcher.open(place) as engine:
        gold = read_gold(captions, engine.store.root) if captions else None
        after = measuring.evaluate(engine, gold)
        name = model_name(engine.space)
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


def _print_kept(table: Mapping[Any, Any]) -> None:
    click.echo("kept for this index, to run by default")
    for way, names in _named(table):
        click.echo(f"  {way}  {' and '.join(names) or 'nothing'}")


def _named(table: Mapping[Any, Any]) -> Iterator[tuple[str, list[str]]]:
    """Each direction of a table with the names of what runs there."""
    for (query, target), stages in table.items():
        names = [name for name in ("attention", "hubness") if getattr(stages, name)]
        yield f"{query}→{target}", names


def _print_calibration(curve: Any, others: str) -> None:
    click.echo(
        f"relevance of the best hit for {curve.queries} captions, area under ROC {curve.auc:.3f}"
    )
    click.echo(f"  below   picture here   {others:>16}")
    for threshold, (within, without) in curve.thresholds.items():
        click.echo(f"  {threshold:5.2f}   {100 * within:10.1f} %   {100 * without:14.1f} %")


def _own_store(folder: Path, model: str | None, store: Path | None) -> Path | None:
    """The store that is there already: the one named, or the folder's own unless a model is."""
    own = folder / ".cmsearch"
    if store is None and model is None and own.is_dir():
        return own
    if store is not None and model is not None:
        raise QueryError("An index has its model already: give --store or --model, not both.")
    return store


@contextmanager
def _evaluated_store(
    folder: Path, model: str | None, device: str | None, store: Path | None
) -> Iterator[Path]:
    """The store to measure, or where there is none one that is made and deleted."""
    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="cmsearch-eval-") as place, progress() as show:
        Indexer(folder, store=place, model=model, device=device).run(show)
        yield Path(place)


def _lines(path: Path) -> list[str]:
    """The lines of a file that aren't empty."""
    try:
        lines = read_file(path, _MAX_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise QueryError(f"{path} is not a text file in UTF-8: {error}.") from error
    found = [line for line in map(str.strip, lines) if line]
    if not found:
        raise QueryError(f"{path} has no query: write one a line.")
    return found


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
