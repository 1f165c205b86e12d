"""Spoken queries on the command line: from a recording, or from the microphone."""

# Tested by tests/unit/cmsearch/commands/test_voice.py

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cmsearch.common.text import printable

MIC = "auto"
"""The value of --mic that stands alone: listen until a silence."""
UNTIL_SILENCE = 0.0


class Listening(click.ParamType[float]):
    """Seconds of listening, from 1 to 60; `UNTIL_SILENCE` for none."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give the seconds to record for; `UNTIL_SILENCE` where none are named."""
        from cmsearch.commands.microphone import LONGEST

        if value == MIC:
            return UNTIL_SILENCE
        try:
            seconds = float(value)
        except ValueError:
            self.fail(
                f"{value!r} is no number of seconds. Give a TEXT before --mic, or with --text.",
                param,
                ctx,
            )
        if not 1 <= seconds <= LONGEST:
            self.fail(f"{value!r} isn't from 1 to {LONGEST:g} seconds.", param, ctx)
        return seconds


def heard(voice: str | None, mic: float | None, asr: str | None = None) -> str | None:
    """What is asked for by a recording or into the microphone, if either is given; told on stderr.

    `asr` is what writes it down. Raises `MediaError`, and `QueryError` if no word was heard.
    """
    from cmsearch.search.query.voice import understood

    if voice is not None and mic is not None:
        raise click.UsageError("Give --voice or --mic, not both.")
    if asr is not None and voice is None and mic is None:
        raise click.UsageError("--asr is what writes --voice or --mic down: give one of them.")
    if voice is not None:
        found = understood(_recording(voice), asr)
    elif mic is not None:
        found = understood(_recorded(mic), asr)
    else:
        return None
    click.echo(f"Understood: {printable(found)}", err=True)
    return found


def _recording(voice: str) -> Path | bytes:
    """The recording of a path, or - for standard input, which may be closed."""
    from cmsearch.search.query.voice import MOST_BYTES

    if voice != "-":
        return Path(voice)
    return sys.stdin.buffer.read(MOST_BYTES + 1) if sys.stdin else b""


def _recorded(seconds: float) -> bytes:
    from cmsearch.commands.microphone import RATE, listen, microphone
    from cmsearch.show import wav

    with microphone() as blocks:
        click.echo("Listening ...", err=True)
        audio = listen(blocks, seconds or None)
    return wav.from_samples(audio, RATE)
