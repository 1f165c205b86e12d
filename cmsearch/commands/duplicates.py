"""The command `duplicates`."""

# Tested by tests/e2e/test_duplicates.py

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.bars import stage_bars
from cmsearch.commands.options import store_option
from cmsearch.commands.paths import shown
from cmsearch.common.text import json_line
from cmsearch.store.object_places import address_of

if TYPE_CHECKING:
    from cmsearch.search.merge.duplicate_groups import Copy, Group


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@store_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "paths", "paths0"]),
    default="table",
    show_default=True,
    help="json is one object a group; paths has the copies without the best of each group, one "
    "path a line, and paths0 ends each with a NUL.",
)
def duplicates(path: Path | None, store: Path | None, style: str) -> None:
    """List pictures that are nearly the same, in groups: those below PATH, or all.

    They are copies in another format, size or orientation, crops of a few percent, bursts, and raw
    pictures beside their JPEG. The best of a group is its original: the most pixels, then a
    camera's format and notes, then no name of a copy, then bytes. Nothing is deleted or moved.

    \b
    Examples:
      cmsearch duplicates
      cmsearch duplicates ~/Pictures/2024 --format json
      cmsearch duplicates --format paths0 | xargs -0 mv -t ~/copies/
    """
    from cmsearch.search.merge.duplicate_groups import find_duplicates
    from cmsearch.store.store import open_at

    with open_at(store or path or Path()) as opened, stage_bars() as show:
        found = find_duplicates(opened, path, show)
    if style in ("paths", "paths0"):
        _print_paths(found.groups, b"\0" if style == "paths0" else b"\n")
    elif style == "json":
        for group in found.groups:
            click.echo(_json(group))
    else:
        _print_table(found.groups)
    if found.unhashed:
        click.echo(
            f"{found.unhashed} pictures were imported, or indexed by an older version, and are "
            "only compared byte by byte: run `cmsearch index`.",
            err=True,
        )
    if not found.groups:
        click.echo(
            f"None of the {found.pictures} pictures is nearly the same as another.", err=True
        )


def _print_paths(groups: Sequence[Group], end: bytes) -> None:
    for group in groups:
        for copy in group.others:
            click.echo(os.fsencode(address_of(copy.path)) + end, nl=False)


def _json(group: Group) -> bytes:
    """One line in UTF-8; bytes of a name that aren't are escaped as JSON escapes surrogates."""
    line = {"best": _fields(group.best), "copies": [_fields(copy) for copy in group.others]}
    return json_line(line).encode()


def _fields(copy: Copy) -> dict[str, Any]:
    fields = {"path": address_of(copy.path), "bytes": copy.bytes}
    fields |= {"width": copy.width, "height": copy.height}
    return fields | ({"reason": copy.reason} if copy.reason else {})


def _print_table(groups: Sequence[Group]) -> None:
    for number, group in enumerate(groups, 1):
        for copy in (group.best, *group.others):
            role = "best" if copy is group.best else "copy"
            pixels = f"{copy.width} × {copy.height}" if copy.width else "unreadable"
            size = f"{copy.bytes / 1e6:.2f} MB"
            why = f"  ({copy.reason})" if copy.reason else ""
            path = shown(copy.path)
            click.echo(f"{number:>4}  {role}  {pixels:>13}  {size:>10}  {path}{why}")
