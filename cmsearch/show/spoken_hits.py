"""What is said of hits when they are read aloud: short sentences, places and times in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cmsearch.common.text import printable, sentences
from cmsearch.types import Hit

READ = 5
"""Hits that are read, of however many there are."""
NOTHING = "Nothing was found."
_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth")
_NAME_LENGTH, _TEXT_LENGTH = 60, 200
_BETWEEN = re.compile(r"[\s_.-]+")


def said_of(hits: Sequence[Hit], *, doubt: str = "") -> str:
    """The first `READ` hits as sentences, `doubt` before them; and how many more there are."""
    if not hits:
        return NOTHING
    lines = [doubt] if doubt else []
    lines += [f"{ordinal}: {described(hit)}" for ordinal, hit in zip(_ORDINALS, hits, strict=False)]
    left = len(hits) - READ
    if left > 0:
        lines.append(f"And {left} more.")
    return "\n".join(lines)


def described(hit: Hit) -> str:
    """A hit as a sentence: the name of its file, what it is, where in the file, what it says.

    `tabby cat, photo.` or `talk, transcript at 1 minute 23 seconds: The bees come back in May.`
    """
    where = ""
    if hit.start is not None:
        where = f" at {in_words(hit.start)}"
    elif hit.page is not None:
        where = "" if hit.kind == "page" else f" on page {hit.page}"
    kind = f"page {hit.page}" if hit.kind == "page" and hit.page is not None else hit.kind
    text = f": {shortened(hit.text, _TEXT_LENGTH)}" if hit.text and hit.text.strip() else "."
    return f"{_named(hit.path.stem)}, {kind}{where}{text}"


def in_words(seconds: float) -> str:
    """A time as it is said: `1 minute 23 seconds`."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    units = {"hour": hour, "minute": minute, "second": second}
    said = [f"{n} {unit}{'s' if n != 1 else ''}" for unit, n in units.items() if n]
    return " ".join(said) or "the beginning"


def shortened(text: str, most: int) -> str:
    """As many whole sentences as fit in `most` characters, or words if the first one doesn't."""
    line = " ".join(printable(text).split())
    if len(line) <= most:
        return line
    kept = ""
    for sentence in sentences(line):
        if len(kept) + 1 + len(sentence) > most:
            break
        kept = f"{kept} {sentence}".strip()
    if kept:
        return kept
    cut = line[:most]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut} …"


def _named(stem: str) -> str:
    """A file's name as words."""
    words = _BETWEEN.sub(" ", printable(stem)).strip()
    return shortened(words, _NAME_LENGTH) or "a file"
