"""The command `copy`."""

# Tested by tests/e2e/test_copy.py

from __future__ import annotations

import json
from pathlib import Path

import click

from cmsearch.commands.options import format_option, trust_option
from cmsearch.common.text import printable
from cmsearch.store.copying import copy as make
from cmsearch.store.copying import open_original
from indexer.commands.options import progress


@click.command()
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@click.argument("to", metavar="TO", type=click.Path(path_type=Path))
@trust_option
@format_option
def copy(store: Path, to: Path, style: str) -> None:
    """Copy the index STORE, or that of the folder STORE, to TO, which isn't there yet.

    TO is a folder, which --store takes and which is of the same pictures; or if its name ends with
    .db, one file, which is to be put into a folder as catalog.db. Others may search and index
    meanwhile: the copy is as the index was at one moment.

    \b
    Example:
      cmsearch copy ~/Pictures /media/backup/pictures-index
      cmsearch copy ~/Pictures/.cmsearch ~/pictures.db
    """
    with open_original(store) as opened, progress() as show:
        done = make(opened, to, show)
    if style == "json":
        fields = {"copy": str(done.copy), "folder": str(done.folder)}
        click.echo(json.dumps({**fields, "items": done.items, "bytes": done.bytes}))
        return
    click.echo(
        f"copied to {printable(str(done.copy))}: {done.items} items of "
        f"{printable(str(done.folder))}, {done.bytes / 1e6:.1f} MB"
    )
