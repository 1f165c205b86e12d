"""A catalog of anything is an error of ours or a right answer, soon and in little memory."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import CmsearchError
from cmsearch.models.plugins import encoders
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import examine
from tests import damage, hostile
from tests.builders import write_files, write_picture


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogs") / "photos"
    for colour in ("red", "green", "blue"):
        write_picture(folder / f"{colour}.png", colour)
    write_files(folder, {"red.txt": "a red thing\n", "notes.md": "Green is a colour. " * 40})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


@pytest.mark.parametrize("name", hostile.CASES)
def test_a_hostile_catalog_is_refused_or_harmless(
    made: Path, tmp_path: Path, fake_model: str, name: str
) -> None:
    derived = len(name) % 2  # half of them with files beside the catalog
    folder = Path(shutil.copytree(made, tmp_path / "photos"))
    hostile.make(folder / DIRECTORY / CATALOG, name, 1)
    for path in () if derived else damage.derived(folder):
        path.unlink()
    start = time.process_time()
    with suppress(CmsearchError), cmsearch.open(folder) as engine:
        for target in ("any", "text", "image"):
            hits = engine.search("red", target=target, k=1000)
            assert all(math.isfinite(hit.score) for hit in hits)
            assert all(0 <= hit.relevance <= 1 for hit in hits)
            assert all(hit.path.is_relative_to(folder) for hit in hits)
    with suppress(CmsearchError), Store(folder / DIRECTORY) as store:
        take_inventory(store)
    with suppress(CmsearchError), Store(folder / DIRECTORY) as store:
        examine(store, samples=0)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("value", ["0.0", "nan", "inf", "2.0"])
@pytest.mark.parametrize("derived", [True, False], ids=["with files", "alone"])
def test_vectors_that_are_not_searched_are_counted_and_told(
    made: Path, tmp_path: Path, fake_model: str, caplog: pytest.LogCaptureFixture,
    value: str, derived: bool,
) -> None:  # fmt: skip
    import numpy as np

    folder = Path(shutil.copytree(made, tmp_path / "photos"))
    for path in damage.derived(folder):
        path.unlink()
    with damage.catalog(folder) as connection:
        query = "SELECT id, length(vector) FROM embeddings WHERE modality = 'image' LIMIT 1"
        ((number, size),) = connection.execute(query).fetchall()
        blob = np.full(size // 2, float(value), "<f2").tobytes()
        connection.execute("UPDATE embeddings SET vector = ? WHERE id = ?", (blob, number))
    if derived:
        Indexer(folder).run()
    caplog.clear()
    with cmsearch.open(folder) as engine:
        found = {hit.path.name for hit in engine.search("red", target="image", k=10)}
        assert len(found) == 2
        told = [one.getMessage() for one in caplog.records if "aren't searched" in one.getMessage()]
        assert len(told) == 1 and told[0].startswith("1 of 3 image vectors")
    with Store(folder / DIRECTORY) as store:
        assert [one.what for one in examine(store, samples=0) if one.check == "vectors"] == [
            "1 embeddings are damaged"
        ]
