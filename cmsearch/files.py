"""Opening files, and nothing that only looks like one: a pipe or a device may never end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path


def open_file(path: Path) -> BufferedReader:
    """A regular file, open for reading; raises `OSError`, for anything else than a file too.

    Opening a pipe would wait for whoever writes into it, so the kind is asked for without waiting,
    and of what was opened: a scan may be minutes old.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not stat.S_ISREG(path.stat().st_mode):  # opening a device may already do something
        raise OSError(errno.EINVAL, "not a regular file")
    number = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most `most` bytes; raises `OSError`."""
    with open_file(path) as file:
        data = file.read(most + 1)  # not by its size: it may be growing
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most // 2**20} MiB")
    return data


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside its place, synced, and rename it: whole or not at all.

    Raises `OSError`.
    """
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
