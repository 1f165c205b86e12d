"""What was read in a picture or on pages, as a catalog keeps it: blocks of lines with their boxes.

It is a setting by the digest of the file, so that no file is read twice, wherever it lies. Its
blocks are items too, whose digests say which block of which file each is.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_readings.py

from __future__ import annotations

import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from cmsearch.store.catalog import schema, settings
from cmsearch.types import TextLine

PREFIX = "ocr:"
"""What the digests of items begin with whose text was read in pictures."""
MOST_BYTES = 2**24
"""Of what was read in a file: far more than its bounds let through."""
_SCALE = 10_000
"""Boxes are kept in whole steps of this share of a picture's sides."""
_NUMBERS = 8

FORGET = sa.delete(schema.settings).where(
    schema.settings.c.name.startswith(settings.TEXT),
    sa.func.substr(schema.settings.c.name, len(settings.TEXT) + 1).not_in(
        sa.select(schema.assets.c.digest).where(schema.assets.c.digest.is_not(None))
    ),
)
"""Forgets what was read in files that aren't there any more."""


class Reading(NamedTuple):
    """What was read in a file: by which model and rules, whether every picture was looked at
    closely, the blocks of lines, and of a document that is still being read the last `page` that
    was; 0 of what is read.
    """

    reader: str
    every: bool
    blocks: list[list[TextLine]]
    page: int = 0


def name(digest: str) -> str:
    """The setting that has what was read in files of this digest."""
    return f"{settings.TEXT}{digest}"


def item_digest(digest: str, number: int) -> str:
    """The digest of the item that is a block, counted from 1, of a file of this digest."""
    return f"{PREFIX}{digest}:{number}"


def block_of(item: str) -> tuple[str, int] | None:
    """The digest of the file, and the number of the block, that an item of this digest is."""
    kind, _, rest = item.partition(":")
    digest, _, number = rest.partition(":")
    is_one = f"{kind}:" == PREFIX and number.isascii() and number.isdigit() and len(number) < 10
    return (digest, int(number)) if is_one else None


def is_of(item: str, digest: str | None) -> bool:
    """Whether an item of this digest was read in a file of that digest."""
    found = block_of(item)
    return found is not None and found[0] == digest


def pack(reading: Reading) -> str:
    """A reading as JSON; the first numbers are what is asked of all at once."""
    blocks = [
        [[line.text, line.score, line.page, *_steps(line)] for line in lines]
        for lines in reading.blocks
    ]
    state = -reading.page or int(reading.every)
    return json.dumps([len(blocks), state, reading.reader, blocks], ensure_ascii=False)


def unpack(text: str) -> Reading:
    """The reading of `pack`; raises `ValueError` or `TypeError` for anything else."""
    if len(text) > MOST_BYTES:
        raise ValueError("what was read in a picture is no longer than some pages")
    try:
        count, state, reader, found = json.loads(text)
    except RecursionError as error:
        raise ValueError("a reading is lists of lines") from error
    if not isinstance(reader, str) or not isinstance(found, list) or len(found) != count:
        raise ValueError("a reading is lists of lines")
    if not isinstance(state, int) or not -(2**31) < state <= 1:
        raise ValueError("a reading says which page it is at")
    blocks = [[_line(row) for row in lines] for lines in found]
    return Reading(reader, bool(state), blocks, max(0, -state))


def _steps(line: TextLine) -> list[int]:
    return [round(share * _SCALE) for share in line.box]


def _line(row: Any) -> TextLine:
    text, score, page, *box = row
    if not isinstance(text, str) or len(box) != _NUMBERS:
        raise ValueError("a line has a text and four corners")
    numbers = [float(one) for one in (score, *box)]
    if not all(0 <= one <= _SCALE for one in numbers) or not 0 <= int(page) < 2**31:
        raise ValueError("a line is within its picture")
    return TextLine(text, numbers[0], tuple(one / _SCALE for one in numbers[1:]), int(page))
