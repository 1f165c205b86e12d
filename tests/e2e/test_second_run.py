"""What is as it was isn't opened, and what was moved isn't encoded."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import cmsearch
from cmsearch.store.catalog import files
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.changes import Changes, compare
from indexer.scan import Scan
from scripts.bench import big_folder
from tests import fakes
from tests.builders import write_picture

FILES = 500
_opened: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        _opened.append(arguments[0])


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    folder = tmp_path / "photos"
    for number in range(FILES):
        name = f"{number % 10}/{number}"
        if number % 2:
            write_picture(folder / f"{name}.png", "red", (8 + number % 25, 8 + number // 25))
        else:
            (folder / f"{number % 10}").mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.md").write_text(f"Passage number {number}.")
    Indexer(folder, model=fake_model).run()
    return folder


def test_a_second_run_opens_no_file_that_is_as_it_was(folder: Path) -> None:
    sys.addaudithook(_hook)  # it can't be taken away again
    (folder / "1" / "1.png").read_bytes()
    assert str(folder / "1" / "1.png") in _opened
    _opened.clear()
    assert Indexer(folder).run().unchanged == FILES
    media = [path for path in _opened if path.endswith((".png", ".md"))]
    assert media == []
    write_picture(folder / "1" / "1.png", "blue", (3, 3))
    _opened.clear()
    assert Indexer(folder).run().changed == 1
    media = [path for path in _opened if path.endswith((".png", ".md"))]
    assert {Path(path).name for path in media} == {"1.png"}


def test_a_tree_that_was_moved_is_found_at_its_new_place_and_not_encoded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(fakes.FakeEncoder, "encode")
    (folder / "new").mkdir()
    for number in range(5):
        (folder / f"{number}").rename(folder / "new" / f"below-{number}")
    report = Indexer(folder).run()
    assert (report.moved, report.added, report.removed) == (FILES // 2, 0, 0)
    monkeypatch.undo()
    monkeypatch.setitem(_rows(), "fake", "tests.fakes:load")
    with cmsearch.open(folder) as engine:
        hits = engine.search("red", k=2 * FILES)
    assert len(hits) == FILES
    assert all(hit.path.is_file() for hit in hits)


def test_a_large_folder_is_compared_without_a_list_of_it(tmp_path: Path) -> None:
    """Neither of its files nor of the catalog's: of 3,000 each would take half a megabyte."""
    folder = tmp_path / "photos"
    big_folder.make(folder, 3_000)
    with Store(folder / DIRECTORY) as store:
        first = list(islice(files.rows(store.catalog), 1))  # statements are compiled
        tracemalloc.start()
        try:
            scan = Scan(folder)
            changes = compare(scan, _paged(store.catalog, 100), scan.skipped)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert first and changes == Changes([], [], 3_008, [], [])
    assert peak < 400_000


def _paged(catalog: Catalog, size: int) -> Iterator[tuple[Any, ...]]:
    """The catalog's rows, from pages that are small beside the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_PAGE", size)
        yield from files.rows(catalog)


def test_what_a_run_over_many_files_costs_is_told_apart_from_its_walk(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    big_folder.make(folder, 1_000)
    costs = dict(big_folder.runs(folder, 10))
    counts = [(cost.report["added"], cost.report["removed"]) for cost in costs.values()]
    assert counts == [(0, 0), (10, 0), (0, 10)]
    assert all(cost.report["unchanged"] == 1_008 for cost in costs.values())
    assert all(0 < cost.walk < cost.cpu for cost in costs.values())


def _rows() -> dict[str, str]:
    from cmsearch.models.plugins import encoders

    return encoders._rows  # type: ignore[return-value]
