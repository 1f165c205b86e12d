"""What SQLite keeps beside a database, looked at before SQLite believes it."""

# Tested by tests/unit/cmsearch/store/test_trust.py

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from cmsearch.common.files import open_file
from cmsearch.errors import StoreError

BESIDE = ("-journal", "-wal", "-shm")
"""How the names end of the files that SQLite keeps beside a database."""
_MAGIC = bytes.fromhex("d9d505f920a163d7")
_HEADER = struct.Struct(">8s5I")
_MOST_HEADERS = 100_000


def reading(path: Path) -> dict[str, str]:
    """How to open what can't be written: past a log that a writer is using, or has left."""
    logged = any(os.path.lexists(f"{path}{end}") for end in BESIDE)
    return {"mode": "ro"} if logged else {"mode": "ro", "immutable": "1"}


def check_journal(path: Path, database_bytes: int) -> None:
    """Raise `StoreError` for a rollback journal that reaches beyond its own database.

    SQLite deletes the file that a journal names at its end as its super-journal, wherever it is,
    and gives the database the size that a header says. No catalog is ever part of a transaction
    over several files, and a journal has every page that was cut off. The format is at
    https://www.sqlite.org/fileformat2.html#the_rollback_journal.
    """
    try:
        with open_file(path, follow=False) as file:
            size = file.seek(0, os.SEEK_END)
            most = database_bytes + size
            # Whether the rest of the name holds together or not: a later crash can make it so.
            if _read(file, max(size - len(_MAGIC), 0), len(_MAGIC)) == _MAGIC:
                raise StoreError(f"{path} names another file, which SQLite would delete.{_ADVICE}")
            if _largest(file) > most:
                raise StoreError(f"{path} is not the journal of its catalog.{_ADVICE}")
    except FileNotFoundError:
        return  # whoever wrote it is done
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}.") from error


_ADVICE = (
    " cmsearch didn't write it. If you know where the index came from, delete that file and run "
    "the command again; else delete the index."
)


def _largest(file: BinaryIO) -> int:
    """The bytes of the largest database that a header of the journal speaks of."""
    largest = at = sector = page = 0
    for _ in range(_MOST_HEADERS):
        head = _read(file, at, _HEADER.size)
        if len(head) < _HEADER.size:
            return largest
        magic: bytes = head[: len(_MAGIC)]
        records, _, pages, *sizes = (int(one) for one in _HEADER.unpack(head)[1:])
        if magic != _MAGIC:
            return largest
        if not at:
            sector, page = sizes
            if not (32 <= sector <= 65536 and 512 <= page <= 65536):
                return largest  # SQLite believes none of it either
        largest = max(largest, pages * page)
        if records == 0xFFFFFFFF:  # to the end of the file
            return largest
        at += sector + records * (page + 8)
        at += -at % sector
    return 2**63  # each costs SQLite time, and a run of ours leaves a few


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
