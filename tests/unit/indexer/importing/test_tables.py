"""Tables give their rows page after page, whatever is in them, and bombs don't go off."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as files

from cmsearch.errors import CmsearchError
from indexer.importing import parquet, parquet_worker
from indexer.importing.rows import PAGE
from indexer.importing.tables import MAX_LINE, open_table
from tests import imports


def all_of(path: Path, *names: str) -> list[tuple[Any, ...]]:
    table = open_table(path)
    found = [
        row
        for records in table.read(names)
        for row in zip(*(records[name] for name in names), strict=True)
    ]
    assert len(found) == table.rows
    return found


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".parquet"])
@pytest.mark.parametrize("count", [0, 1, PAGE, PAGE + 1, 2 * PAGE + 7])
def test_every_row_comes_once(tmp_path: Path, suffix: str, count: int) -> None:
    names = [f"a/ü {number}.jpg" for number in range(count)]
    imports.write_arrays(tmp_path, np.zeros((count, 2)), names, suffix)
    assert all_of(tmp_path / f"paths{suffix}", "path") == [(name,) for name in names]


def test_lines_are_paths_whatever_bytes_they_have(tmp_path: Path) -> None:
    path = tmp_path / "paths.txt"
    path.write_bytes(b"a.jpg\r\n\n\xff.jpg\n" + b"x" * (3 * MAX_LINE) + b"\nlast.jpg")
    found = all_of(path, "path")
    assert found == [("a.jpg",), ("",), (os.fsdecode(b"\xff.jpg"),), ("",), ("last.jpg",)]


def test_lines_of_json_may_hold_anything(tmp_path: Path) -> None:
    lines = ['{"file_name": "a", "n": 1}', "{", "[" * 100_000, "1", '"b"', '{"file_name": []}']
    lines += ['{"n": ' + "1" * 5_000 + "}", '{"file_name": "\\ud800"}', "\\"]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    assert open_table(path).paths() == "path"  # one line is a path alone
    found = all_of(path, "file_name")
    assert found == [("a",), *[(None,)] * 6, ("\ud800",), (None,)]


def test_texts_that_are_too_long_are_none(tmp_path: Path) -> None:
    texts = ["short", "x" * (parquet_worker.MAX_TEXT + 1), None, ""]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        files.write_table(pa.table({"path": pa.array(texts, kind)}), tmp_path / "a.parquet")
        assert all_of(tmp_path / "a.parquet", "path") == [("short",), (None,), (None,), ("",)]


def test_a_text_in_many_rows_stays_one(tmp_path: Path) -> None:
    """A megabyte in each of 20,000 rows would be 20 GB."""
    texts = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(20_000, np.int32)), pa.array(["x" * 2**20])
    )
    files.write_table(pa.table({"path": texts}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 2**21
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert set(all_of(tmp_path / "a.parquet", "path")) == {(None,)}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KB


def test_more_values_than_a_file_could_have_are_refused(tmp_path: Path) -> None:
    """Equal values take no room in the file."""
    count = 2 * parquet_worker.ALWAYS
    rows = pa.ListArray.from_arrays([0, count], pa.array(np.zeros(count, np.float32)))
    files.write_table(pa.table({"path": ["a"], "vector": rows}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 2**20
    with pytest.raises(CmsearchError, match="which no table of vectors has"):
        list(parquet.vectors(tmp_path / "a.parquet", ["path"], "vector", 4))


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float16(), 3)],
    ids=str,
)
def test_vectors_come_with_their_rows(tmp_path: Path, kind: Any) -> None:
    rows = [[1, 2, 3], None, [4, 5, 6], [7, None, 8]]
    if not pa.types.is_fixed_size_list(kind):
        rows += [[], [1, 2]]
    made = pa.array(
        [None if row is None else [v and np.float16(v) for v in row] for row in rows], kind
    )
    names = [str(number) for number in range(len(rows))]
    table = pa.table({"other": pa.array([[1.0]] * len(rows)), "path": names, "vector": made})
    files.write_table(table, tmp_path / "a.parquet")
    assert parquet.shape(tmp_path / "a.parquet") == ("vector", len(rows), 3)
    ((records, vectors),) = parquet.vectors(tmp_path / "a.parquet", ["path"], "vector", 3)
    assert list(records["path"]) == names
    assert np.array_equal(vectors[[0, 2]], [[1, 2, 3], [4, 5, 6]])
    assert np.isnan(vectors).any(1).tolist() == [False, True, False, *[True] * (len(rows) - 3)]


def test_columns_that_can_t_be_told_are_named(tmp_path: Path) -> None:
    lists = pa.array([[1.0]])
    path = tmp_path / "a.parquet"
    files.write_table(pa.table({"one": lists, "two": lists, "name": ["a"]}), path)
    with pytest.raises(CmsearchError, match="one, two with lists of floats"):
        parquet.shape(path)
    with pytest.raises(CmsearchError, match="no column with paths, but name"):
        open_table(path).paths()
    files.write_table(pa.table({"vector": pa.array([[], None], pa.list_(pa.float32()))}), path)
    with pytest.raises(CmsearchError, match="no vector"):
        parquet.shape(path)


def test_damaged_parquet_ends_with_a_sentence(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    imports.write_parquet(tmp_path / "whole", vectors, [f"{n}.jpg" for n in range(20)])
    whole, random = (tmp_path / "whole").read_bytes(), np.random.default_rng(1)
    path, told = tmp_path / "a.parquet", 0
    for _ in range(60):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 4):
            data[place] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            _, _, dim = parquet.shape(path)
            for _ in parquet.vectors(path, [parquet.table(path).paths()], "embedding", dim):
                pass
        except CmsearchError as error:
            told += 1
            assert "a.parquet" in str(error)
    assert told > 6


def test_without_the_extra_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(CmsearchError, match=r"cmsearch\[parquet\]"):
        open_table(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text(json.dumps({"path": "a"}))
    assert open_table(tmp_path / "a.jsonl").rows == 1
