"""The command `map`."""

# Tested by tests/e2e/test_pages.py

from __future__ import annotations

from pathlib import Path

import click

from cmsearch.commands.bars import stage_bars
from cmsearch.commands.options import store_option
from cmsearch.common.text import printable

MOST = 50_000
"""As in `cmsearch.show.map_page`, which costs too much to import for `--help`."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=MOST,
    show_default=True,
    help="Of more pictures, an even sample of so many.",
)
def map(file: Path, store: Path | None, limit: int) -> None:
    """Lay all pictures out by likeness, and write them to FILE as one page to zoom into.

    The page has everything in it and loads nothing. Another page of cmsearch at that place is
    replaced, and no other file. It needs `pip install 'cmsearch[map]'`.

    \b
    Examples:
      cmsearch map map.html
      cmsearch map map.html --store ~/Pictures --limit 5000
    """
    from cmsearch.show.html_pages import check_place, write_page
    from cmsearch.show.map_layout import check_extra
    from cmsearch.show.map_page import chart, gather
    from cmsearch.store.store import open_at

    check_extra()
    check_place(file)
    with open_at(store or Path()) as opened:
        found = gather(opened, limit)
    count = len(found.paths)
    if count < found.total:
        click.echo(f"A sample of {count} of the {found.total} pictures is shown.", err=True)
    with stage_bars() as show:
        write_page(file, chart(found, folder=file.absolute().parent, report=show))
    megabytes = file.stat().st_size / 1e6
    click.echo(f"{count} pictures in {printable(str(file))}, {megabytes:.1f} MB")
