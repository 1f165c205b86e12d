"""The command `speak`, and speaking what was found."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cmsearch.common.text import printable
from cmsearch.types import Hit

_OUT, _TO_FILE = "--out FILE.wav", "--speak-to FILE.wav"


@click.command()
@click.argument("text")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    metavar="FILE.wav",
    help="Write it there in place of playing it; - writes it to stdout.",
)
@click.option(
    "--voice",
    metavar="NAME|FILE.onnx",
    help="joe, or the file of another voice of piper; or a name that `espeak-ng --voices` lists.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "piper", "espeak"]),
    default="auto",
    show_default=True,
    help="auto is piper where it is installed, else espeak-ng.",
)
def speak(text: str, out: Path | None, voice: str | None, engine: str) -> None:
    """Speak TEXT, or what comes through stdin if TEXT is -, or write it as a recording.

    \b
    Examples:
      cmsearch speak "three photographs of dogs"
      cmsearch speak "like this, but at night" --out query.wav
      cmsearch speak - --voice de --out brief.wav < brief.txt
    """
    from cmsearch.show import text_to_speech, wav
    from cmsearch.show.playback import check_player, play

    to_stdout = out is not None and str(out) == "-"
    if to_stdout and sys.stdout.isatty():
        raise click.UsageError("A recording isn't written to a terminal: name a FILE.wav.")
    if out is None:
        check_player(_OUT)
    elif not to_stdout:
        wav.check_place(out)
    data = text_to_speech.synthesize(_stdin() if text == "-" else text, engine=engine, voice=voice)
    if out is None:
        play(data, _OUT)
    elif to_stdout:
        click.echo(wav.signed(data), nl=False)
    else:
        wav.write(out, data)
        click.echo(f"Written to {printable(str(out))}.", err=True)


def _stdin() -> str:
    """As much of standard input as it takes to tell that it is too much."""
    from cmsearch.show.text_to_speech import MOST

    data = sys.stdin.buffer.read(4 * MOST + 4) if sys.stdin else b""
    return data.decode("utf-8", "replace")


def check_speech(aloud: bool, target: Path | None, *, instead: str = _TO_FILE) -> None:
    """Raise what can be known before searching: that nothing speaks, or plays, or a place is none.

    What is spoken is played if it is to be `aloud`, and written to `target` if there is one.
    `instead` is how to have it written.
    """
    from cmsearch.show import wav
    from cmsearch.show.playback import check_player
    from cmsearch.show.text_to_speech import chosen

    if target is not None:
        wav.check_place(target)
    if aloud or target is not None:
        chosen()
    if aloud:
        check_player(instead)


def speak_hits(hits: Sequence[Hit], doubt: str, *, aloud: bool, target: Path | None) -> None:
    """Read the first hits aloud, or write that to `target`, or both."""
    from cmsearch.show import wav
    from cmsearch.show.playback import play
    from cmsearch.show.spoken_hits import said_of
    from cmsearch.show.text_to_speech import synthesize

    data = synthesize(said_of(hits, doubt=doubt))
    if target is not None:
        wav.write(target, data)
        click.echo(f"Written to {printable(str(target))}.", err=True)
    if aloud:
        play(data, _TO_FILE)
