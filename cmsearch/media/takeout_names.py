"""What a file is an edited copy of, by the name that Google Photos gave it.

It writes one file of notes for both, beside the original.
"""

# Tested by tests/unit/indexer/test_beside.py

from __future__ import annotations

import re

_WORD = r"[^\W\d_][^-\d().,_\s]{0,23}"
_COPY = re.compile(rf"(?P<stem>.+)-{_WORD}(?: {_WORD}){{0,2}}(?P<number>\(\d+\))?")
"""`IMG_1-edited`, which ends otherwise in each language, and with a name that is cut begins so."""

_NUMBER = re.compile(r"\(\d+\)$")


def original_stem(stem: str) -> str | None:
    """The stem of what a file of this stem may be an edited copy of: `IMG_1(2)` for
    `IMG_1-edited(2)`, `IMG_1-bearbeitet(2)`; None for what is called otherwise.
    """
    found = _COPY.fullmatch(stem)
    return found and found["stem"] + (found["number"] or "")


def without_number(stem: str) -> str:
    """A stem without the number of a further picture of its name."""
    return _NUMBER.sub("", stem)


def stem_of(path: str) -> str:
    """The name of a file without its folder and its ending."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name
