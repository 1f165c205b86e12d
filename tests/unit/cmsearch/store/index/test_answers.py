"""Answers of servers have one form."""

from __future__ import annotations

import numpy as np

from cmsearch.store.index.answers import brief, padded


def test_rows_are_as_long_as_the_longest() -> None:
    np.testing.assert_array_equal(padded([[3, 1], [], [2]]), [[3, 1], [-1, -1], [2, -1]])
    assert padded([[], []]).shape == (2, 0)
    assert padded([]).shape == (0, 0)


def test_an_error_is_one_short_line() -> None:
    assert brief(ValueError("no\n  such\tthing.")) == "no such thing"
    assert brief("\x1b[2J\0 no") == "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER} no"
    assert brief(ValueError()) == "ValueError"
    assert len(brief(ValueError("x" * 999))) == 200
