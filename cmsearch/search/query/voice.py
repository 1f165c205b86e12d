"""Spoken queries: a recording as the text to search for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cmsearch.errors import MediaError, QueryError

MOST_BYTES = 50 * 2**20
"""The largest recording that is asked with."""
MOST_WORDS = 200
"""More than anybody asks for; it is a recording to be indexed."""
_THING = r"(?:photo(?:graph)?s?|pictures?|images?)"
_FORM = rf"(?:(?:a|an|the|all|some|any|my)\s+)?{_THING}\s+(?:of|with|showing)\s+"
_COMMAND = re.compile(
    r"(?:please,?\s+)?"
    r"(?:(?:can|could) you\s+)?(?:please,?\s+)?"
    r"(?:(?:search|look)\s+for|find\s+me|show\s+me|find(?=\s+(?:a|an|the|all|some|any|my)\s))"
    rf"[,:]?\s+(?:{_FORM})?(?=\w)",
    re.IGNORECASE,
)
_END = re.compile(r"(?:,\s+please)?[.!?]?$", re.IGNORECASE)


def understood(recording: Any, asr: str | None = None) -> str:
    """What the recording, a path or the bytes of a file, asks for.

    `asr` is what writes it down, as `--asr` takes it; without one it is tiny.en. Raises
    `MediaError` if it can't be read, `QueryError` if no word is said in it, and `ModelError`.
    """
    if not isinstance(recording, str | Path | bytes):
        kind = type(recording).__name__
        raise QueryError(f"A recording is a path or bytes, not {kind}.")
    name = "The recording" if isinstance(recording, bytes) else str(recording)
    try:
        words = _words(recording, asr)
    except MediaError as error:
        raise MediaError(f"{name} can't be searched with: {str(error).rstrip('.')}.") from error
    if len(words) > MOST_WORDS:
        raise QueryError(
            f"{name} says more than {MOST_WORDS} words, which is no query. `cmsearch index` makes "
            "recordings searchable."
        )
    asked = asked_for(" ".join(words))
    if not any(char.isalnum() for char in asked):
        raise QueryError(
            f"{name} has no word that was understood. Speak closer to the microphone, or write "
            "what to search for."
        )
    return asked


def asked_for(said: str) -> str:
    """The text to search for, without the words by which it was asked for.

    `Search for a red car.`, `Find me a red car` and `Show me photos of a red car` are `a red car`.
    Nothing else that is said means anything but itself: no word is a sign, or excludes.
    """
    line = said.strip()
    command = _COMMAND.match(line)
    rest = line[command.end() :] if command else line
    return _END.sub("", rest)


def _words(recording: str | Path | bytes, asr: str | None) -> list[str]:
    """What is said, as words; of a damaged recording what could be heard, if anything.

    It isn't heard to its end if there is more than anybody asks for.
    """
    from cmsearch.models.transcribers.transcripts import transcribe

    _check_size(recording)
    words: list[str] = []
    try:
        for segment in transcribe(recording, asr):
            words += segment.text.split()
            if len(words) > MOST_WORDS:
                break
    except MediaError:
        if not words:
            raise
    return words


def _check_size(recording: str | Path | bytes) -> None:
    if isinstance(recording, bytes):
        size = len(recording)
    else:
        try:
            size = Path(recording).stat().st_size
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise MediaError(str(getattr(error, "strerror", None) or error)) from error
    if size > MOST_BYTES:
        raise MediaError(f"it is larger than {MOST_BYTES // 2**20} MiB")
