"""NumPy's files are read as they are, and crafted ones end with a sentence."""

from __future__ import annotations

import pickle
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import CmsearchError
from indexer.importing.arrays import opened


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f4", "<f8"])
def test_any_part_is_what_was_saved(tmp_path: Path, dtype: str) -> None:
    rows = np.random.default_rng(0).normal(size=(11, 3)).astype(dtype)
    np.save(tmp_path / "a.npy", rows)
    with opened(tmp_path / "a.npy") as array:
        assert (array.rows, array.dim) == (11, 3)
        assert np.array_equal(array.at(4, 5), rows[4:9].astype(np.float32))
        assert array.at(11, 0).shape == (0, 3)
        with pytest.raises(CmsearchError, match="shorter"):
            array.at(10, 2)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((2, 3), np.int8),
        np.zeros((2, 3), object),
        np.zeros((2, 3), [("a", "<f4")]),
        np.zeros((2, 3), complex),
        np.asfortranarray(np.ones((2, 3), np.float32)),
        np.zeros(3, np.float32),
        np.zeros((2, 3, 4), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros((1, 70_000), np.float16),
    ],
    ids=lambda rows: f"{rows.dtype}{rows.shape}",
)
def test_what_holds_no_vectors_is_told(tmp_path: Path, rows: Any) -> None:
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(CmsearchError), opened(tmp_path / "a.npy"):
        pass


def npy(head: str, *, version: int = 1, length: int | None = None) -> bytes:
    """A file of this head, and no row."""
    size = len(head) if length is None else length
    packed = struct.pack("<H" if version == 1 else "<I", size)
    return b"\x93NUMPY" + bytes([version, 0]) + packed + head.encode()


HEADS = {
    "rows that aren't there": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 4)}\n"),
    "more than there are": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2**70, 4)}\n"),
    "huge": npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**62}, 4)}}\n"),
    "huger": npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**40}, 4)}}\n"),
    "negative": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}\n"),
    "true": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4)}\n"),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (0, 4)}\n"),
    "code": npy("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (0, 4)}\n"),
    "brackets": npy("(" * 9_000),
    "brackets and a sum": npy("{'descr': " + "-" * 9_000 + "1}"),
    "a head without end": npy("{}", version=2, length=2**32 - 1),
    "Python 2's": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0L, 4L)}\n"),
    "another version": b"\x93NUMPY\x09\x00" + b"\0" * 200,
    "nothing": b"",
    "a pickle": pickle.dumps([1.0, 2.0]),
}


@pytest.mark.parametrize("data", HEADS.values(), ids=HEADS)
def test_a_head_that_lies_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(CmsearchError, match=r"a\.npy"), opened(tmp_path / "a.npy"):
        pass


def test_damaged_bytes_end_with_a_sentence_or_give_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "whole.npy", np.ones((3, 4), np.float32))
    whole, random = (tmp_path / "whole.npy").read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(whole[: random.integers(1, len(whole) + 1)])
        for place in random.integers(0, min(len(data), 128), 3):
            data[place] = random.integers(0, 256)
        (tmp_path / "a.npy").write_bytes(data)
        try:
            with warnings.catch_warnings(action="error"), opened(tmp_path / "a.npy") as array:
                array.at(0, array.rows)
        except CmsearchError as error:
            assert "a.npy" in str(error)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.npy"):
        with pytest.raises(CmsearchError, match="can't be read"), opened(path):
            pass
