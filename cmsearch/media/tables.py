"""Tables as spreadsheets save them and as people write them: their rows, with any delimiter."""

# Tested by tests/unit/cmsearch/media/test_captions.py

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from cmsearch.errors import MediaError
from cmsearch.media.columns import (
    SAMPLE,
    Columns,
    Knows,
    columns,
    is_like_a_name,
    picture_name,
    speaks_of,
)

DELIMITERS = ",;\t|"
LONGEST = 100
"""Lines at most over which a field in quotation marks goes."""
UNNAMED = (
    "its columns have no names, so that it isn't clear which has captions: give it a first line "
    "such as image,caption"
)

Record = tuple[int, list[str] | str]


def rows(
    lines: Sequence[str], knows: Knows, like: bool, delimiters: str = DELIMITERS
) -> tuple[Columns, Iterator[tuple[int, Mapping[str, str] | str]]] | None:
    """The columns of a table, and its rows, each with its line; None for one without captions.

    In place of a row that can't be read there is what is wrong with it. Raises `MediaError` as
    `cmsearch.media.columns` does.
    """
    start, delimiter = _delimiter(lines, delimiters)
    records = _records(lines, start, delimiter)
    first = [row for _, row in islice(_records(lines, start, delimiter), SAMPLE + 1)]
    sample = [row for row in first if isinstance(row, list)]
    if not sample or (len(sample[0]) < 2 and not like):
        return None
    keys = _unnamed(sample, knows)
    if keys is None:
        next(records)
        keys, sample = _distinct(sample[0]), sample[1:]
    found = columns(keys, [dict(zip(keys, row, strict=False)) for row in sample], knows, like)
    if found is None:
        return None
    last = keys[-1] in {key for group in found.texts for key in group}
    return found, ((line, _row(row, keys, delimiter, last)) for line, row in records)


def _row(
    record: list[str] | str, keys: Sequence[str], delimiter: str, last: bool
) -> Mapping[str, str] | str:
    """The fields of a record by their columns.

    Where there are too many, those at the end are the `last` column's: people write commas in
    captions without quotation marks.
    """
    if isinstance(record, str):
        return record
    while len(record) > len(keys) and not record[-1].strip():
        record.pop()
    if len(record) > len(keys):
        if not last:
            return (
                f"{len(record)} fields in place of {len(keys)}: put a caption with {delimiter!r} "
                "in it into quotation marks"
            )
        end = delimiter.join(record[len(keys) - 1 :])
        record = [*record[: len(keys) - 1], end]
    return dict(zip(keys, record, strict=False))


def _delimiter(lines: Sequence[str], delimiters: str) -> tuple[int, str]:
    """Where a table begins, and what parts its fields: what it says, or what fits best."""
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].rstrip("\r\n")) == 5:
        return 1, lines[0][4]

    def fit(delimiter: str) -> tuple[bool, bool, float, int]:
        some = [row for _, row in islice(_records(lines, 0, delimiter), SAMPLE)]
        widths = [len(row) if isinstance(row, list) else 0 for row in some]
        if not widths or widths[0] < 2:
            return False, False, 0.0, 0
        same = sum(width == widths[0] for width in widths) / len(widths)
        cells = some[0] if isinstance(some[0], list) else []
        names = any(is_like_a_name(cell) and not set(delimiters) & set(cell) for cell in cells)
        return speaks_of(cells), names, same, -delimiters.index(delimiter)

    return 0, max(delimiters, key=fit)


def _records(lines: Sequence[str], start: int, delimiter: str) -> Iterator[Record]:
    """The records that lines hold, each with its first line, counted from 1; empty ones left out.

    A quotation mark that is never closed spoils its own line only.
    """
    source = _Lines(lines, start)
    blanks = any(f'{delimiter} "' in line for line in lines[:SAMPLE])
    reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=blanks)
    while source.at < len(lines):
        number = source.at
        source.stop = number + LONGEST
        try:
            row: list[str] | str = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            source.at = number + 1
            row = _alone(lines[number], delimiter, str(error))
            reader = csv.reader(source, delimiter=delimiter, strict=True, skipinitialspace=blanks)
        if isinstance(row, str) or any(field.strip() for field in row):  # sheets have empty rows
            yield number + 1, row


class _Lines:
    """Lines for a reader of CSV, which can be set back, and end after some."""

    def __init__(self, lines: Sequence[str], at: int) -> None:
        self._lines = lines
        self.at = at
        self.stop = at

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.at >= min(self.stop, len(self._lines)):
            raise StopIteration
        self.at += 1
        return self._lines[self.at - 1] + "\n"


def _alone(line: str, delimiter: str, error: str) -> list[str] | str:
    """A line with quotation marks in odd places: as it can be understood, or what is wrong."""
    if "field limit" in error:
        return f"a field of more than {csv.field_size_limit():,} characters"
    if line.count('"') % 2:
        return "a quotation mark that is not closed"
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return "not fields of a table"


def _unnamed(sample: Sequence[list[str]], knows: Knows) -> list[str] | None:
    """Columns for a table whose first line is a row already, by what is in them; else None.

    Raises `MediaError` where pictures are named and it isn't clear which column has captions.
    """
    names = [[picture_name(cell) for cell in row] for row in sample]
    likely = [
        place
        for place in range(len(sample[0]))
        if all(place < len(row) and is_like_a_name(row[place]) for row in names)
        and any(knows(row[place]) for row in names)
    ]
    if not likely:
        return None
    picture, width = likely[0], min(map(len, sample))
    others = [place for place in range(width) if place != picture]
    if len(others) > 1:
        others = [place for place in others if _has_letters(place, sample)]
    if len(others) > 1:
        raise MediaError(UNNAMED)
    return [
        "image" if place == picture else "caption" if place in others else f"column {place + 1}"
        for place in range(width)
    ]


def _has_letters(place: int, sample: Sequence[list[str]]) -> bool:
    return any(any(char.isalpha() for char in row[place]) for row in sample)


def _distinct(names: Sequence[str]) -> list[str]:
    """The names of columns, without blanks; of several of one name the others are numbered."""
    found: list[str] = []
    for name in names:
        plain = name.strip().strip("\ufeff\"'")
        found.append(f"{plain} {found.count(plain) + len(found)}" if plain in found else plain)
    return found
