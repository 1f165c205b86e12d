"""The commands `generations`, `rollback` and `prune`."""

# Tested by tests/e2e/test_store_commands.py

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cmsearch.commands.options import format_option, store_option
from cmsearch.common.text import printable


@click.command()
@store_option
@format_option
def generations(store: Path | None, style: str) -> None:
    """List the models that an index was made with; the one with a star serves.

    \b
    Example:
      cmsearch generations
      cmsearch index --model clip && cmsearch generations
    """
    from cmsearch.store.generations import listed
    from cmsearch.store.store import open_at

    with open_at(store or Path()) as opened:
        rows = [_fields(one) for one in listed(opened)]
    if style == "json":
        for row in rows:
            click.echo(json.dumps(row))
        return
    click.echo("   ID  VECTORS      MB  MADE        STATE          MODEL")
    for row in rows:
        star = "*" if row["state"] == "serves" else " "
        click.echo(
            f"{star} {row['id']:>3}  {row['vectors']:>7}  {row['bytes'] / 1e6:>6.1f}  "
            f"{printable(row['created'][:10])}  {row['state']:13}  {printable(row['model'])}"
        )


@click.command()
@click.argument("generation", type=int, required=False)
@store_option
def rollback(generation: int | None, store: Path | None) -> None:
    """Let the model serve that served before, or that of GENERATION.

    Nothing is encoded and nothing is deleted. What was indexed since then is encoded with it by
    the next `cmsearch index`.

    \b
    Example:
      cmsearch rollback
      cmsearch rollback 1
    """
    from cmsearch.store.generations import switch
    from cmsearch.store.store import open_at

    with open_at(store or Path()) as opened:
        served = switch(opened, generation)
    click.echo(f"generation {served.id} serves: {printable(served.model)}")
    if served.lacking:
        click.echo(
            f"{served.lacking} files are not encoded with it yet: run `cmsearch index`.", err=True
        )


@click.command()
@click.argument("numbers", metavar="[GENERATION]...", type=int, nargs=-1)
@click.option("--yes", is_flag=True, help="Don't ask.")
@store_option
def prune(numbers: Sequence[int], yes: bool, store: Path | None) -> None:
    """Delete the vectors of the models that don't serve, or those of each GENERATION.

    To use such a model again, everything has to be encoded with it again.

    \b
    Example:
      cmsearch prune
      cmsearch prune 1 3 --yes
    """
    from cmsearch.store.generations import delete, prunable
    from cmsearch.store.store import open_at

    with open_at(store or Path()) as opened:
        chosen = prunable(opened, numbers)
        if not chosen:
            click.echo("There is nothing to delete: every generation serves.")
            return
        for one in chosen:
            click.echo(
                f"generation {one.id}, {printable(one.model)}, {one.bytes / 1e6:.1f} MB", err=True
            )
        if not yes and not sys.stdin.isatty():
            raise click.UsageError("Say --yes to delete them, as nobody can be asked here.")
        if yes or click.confirm("Delete their vectors?", err=True):
            delete(opened, chosen)
            click.echo(f"deleted {len(chosen)}")


def _fields(one: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state,
        "model": one.model,
        "dim": one.dim,
        "vectors": one.vectors,
        "bytes": one.bytes,
        "files_lacking": one.lacking,
        "created": one.created,
        "runtime": one.runtime,
    }
