"""Reading columns one after the other where a page was written row by row across them.

Pdfium gives text in the order in which it was written. The space between columns is where hardly
any line crosses, with prose on both sides: tables, whose cells are short or end together, stay as
they are read, row by row, and so does what was written column by column.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_RUNS = 20_000
"""Runs of a page, above which it is left as it is."""
_NARROWEST = 5.0
"""Points between two columns at least."""
_LEAST = 3
"""Lines of a column at least."""
_MOST_COLUMNS = 6
_SIDE = 0.12
"""The share of all runs that are on each side of a gutter at least."""
_FULL, _MOSTLY = 0.75, 0.55
"""Lines of prose are as wide as the widest but for a quarter, more than half of them."""
_GOING_ON = 0.25
"""The share of lines of prose that don't begin with a capital or a figure, but go on."""
_WORDS = 3
_APART = 1.6
"""How many times the usual distance of lines is between paragraphs, or rows of a table."""

_ROWS, _LEVEL = 2, 3.0
"""So many paragraphs that begin within so many points on both sides are rows of a table."""
_FARTHEST = 1e7


@dataclass(frozen=True, slots=True)
class Run:
    """What stands together on a line, at a place in points from the lower left."""

    text: str
    left: float
    right: float
    bottom: float
    top: float

    @property
    def middle(self) -> float:
        """The height of its middle."""
        return (self.bottom + self.top) / 2


def in_columns(runs: Sequence[Run]) -> list[str] | None:
    """The lines of a page whose runs come as they were written, where columns are to be read one
    after the other; None where they are read so already, or there are none.
    """
    if not 2 * _LEAST <= len(runs) <= MAX_RUNS:
        return None
    places = (place for one in runs for place in (one.left, one.right, one.bottom, one.top))
    if not all(-_FARTHEST < place < _FARTHEST for place in places):  # or no numbers
        return None
    page = _Page(runs)
    lines = list(page.lines(list(range(len(runs))), _MOST_COLUMNS))
    return lines if page.is_changed else None


