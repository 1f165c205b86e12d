"""NumPy's files, a few rows after the other; never a pickle, and never more than the file has."""

# Tested by tests/unit/indexer/importing/test_arrays.py

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from cmsearch.common.files import open_file
from cmsearch.errors import CmsearchError
from cmsearch.models.spaces import MAX_DIM
from cmsearch.types import FloatArray

MAGIC = b"\x93NUMPY"
_LONGEST_HEAD = 10_000
_HEADS: dict[tuple[int, int], Any] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


class Array:
    """The rows of an array `(rows, dim)` of floats in an open file."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        """Read its head. Raises `CmsearchError` for what isn't such an array, or not all of it."""
        self._path, self._file = path, file
        shape, is_fortran, self._dtype = _head(path, file)
        self._start = file.tell()
        if self._dtype.kind != "f" or self._dtype.hasobject or self._dtype.itemsize > 8:
            raise CmsearchError(f"{path} holds {self._dtype}, and vectors are floats.")
        if len(shape) != 2 or is_fortran:
            how = f"{len(shape)} dimensions" if len(shape) != 2 else "its columns one by one"
            raise CmsearchError(
                f"{path} has {how}, and is to have a row for each vector. Write it anew with "
                "np.save(file, np.ascontiguousarray(vectors))."
            )
        self.rows, self.dim = shape
        if not 1 <= self.dim <= MAX_DIM:
            raise CmsearchError(f"{path} has vectors of {self.dim} dimensions.")
        self._width = self.dim * self._dtype.itemsize
        if self._start + self.rows * self._width > os.fstat(file.fileno()).st_size:
            raise CmsearchError(f"{path} ends before its {self.rows} rows do. Copy it anew.")

    def at(self, start: int, count: int) -> FloatArray:
        """The rows from `start` on `(count, dim)`; raises `CmsearchError` where they end."""
        self._file.seek(self._start + start * self._width)
        data = self._file.read(count * self._width)
        if len(data) != count * self._width:
            raise CmsearchError(f"{self._path} has become shorter while it was read.")
        with np.errstate(over="ignore"):
            found = np.frombuffer(data, self._dtype).astype(np.float32)
        return found.reshape(count, self.dim)


@contextmanager
def opened(path: Path) -> Iterator[Array]:
    """An array to read from; raises `CmsearchError` for a file that can't be read, or is none."""
    try:
        with open_file(path) as file:
            yield Array(path, file)
    except OSError as error:
        raise CmsearchError(f"{path} can't be read: {error.strerror}.") from error


def _head(path: Path, file: BufferedReader) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether columns come first, and the type of the numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # heads that Python 2 wrote
            found = _HEADS[npy.read_magic(file)](file, max_header_size=_LONGEST_HEAD)
        shape, is_fortran, dtype = found
        if not all(type(one) is int and one >= 0 for one in shape) or math.prod(shape) >= 2**62:
            raise ValueError("no shape")
    except OSError:
        raise
    except Exception as error:  # whatever a crafted head leads NumPy's parser to
        raise CmsearchError(f"{path} is not an array that NumPy's `save` wrote.") from error
    return shape, is_fortran, dtype
