"""Files that are derived from the catalog: written beside, and mapped when they are read."""

# Tested by tests/unit/cmsearch/store/index/test_snapshot.py

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.digest import BLOCK, block_checksums
from cmsearch.common.files import open_file, replacing
from cmsearch.errors import StoreError
from cmsearch.store.index.manifest import File
from cmsearch.store.index.rows import HalfArray
from cmsearch.types import IdArray


def write(path: Path, fill: Callable[[BinaryIO], Any], block: int = BLOCK) -> File:
    """Write beside, sync and rename; raises `StoreError` where that can't be done."""
    try:
        with replacing(path) as file:
            fill(file)
            file.flush()
            file.seek(0)
            blocks = block_checksums(file, block)
    except OSError as error:
        raise StoreError(
            f"{path} can't be written: {error.strerror}. What was indexed is kept and can be "
            "searched; mend that and run the command again."
        ) from error
    return File(path.name, path.stat().st_size, blocks, block)


def write_array(path: Path, content: NDArray[Any] | None) -> File | None:
    """The same with what is in an array, if there is one."""
    return None if content is None else write(path, lambda file: file.write(content.data))


def write_sums(path: Path, vectors: Path, block: int) -> File:
    """Write the checksums of small blocks of vectors: little has to be read to check some."""
    with open_file(vectors, follow=False) as file:
        sums = np.array(block_checksums(file, block), "<u4")
    return write(path, lambda file: file.write(sums.data))


@contextmanager
def opened(folder: Path, file: File) -> Iterator[BinaryIO]:
    """A file that is as long as it was written; raises `StoreError`."""
    if Path(file.name).name != file.name:
        raise StoreError(f"The manifest names a file outside the store: {file.name!r}.")
    try:
        with open_file(folder / file.name, follow=False) as found:
            if os.fstat(found.fileno()).st_size != file.size:
                raise _damage(file)
            yield found
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{file.name} can't be read: {reason}.") from error


def mapped(folder: Path, file: File, *, is_checked: bool = True) -> NDArray[np.uint8]:
    """A file, whose pages are read when they are looked at; raises `StoreError`.

    It is as long as it was written, and where it `is_checked` as it was.
    """
    with opened(folder, file) as found:
        data = np.empty(0, np.uint8)
        if file.size:
            pages = mmap.mmap(found.fileno(), 0, access=mmap.ACCESS_COPY)  # FAISS asks for it
            data = np.frombuffer(pages, np.uint8)
    if is_checked and _checksums(data, file.block) != file.blocks:
        raise _damage(file)
    return data


def check(folder: Path, file: File) -> None:
    """Raise `StoreError` for a file that isn't as it was written; it is read and not mapped, which
    takes no memory.
    """
    with opened(folder, file) as found:
        if block_checksums(found, file.block) != file.blocks:
            raise _damage(file)


class ReadRows:
    """Rows of float16 of a file that are read when they are asked for."""

    def __init__(self, folder: Path, file: File, size: tuple[int, int]) -> None:
        self._folder, self._file, self.size = folder, file, size

    def at(self, numbers: IdArray) -> HalfArray:
        """The rows of some ascending numbers."""
        if not len(numbers):
            return np.empty((0, self.size[1]), np.float16)
        first, last = int(numbers[0]), int(numbers[-1])
        return self.between(first, last + 1)[numbers - first]

    def between(self, start: int, end: int) -> HalfArray:
        """The rows from one number up to another, without this."""
        width = 2 * self.size[1]
        with opened(self._folder, self._file) as found:
            found.seek(width * start)
            data = found.read(width * (min(end, self.size[0]) - start))
        return np.frombuffer(data, "<f2").reshape(-1, self.size[1])


def _damage(file: File) -> StoreError:
    return StoreError(f"{file.name} is not as it was written.")


def _checksums(data: NDArray[np.uint8], block: int) -> list[int]:
    return [zlib.crc32(data[start : start + block].data) for start in range(0, len(data), block)]