class _Page:
    """Runs by their numbers, which are their order as written."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self.is_changed = False

    def lines(self, some: list[int], columns: int) -> Iterator[str]:
        gutter = self._gutter(some) if columns > 1 else None
        if gutter is None:
            yield from self._as_written(some)
            return
        for band in self._bands(some, gutter):
            left, right = self._sides(band, gutter)
            if len(left) + len(right) < len(band) or not self._are_columns(left, right):
                yield from self._as_written(band)
                continue
            self.is_changed = self.is_changed or self._switches(band, gutter) > 2
            sides = (right, left) if self._is_leftward(band) else (left, right)
            for side in sides:
                yield from self.lines(side, columns - 1)

    def _gutter(self, some: list[int]) -> float | None:
        """The middle of the widest space that fewest runs cross, if any band has columns there."""
        spaces = _spaces([(self._runs[one].left, self._runs[one].right) for one in some])
        width, gutter = max(spaces, default=(0.0, 0.0))
        if width < _NARROWEST:
            return None
        for band in self._bands(some, gutter):
            if self._are_columns(*self._sides(band, gutter)):
                return gutter
        return None

    def _sides(self, band: list[int], gutter: float) -> tuple[list[int], list[int]]:
        left = [one for one in band if self._runs[one].right <= gutter]
        return left, [one for one in band if self._runs[one].left >= gutter]

    def _bands(self, some: list[int], gutter: float) -> Iterator[list[int]]:
        """Runs from top to bottom, each as written: those that cross the gutter, and those between
        these; and a row at the top or the bottom that stands apart.
        """
        band: list[int] = []
        was_crossing = False
        for one in sorted(some, key=lambda one: -self._runs[one].middle):
            is_crossing = self._runs[one].left < gutter < self._runs[one].right
            if is_crossing is not was_crossing and band:
                yield from self._trimmed(sorted(band))
                band = []
            was_crossing = is_crossing
            band.append(one)
        if band:
            yield from self._trimmed(sorted(band))

    def _trimmed(self, band: list[int]) -> Iterator[list[int]]:
        """The band, with a first and a last row for themselves that are far from the others."""
        rows = self._rows(band)
        if len(rows) < 2 * _LEAST:
            yield band
            return
        steps = self._steps(rows)
        far = _APART * _middle(steps)
        first, last = steps[0] > far, steps[-1] > far
        if first:
            yield sorted(rows[0])
        yield sorted(one for row in rows[first : len(rows) - last] for one in row)
        if last:
            yield sorted(rows[-1])

    def _rows(self, some: list[int]) -> list[list[int]]:
        """Runs on one line each, from top to bottom."""
        rows: list[list[int]] = []
        for one in sorted(some, key=lambda one: -self._runs[one].middle):
            if rows and self._runs[one].middle > self._runs[rows[-1][0]].bottom:
                rows[-1].append(one)
            else:
                rows.append([one])
        return rows

    def _steps(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """How far each row is below the one before it."""
        middles = [self._runs[row[0]].middle for row in rows]
        return [above - below for above, below in pairwise(middles)]

    def _are_columns(self, left: list[int], right: list[int]) -> bool:
        if min(len(left), len(right)) < _LEAST:
            return False
        if not (self._is_prose(left) and self._is_prose(right)):
            return False
        tops = [max(self._runs[one].top for one in side) for side in (left, right)]
        ends = [min(self._runs[one].bottom for one in side) for side in (left, right)]
        lowest = min(top - end for top, end in zip(tops, ends, strict=True))
        return min(tops) - max(ends) > lowest / 2 and not self._end_together(left, right)

    def _is_prose(self, side: list[int]) -> bool:
        runs = [self._runs[one] for one in side]
        words = _middle([len(run.text.split()) for run in runs])
        is_dense = words == 1 and _middle([len(run.text) for run in runs]) > 2 * _WORDS
        if words < _WORDS and not is_dense:  # Chinese is written without blanks
            return False
        widths = sorted(run.right - run.left for run in runs)
        full = [one for one in widths if one >= _FULL * widths[len(widths) * 9 // 10]]
        going_on = [run for run in runs if _goes_on(run.text)]
        return len(full) >= _MOSTLY * len(runs) and len(going_on) >= _GOING_ON * len(runs)

    def _end_together(self, left: list[int], right: list[int]) -> bool:
        """Whether what is on both sides begins anew at the same heights, as rows of a table do."""
        few, many = sorted((self._anew(left), self._anew(right)), key=len)
        many = sorted(many)
        met = [bisect(many, one + _LEVEL) > bisect(many, one - _LEVEL) for one in few]
        return len(met) >= _ROWS and all(met) and 2 * len(few) >= len(many)

    def _anew(self, side: list[int]) -> list[float]:
        """The heights of lines that are far below the one before."""
        rows = self._rows(side)
        steps = self._steps(rows)
        far = _APART * _middle(steps) if steps else 0.0
        return [
            self._runs[row[0]].middle
            for row, step in zip(rows[1:], steps, strict=True)
            if step > far
        ]

    def _switches(self, band: list[int], gutter: float) -> int:
        """How often what was written goes from one side to the other."""
        sides = [self._runs[one].left >= gutter for one in band]
        return sum(one is not other for one, other in pairwise(sides))

    def _is_leftward(self, band: list[int]) -> bool:
        """Whether most of it is in a script that is written from right to left."""
        kinds = [unicodedata.bidirectional(char) for one in band for char in self._runs[one].text]
        return kinds.count("R") + kinds.count("AL") > kinds.count("L")

    def _as_written(self, some: list[int]) -> Iterator[str]:
        """The text of runs in their order, those beside one another as one line."""
        line: list[str] = []
        last: Run | None = None
        for one in some:
            run = self._runs[one]
            if last is not None and not last.bottom < run.middle < last.top:
                yield " ".join(line)
                line = []
            line.append(run.text)
            last = run
        if line:
            yield " ".join(line)


def _spaces(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The width and the middle of each space that the fewest spans cross, of those with enough
    spans on both sides.
    """
    edges = sorted([(left, 1) for left, _ in spans] + [(right, -1) for _, right in spans])
    least = max(_LEAST, _SIDE * len(spans))
    found: list[tuple[int, float, float]] = []  # how many cross it, from where, to where
    begun = ended = 0
    for (place, kind), (following, _) in pairwise(edges):
        begun += kind > 0
        ended += kind < 0
        if following > place and min(ended, len(spans) - begun) >= least:
            found.append((begun - ended, place, following))
    fewest = min((crossing for crossing, _, _ in found), default=0)
    return [
        (end - start, (start + end) / 2) for crossing, start, end in found if crossing == fewest
    ]


def _middle(values: Sequence[float]) -> float:
    """The median, or the larger one of two."""
    return sorted(values)[len(values) // 2]


def _goes_on(text: str) -> bool:
    """Whether a line goes on with a sentence, as far as its first character says."""
    return text[:1].isalpha() and not text[:1].isupper()
