"""The command `models`."""

# Tested by tests/e2e/test_cli.py

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from cmsearch.commands.bars import stage_bars
from cmsearch.commands.options import format_option
from cmsearch.common.text import printable


@click.command()
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every name that open_clip knows, and the encoders of other packages.",
)
@click.option(
    "--bench",
    is_flag=True,
    help="Measure pictures and queries a second of the models that are here, or of each NAME, by "
    "what they run on and in.",
)
@format_option
@click.argument("names", metavar="[NAME]...", nargs=-1)
def models(names: Sequence[str], everything: bool, bench: bool, style: str) -> None:
    """List the models worth choosing, with what is published of them.

    With the NAME of a model that was trained here, print its card as JSON: data, recall, licence.

    \b
    Examples:
      cmsearch models
      cmsearch models dual:mine.safetensors
      cmsearch models --bench
      cmsearch models --bench lite clip --format json
      cmsearch index ~/Pictures --model clip
    """
    from cmsearch.models import choices as known

    if bench:
        _bench(names, style)
        return
    if len(names) > 1:
        raise click.UsageError("One model has one card: name a single one, or give --bench.")
    for name in names:
        click.echo(json.dumps(known.card(name), indent=None if style == "json" else 2))
        return
    if everything:
        for name in known.all_names():
            click.echo(json.dumps({"name": name}) if style == "json" else name)
        return
    from cmsearch.models.plugins import encoders

    rows = [_model_fields(model) for model in known.MODELS]
    added = encoders.added()
    if style == "json":
        for row in [*rows, *({"name": name, "package": one} for name, one in added.items())]:
            click.echo(json.dumps(row))
        return
    _print_models(rows)
    for name, package in added.items():
        click.echo(f"  {name}  added by {printable(package)}; its models are {name}:MODEL")
    click.echo("\nR@1: text→image recall@1 on COCO captions' 5,000 test images, in per cent, from")
    for letter, source in known.SOURCES.items():
        click.echo(f"  {letter}  {source}")


def _bench(names: Sequence[str], style: str) -> None:
    """Measure models, and print a row of each way in which they run."""
    from cmsearch.models import benchmark
    from cmsearch.models import choices as known

    here = names or [model.name for model in known.MODELS if known.is_here(model)]
    with stage_bars() as tell:
        rows = list(benchmark.rates(here, tell))
    if style == "json":
        for row in rows:
            click.echo(json.dumps(asdict(row)))
        return
    width = max(len(row.model) for row in rows)
    click.echo(f"{'MODEL':{width}} DEVICE    PRECISION  IMAGES/S  QUERIES/S")
    for row in rows:
        told = f"{_rate(row.images)}  {_rate(row.queries, 9)}  {printable(row.runtime)}"
        click.echo(
            f"{printable(row.model):{width}} {row.device:9} {row.precision:9}  "
            f"{printable(row.error) or told}"
        )


def _rate(found: float | None, width: int = 8) -> str:
    return f"{'-' if found is None else found:>{width}}"


def _model_fields(model: Any) -> dict[str, Any]:
    from cmsearch.models import choices as known

    return {
        "name": model.name,
        "short": known.short_name(model.name),
        "dim": model.dim,
        "megabytes": model.megabytes,
        "parameters": round(model.parameters * 1e6),
        "recall_at_1": model.recall,
        "source": model.source,
        "languages": model.languages,
        "licence": model.licence,
        "cached": known.is_here(model),
    }


def _print_models(rows: list[dict[str, Any]]) -> None:
    width = max(len(row["name"].removeprefix("open_clip:")) for row in rows)
    click.echo(
        f"  {'MODEL':<{width}} {'SHORT':5} {'DIM':>5} {'MB':>5} {'PARAMS':>6} {'R@1':>6}  "
        "LANGUAGES     LICENCE"
    )
    for row in rows:
        name = row["name"].removeprefix("open_clip:")
        short = row["short"] if row["short"] != row["name"] else ""
        recall = "-" if row["recall_at_1"] is None else f"{row['recall_at_1']}{row['source']}"
        here = "*" if row["cached"] else " "
        click.echo(
            f"{here} {name:<{width}} {short:5} {row['dim']:>5} {row['megabytes']:>5} "
            f"{row['parameters'] / 1e6:>5.0f}M {recall:>6}  "
            f"{row['languages']:12}  {row['licence']}"
        )
    click.echo("* on this machine")
