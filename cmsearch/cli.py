"""The command line. Only this module and the commands it names print, and only they exit."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from cmsearch import __version__
from cmsearch.errors import CmsearchError

COMMANDS = {
    "eval": "indexer.cli:evaluate",
    "index": "indexer.cli:index",
    "models": "cmsearch.cli:models",
    "search": "cmsearch.cli:search",
}
TARGETS = ("any", "image", "text", "caption", "passage")
TEXT_WIDTH = 60


class LazyGroup(click.Group):
    """Imports a command when it is run, so that `--help` loads no library."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with the help that is written here, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(SUMMARIES.items()))


class Place(click.ParamType[tuple[float, float, float]]):
    """Degrees north, degrees east and kilometres, separated by commas."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float]:
        try:
            north, east, kilometres = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not LAT,LON,KM, such as 48.86,2.35,10.", param, ctx)
        if not (abs(north) <= 90 and abs(east) <= 180 and kilometres >= 0):
            self.fail(f"{value!r} is nowhere on Earth.", param, ctx)
        return north, east, kilometres


DAY = click.DateTime(["%Y-%m-%d"])
SUMMARIES = {
    "eval": "Measure how well captions and pictures find each other.",
    "index": "Index a folder of pictures, captions and documents.",
    "models": "List the models worth choosing.",
    "search": "Find pictures and text by a sentence or by a picture.",
}


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="cmsearch")
def cli() -> None:
    """Search pictures, captions and documents by a sentence or by a picture.

    \b
    Example:
      cmsearch index ~/Pictures
      cd ~/Pictures && cmsearch search "a dog on the beach"
    """


def main() -> None:
    """Run the command line; every error is one message and an exit code."""
    _log_to_stderr()
    try:
        status = cli(standalone_mode=False)
    except CmsearchError as error:
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("Interrupted. What was indexed is kept; run the command again to go on.", 1)
    except Exception as error:  # a mistake of ours, or something that no code foresaw
        if "CMSEARCH_DEBUG" in os.environ:
            raise
        _fail(f"{type(error).__name__}: {error}. Set CMSEARCH_DEBUG=1 to see where.", 1)
    else:
        sys.exit(status if isinstance(status, int) else 0)


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
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The index; by default the one in this folder or the nearest above it.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "paths"]),
    default="table",
    show_default=True,
    help="json is one object a line, paths one path a line.",
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
def search(
    text: str | None,
    image: str | None,
    target: str,
    k: int,
    store: Path | None,
    style: str,
    sort: str,
    **where: Any,
) -> None:
    """Find pictures and text by a sentence or by a picture.

    \b
    Examples:
      cmsearch search "a dog on the beach"
      cmsearch search --image cat.jpg --for text
      cmsearch search "snow" --since 2024-01-01 --near 46.0,7.7,30 --sort date
      cmsearch search "sunset" --for image --format paths | xargs -d '\\n' cp -t best/
    """
    from cmsearch import searcher
    from cmsearch.types import Filter

    if (text is None) == (not image):
        raise click.UsageError("Give a TEXT to search for, or --image FILE: one of the two.")
    picture = sys.stdin.buffer.read() if image == "-" else image
    days = {name: where[name] and where[name].date() for name in ("since", "until")}
    with searcher.open(store or ".") as engine:
        hits = engine.search(text, image=picture, target=target, k=k, where=Filter(**where | days))
    if not hits:
        click.echo(f"Nothing of the kind {target} that passes the filters is here.", err=True)
    if sort == "date":
        hits = sorted(hits, key=lambda hit: hit.taken or datetime.min, reverse=True)
    print_hits(hits, style)


def print_hits(hits: Sequence[Any], style: str) -> None:
    """Write hits to stdout as a table, as one JSON object a line, or as paths."""
    if style == "json":
        lines: Iterable[str] = map(_json, hits)
    elif style == "paths":
        lines = dict.fromkeys(str(hit.path) for hit in hits)
    else:
        lines = map(_row, hits)
    for line in lines:
        click.echo(line)


@click.command(short_help=SUMMARIES["models"])
@click.option("--all", "everything", is_flag=True, help="Every name that open_clip knows.")
@click.option(
    "--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True
)
def models(everything: bool, style: str) -> None:
    """List the models worth choosing, with what is published of them.

    \b
    Example:
      cmsearch models
      cmsearch index ~/Pictures --model clip
    """
    from cmsearch import models as known

    if everything:
        for name in known.all_names():
            click.echo(json.dumps({"name": name}) if style == "json" else name)
        return
    rows = [_model_fields(model) for model in known.MODELS]
    if style == "json":
        for row in rows:
            click.echo(json.dumps(row))
        return
    _print_models(rows)
    click.echo("\nR@1: text→image recall@1 on COCO captions' 5,000 test images, in per cent, from")
    for letter, source in known.SOURCES.items():
        click.echo(f"  {letter}  {source}")


def _model_fields(model: Any) -> dict[str, Any]:
    from cmsearch import models as known

    return {
        "name": model.name,
        "short": known.short_name(model.name),
        "dim": model.dim,
        "megabytes": model.megabytes,
        "recall_at_1": model.recall,
        "source": model.source,
        "languages": model.languages,
        "licence": model.licence,
        "cached": known.is_here(model),
    }


def _print_models(rows: list[dict[str, Any]]) -> None:
    width = max(len(row["name"].removeprefix("open_clip:")) for row in rows)
    click.echo(
        f"  {'MODEL':<{width}} {'SHORT':5} {'DIM':>5} {'MB':>5} {'R@1':>6}  LANGUAGES     LICENCE"
    )
    for row in rows:
        name = row["name"].removeprefix("open_clip:")
        short = row["short"] if row["short"] != row["name"] else ""
        recall = "-" if row["recall_at_1"] is None else f"{row['recall_at_1']}{row['source']}"
        here = "*" if row["cached"] else " "
        click.echo(
            f"{here} {name:<{width}} {short:5} {row['dim']:>5} {row['megabytes']:>5} {recall:>6}  "
            f"{row['languages']:12}  {row['licence']}"
        )
    click.echo("* on this machine")


def _json(hit: Any) -> str:
    return json.dumps(
        {
            "rank": hit.rank,
            "score": hit.score,
            "path": str(hit.path),
            "source": hit.source,
            "modality": hit.modality,
            "kind": hit.kind,
            "text": hit.text,
            "taken": hit.taken and hit.taken.isoformat(" "),
            "stages": dict(hit.stages),
        },
        ensure_ascii=False,
    )


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


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("cmsearch")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # libraries put handlers of their own on the root


def _fail(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
