"""Options and the progress bar of the commands that fill a store."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cmsearch.commands.options import option_of_store
from cmsearch.common.text import json_line, printable
from cmsearch.models.ocr.choices import CHOICES, USUAL
from cmsearch.models.precision import CHOICES as CHOICES_OF_PRECISION
from cmsearch.types import Progress

_PLAIN_SECONDS = 10.0
_JSON_SECONDS = 0.2

folder_argument = click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default="."
)


class Folder(click.Path):
    """A folder, or one of object storage by its URL, which is what `folder_of` makes of it."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give the folder, or what stands for that of a URL."""
        from cmsearch.store.object_places import folder_of, is_url, url_of

        folder = folder_of(value) if is_url(value) else value
        is_here = not isinstance(folder, Path) or url_of(folder) is None
        return super().convert(folder, param, ctx) if is_here else folder


watched_argument = click.argument("folder", type=Folder(), metavar="[FOLDER]", default=".")
source_argument = click.argument("folder", type=Folder(), metavar="[FOLDER|URL]", default=".")
dim_option = click.option(
    "--dim",
    type=click.IntRange(1),
    metavar="N",
    help="The first N numbers of the vectors of a Matryoshka model of sentence-transformers.",
)
device_option = click.option(
    "--device",
    metavar="NAME",
    help="cpu, cuda, mps, or a provider of ONNX Runtime that is installed: openvino, coreml, "
    "directml, migraphx; by default the fastest there is.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(CHOICES_OF_PRECISION),
    envvar="CMSEARCH_PRECISION",
    show_envvar=True,
    help="What the model computes in: fp32, int8 (another space, on the processor twice as fast), "
    "or auto: int8 where it is near enough and faster; by default as before, at first fp32.",
)
asr_option = click.option(
    "--asr",
    metavar="NAME",
    help="What writes speech down: tiny.en, small, faster-whisper:ORG/NAME, /path; or none.",
)
sound_option = click.option(
    "--sound",
    metavar="NAME",
    help="What finds sound that isn't speech: transformers:ORG/NAME or /path of a CLAP; model, the "
    "model of the index, which it is by itself if that hears; or none.",
)

ocr_option = click.option(
    "--ocr",
    type=click.Choice(CHOICES),
    envvar="CMSEARCH_OCR",
    show_envvar=True,
    callback=lambda _, __, value: value or USUAL,
    help="Read text in the pictures that seem to have some, in none, or in all; by default as "
    "before, at first auto if the extra `ocr` is installed, else none.",
)


def _agree(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        from cmsearch.models.licences import agreed

        context.with_resource(agreed())


yes_option = click.option(
    "--yes",
    is_flag=True,
    expose_value=False,
    callback=_agree,
    help="Fetch weights whose licence forbids commercial use without asking.",
)


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which model it takes, and that it may be fetched."""
    return click.option(
        "--model", metavar="NAME", help="As `cmsearch models` lists them, or auto."
    )(yes_option(command))


progress_option = click.option(
    "--progress",
    "shown",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="How progress is told on stderr: a bar or lines, or json, one object a line.",
)
vectors_option = click.option(
    "--vectors",
    metavar="NAME",
    help="What the vectors are searched with: faiss, exact, an index that a package brings, or a "
    "server as milvus://host:port/collection, and likewise qdrant:// and pgvector://.",
)

cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Let a cluster of Ray read and encode: ray://HOST:PORT, or local for processes here.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="How many workers a cluster has; by default one for each graphics card or machine.",
)
place_option = option_of_store(
    "Where to keep the index, also postgresql+psycopg://USER@HOST/DATABASE; by default in "
    "FOLDER/.cmsearch."
)


@contextmanager
def progress(style: str = "auto") -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal's stderr, else a plain line every ten seconds; `json` for programs."""
    if style == "json":
        yield _json_lines()
    elif sys.stderr.isatty():
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
        bar.set_postfix_str(printable(event.note), refresh=False)
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
        if event.done == 0 and not event.note:
            start = last = now
        elif now - last >= _PLAIN_SECONDS and event.done < event.total:
            last = now
            click.echo(_line(event, now - start), err=True)

    return show


def _json_lines() -> Callable[[Progress], None]:
    """Each event as a JSON object on a line of stderr: the first and the last of a stage, and what
    is between them a few times a second.
    """
    stage, last = "", 0.0

    def show(event: Progress) -> None:
        nonlocal stage, last
        now = time.monotonic()
        is_edge = event.stage != stage or event.done >= event.total
        if is_edge or now - last >= _JSON_SECONDS:
            stage, last = event.stage, now
            click.echo(json_line(asdict(event)), err=True)

    return show


def _line(event: Progress, seconds: float) -> str:
    line = f"{event.stage}: {event.done} of {event.total}"
    if event.done:
        rate = event.done / seconds
        left = (event.total - event.done) / rate
        line += f", {rate:.1f} a second, about {left:.0f} s left"
    return f"{line}; {printable(event.note)}" if event.note else line
