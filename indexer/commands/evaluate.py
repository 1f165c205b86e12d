"""The command `eval`, which may fill a store to measure it."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from cmsearch.commands.options import format_option, option_of_store
from cmsearch.common.files import read_file
from cmsearch.errors import QueryError
from indexer.commands.eval_measuring import HELD_OUT, Wanted, measured_with
from indexer.commands.eval_output import Measured, print_gains, print_json, print_tables
from indexer.commands.options import (
    device_option,
    folder_argument,
    model_option,
    precision_option,
    progress,
)
from indexer.indexer import Indexer

_MAX_BYTES = 256 * 2**20  # of a file of queries
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Captions(click.ParamType[str]):
    """A file that is there, or how captions are held out."""

    name = "captions"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value in HELD_OUT else str(_FILE.convert(value, param, ctx))


def _asking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the options that say what is asked."""
    options = [
        click.option(
            "--captions",
            type=_Captions(),
            metavar="WHICH",
            help='A file of lines {"image", "caption"}, by default the captions in the index; or '
            "hold-one-out: one of each picture, while its others speak for it; or keep-one: all "
            "but one, while that one does.",
        ),
        click.option(
            "--marks",
            is_flag=True,
            help="Ask with the queries that hits were marked right for, by `cmsearch mark`.",
        ),
        click.option(
            "--captioned",
            type=click.FloatRange(0, 1),
            metavar="SHARE",
            help="With --captions: let that share of the pictures keep captions, from 0 to 1.",
        ),
        click.option(
            "--seed",
            type=int,
            default=0,
            metavar="N",
            help="With --captions: what chooses captions and pictures.",
        ),
    ]
    return _with(options, command)


def _measuring(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the options that say what is measured."""
    options = [
        click.option(
            "--ablate",
            is_flag=True,
            help="What each stage, or with --captions hold-one-out each way of evidence, gains.",
        ),
        click.option(
            "--keep", is_flag=True, help="With --ablate: let the index run what gained there."
        ),
        click.option(
            "--calibration",
            is_flag=True,
            help="Whether relevance is right of as many hits as it says, and what it leaves out.",
        ),
        click.option(
            "--absurd",
            type=_FILE,
            metavar="FILE",
            help="For --calibration: queries, one a line, that no picture here answers, in place "
            "of those that come with cmsearch.",
        ),
        click.option(
            "--plot",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="For --calibration: draw what relevance says against what is right, as SVG.",
        ),
        click.option(
            "--compare",
            multiple=True,
            metavar="MODEL",
            help="Index with this model too, and say what it gains; may be given again.",
        ),
    ]
    return _with(options, command)


def _with(options: Sequence[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@folder_argument
@model_option
@device_option
@precision_option
@option_of_store(
    "The index to measure; by default the folder's own; else, and with --model, one made for this."
)
@_asking
@_measuring
@format_option
def evaluate(
    folder: Path,
    model: str | None,
    device: str | None,
    precision: str | None,
    store: Path | None,
    style: str,
    **options: Any,
) -> None:
    """Measure how well the captions and the pictures of FOLDER find each other.

    \b
    Example:
      cmsearch eval ~/Pictures --model lite --captions captions.jsonl
      cmsearch eval ~/Pictures --captions hold-one-out --captioned 0.5
      cmsearch eval ~/Pictures --marks
      cmsearch eval ~/Pictures --ablate --keep
      cmsearch eval ~/Pictures --calibration --absurd nonsense.txt
      cmsearch eval ~/Pictures --model lite --compare clip
      cmsearch eval ~/Pictures --model lite --precision int8
    """
    from cmsearch.search import engine as searcher
    from cmsearch.show import reliability

    wanted = Wanted(**options)
    wanted.check()
    odd = _lines(wanted.absurd) if wanted.absurd else None
    if wanted.plot is not None:
        reliability.check_place(wanted.plot)
    making = _Making(model, device, precision)
    store = _own_store(folder, making, store)
    if wanted.marks and store is None:
        raise click.UsageError("--marks measures the index that has them: leave out --model.")
    if wanted.keep and store is None:
        raise click.UsageError("--keep needs an index that stays: run `cmsearch index` first.")
    with _evaluated_store(folder, making, store) as place, searcher.open(place) as engine:
        measured = measured_with(engine, wanted, odd)
    if wanted.plot is not None:
        reliability.write(wanted.plot, measured.panels())
    print_json(measured) if style == "json" else print_tables(measured)
    for other in wanted.compare:
        _compare(folder, making._replace(model=other), wanted, measured, style)


def _compare(folder: Path, making: _Making, wanted: Wanted, first: Measured, style: str) -> None:
    """Measure another model on the same pairs, and print what it gains."""
    from cmsearch.learning import ablation
    from cmsearch.search import engine as searcher

    plain = replace(wanted, ablate=False, keep=False, calibration=False)
    with _evaluated_store(folder, making, None) as place, searcher.open(place) as engine:
        second = measured_with(engine, plain, None)
    name, before, after = second.name, first.compared(), second.compared()
    if [one.queries for one in after] != [one.queries for one in before]:
        raise QueryError(f"{name} was not measured with the same captions: index FOLDER again.")
    gains = [
        ablation.Gain(one.name, name, ablation.gains(one, two))
        for one, two in zip(before, after, strict=True)
    ]
    if style == "json":
        print_gains(gains, as_json=True)
        return
    print_tables(second)
    print_gains(gains, "what it gains over the first model")


class _Making(NamedTuple):
    """How a store is made for this, where there is none."""

    model: str | None
    device: str | None
    precision: str | None


def _own_store(folder: Path, making: _Making, store: Path | None) -> Path | None:
    """The store that is there already: the one named, or the folder's own unless a model is."""
    own, is_made = folder / ".cmsearch", making.model is not None
    # What the environment says of the precision is for models that are named, and what it says of
    # the index for where none is.
    if store is None and not is_made and own.is_dir():
        return own
    source = click.get_current_context().get_parameter_source("store")
    if is_made and source is ParameterSource.ENVIRONMENT:
        return None
    if store is not None and is_made:
        raise QueryError("An index has its model already: give --store or --model, not both.")
    return store


@contextmanager
def _evaluated_store(folder: Path, making: _Making, store: Path | None) -> Iterator[Path]:
    """The store to measure, or where there is none one that is made and deleted."""
    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="cmsearch-eval-") as place, progress() as show:
        Indexer(folder, store=place, **making._asdict()).run(show)
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
