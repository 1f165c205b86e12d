"""The command `copy`."""

# Tested by tests/e2e/test_copy.py

from __future__ import annotations

import json
from pathlib import Path

import click

from cmsearch.commands.options import StorePath, format_option, trust_option
from cmsearch.common.text import printable
from cmsearch.store.copying import copy as make
from cmsearch.store.copying import copy_to_server, open_original
from cmsearch.store.locating import CATALOG
from cmsearch.store.object_places import address_of
from cmsearch.store.remote import name_of, url_at
from indexer.commands.options import progress


@click.command()
@click.argument("store", metavar="STORE", type=StorePath())
@click.argument("to", metavar="TO", type=StorePath())
@trust_option
@format_option
def copy(store: Path, to: Path, style: str) -> None:
    """Copy the index STORE, or that of the folder STORE, to TO, which isn't there yet.

    TO is a folder, which --store takes and which is of the same pictures; or if its name ends with
    .db, one file, which is to be put into a folder as catalog.db. Either may be on a server, as
    postgresql+psycopg://USER@HOST/DATABASE; one that is copied to has nothing yet. Others may
    search and index meanwhile: the copy is as the index was at one moment.

    \b
    Example:
      cmsearch copy ~/Pictures /media/backup/pictures-index
      cmsearch copy ~/Pictures/.cmsearch ~/pictures.db
      cmsearch copy ~/Pictures postgresql+psycopg://me@host/pictures
    """
    is_server = url_at(to / CATALOG) is not None
    with open_original(store) as opened, progress() as show:
        done = copy_to_server(opened, to, show) if is_server else make(opened, to, show)
    copied = name_of(done.copy) if is_server else str(done.copy)
    if style == "json":
        fields = {"copy": copied, "folder": address_of(done.folder)}
        click.echo(json.dumps({**fields, "items": done.items, "bytes": done.bytes}))
        return
    click.echo(
        f"copied to {printable(copied)}: {done.items} items of "
        f"{printable(address_of(done.folder))}, {done.bytes / 1e6:.1f} MB"
    )
