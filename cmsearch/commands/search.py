"""The command `search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cmsearch.cli import SUMMARIES
from cmsearch.commands.asking import answer, composed, search_options
from cmsearch.commands.showing import Showing, show_options


@click.command(short_help=SUMMARIES["search"])
@click.argument("text", required=False)
@click.option("--text", "said", metavar="TEXT", help="The same as the argument TEXT.")
@click.option(
    "--image",
    "images",
    metavar="FILE",
    multiple=True,
    help="Search with this picture; - reads it from stdin. May be given again, and with TEXT.",
)
@click.option(
    "--not",
    "without",
    metavar="TEXT|FILE",
    multiple=True,
    help="Leave out what is about this; may be given again.",
)
@search_options
@show_options
def search(
    text: str | None,
    said: str | None,
    images: Sequence[str],
    without: Sequence[str],
    style: str,
    sort: str,
    preview: bool,
    html: Any,
    opened: bool,
    **options: Any,
) -> None:
    """Find pictures and text by a sentence, by a picture, or by several together.

    A + or - with blanks on both sides adds or takes away, 2: at a part's beginning weighs it;
    "quotes" make it literal.

    \b
    Examples:
      cmsearch search "a dog on the beach"
      cmsearch search "2:golden retriever + snow - people"
      cmsearch search --image cat.jpg --for text
      cmsearch search --image room.jpg --text "but at night" --not people
      cmsearch search "snow" --since 2024-01-01 --near 46.0,7.7,30 --sort date
      cmsearch search "sunset" --for image --format paths0 | xargs -0 cp -t best/
    """
    if text is not None and said is not None:
        raise click.UsageError("Give the text once: as TEXT, or with --text.")
    text = text if text is not None else said
    if text is None and not images:
        raise click.UsageError("Give a TEXT to search for, or --image FILE, or both.")
    query = composed(text, images, without)
    answer(query, options, Showing(style, sort, preview, html, opened))
