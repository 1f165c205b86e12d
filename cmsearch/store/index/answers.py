"""What servers of vectors answer, in the one form that each driver gives it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmsearch.types import IdArray

NOT_UNDERSTOOD = (
    ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip
"""What drivers and their libraries raise of answers in no form that they know."""
_LONGEST = 200


def padded(found: Sequence[Sequence[int]]) -> IdArray:
    """The ids of each query in a row `(n, m)` as long as the longest, the rest -1."""
    rows = np.full((len(found), max(map(len, found), default=0)), -1, np.int64)
    for row, own in zip(rows, found, strict=True):
        row[: len(own)] = own
    return rows


def brief(error: object) -> str:
    """What an error says, on one short line that a sentence can end with, and a terminal show."""
    said = " ".join(str(error).split())[:_LONGEST].rstrip(".")
    shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in said)
    return shown or type(error).__name__
