"""The command `search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cmsearch.commands.asking import answer, composed, search_options
from cmsearch.commands.listening import MIC, Listening, heard
from cmsearch.commands.options import daemon_option
from cmsearch.commands.showing import SHOWN, Showing, check, show_options


@click.command()
@click.argument("text", required=False)
@click.option("--text", "said", metavar="TEXT", help="The same as the argument TEXT.")
@click.option(
    "--image",
    "images",
    metavar="FILE",
    multiple=True,
    help="Search with this picture, or with a film or a recording where the model takes these; - "
    "reads a picture from stdin. May be given again, and with TEXT.",
)
@click.option(
    "--not",
    "without",
    metavar="TEXT|FILE",
    multiple=True,
    help="Leave out what is about this; may be given again.",
)
@click.option(
    "--voice",
    metavar="FILE",
    help="Search with what is said in this recording; - reads it from stdin.",
)
@click.option(
    "--mic",
    type=Listening(),
    metavar="[SECONDS]",
    is_flag=False,
    flag_value=MIC,
    help="Search with what is said now, until a silence or for so many seconds.",
)
@click.option(
    "--asr",
    metavar="NAME",
    help="What writes that down: tiny.en, small, faster-whisper:ORG/NAME or /path.",
)
@search_options
@daemon_option
@show_options
def search(
    text: str | None,
    said: str | None,
    images: Sequence[str],
    without: Sequence[str],
    voice: str | None,
    mic: float | None,
    asr: str | None,
    **options: Any,
) -> None:
    """Find pictures, text and recordings by a sentence, written or spoken, or by a picture.

    Several are searched for together.

    A + or - with blanks on both sides adds or takes away, 2: at a part's beginning weighs it;
    "quotes" make it literal.

    \b
    Examples:
      cmsearch search "a dog on the beach"
      cmsearch search "2:golden retriever + snow - people"
      cmsearch search --image cat.jpg --for text
      cmsearch search --image room.jpg --text "but at night" --not people
      cmsearch search --voice query.wav --speak
      cmsearch search "a goal" --for video -k 3 --clip goals/
      cmsearch search "snow" --since 2024-01-01 --near 46.0,7.7,30 --sort date
      cmsearch search "sunset" --for image --format paths0 | xargs -0 cp -t best/
    """
    if text is not None and said is not None:
        raise click.UsageError("Give the text once: as TEXT, or with --text.")
    text = text if text is not None else said
    if text is None and not images and voice is None and mic is None:
        raise click.UsageError("Give a TEXT to search for, --image FILE, or --voice FILE.")
    if voice == "-" and "-" in images:
        raise click.UsageError("Standard input has one file: give - once.")
    showing = Showing.of(options)
    check(showing)
    query = composed(text, images, without, heard(voice, mic, asr))
    asked = {name: value for name, value in options.items() if name not in SHOWN}
    answer(query, asked, showing)
