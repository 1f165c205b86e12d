"""Pages while files come, go and move: none twice, none missing that stayed."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cmsearch
from cmsearch import Engine, Ranking
from cmsearch.search.pages import PageRequest, Pages
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import Store
from tests.builders import asset, caption, photo, put, remove, serve
from tests.fakes import SPACE

EXAMPLES = 12


class Collection:
    """A small store whose files change by chance. Each has a number, which none has again."""

    def __init__(self, folder: Path, seed: int) -> None:
        with Store(folder / ".cmsearch", folder) as store:
            self.space = serve(store.catalog, SPACE.dim, SPACE)
        self.catalog = Catalog(folder / ".cmsearch" / "catalog.db")
        self.random, self._numbers = Random(seed), count()
        self.paths: dict[int, str] = {}
        self.digests: dict[int, str] = {}
        for _ in range(self.random.randint(5, 30)):
            self.add()

    def add(self) -> None:
        number = next(self._numbers)
        path = f"{self.random.randint(0, 99)}-{number}.jpg"
        rows = np.random.default_rng(number).normal(size=(2, SPACE.dim)) + 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        items = [photo(rows[0], f"photo {number}")]
        if number % 3 == 0:
            items.append(caption(f"red thing {number}", rows[1], path))
        put(self.catalog, self.space, path, *items)
        self.paths[number] = self.digests[number] = path

    def change(self) -> None:
        """Let one file come, or go, or move."""
        act = self.random.choice(("add", "remove", "move", "move"))
        if act == "add" or not self.paths:
            self.add()
            return
        number, path = self.random.choice(list(self.paths.items()))
        if act == "remove":
            remove(self.catalog, path)
            del self.paths[number]
            return
        to = f"{self.random.randint(0, 99)}-{number}.png"
        if to != path:
            with self.catalog.writing() as writer:
                writer.move_asset(path, asset(to, digest=self.digests[number]))
            self.paths[number] = to

    def number(self, path: Path) -> int:
        return int(path.stem.partition("-")[2])


def paged(engine: Engine, files: Collection, asked: PageRequest) -> tuple[list[int], set[int]]:
    """The numbers of the files of all hits, and of the files that stayed."""
    pages, stayed, found = Pages(), set(files.paths), []
    page = pages.first(engine, asked)
    while True:
        assert all(files.paths.get(files.number(hit.path)) == hit.path.name for hit in page.hits)
        assert [hit.rank for hit in page.hits] == list(
            range(page.offset + 1, page.offset + 1 + len(page.hits))
        )
        found += [files.number(path) for hit in page.hits for path in (hit.path, *hit.copies)]
        if page.cursor is None:
            return found, stayed
        for _ in range(files.random.randint(0, 3)):
            files.change()
            stayed &= set(files.paths)
        page = pages.next(page.cursor)


@pytest.mark.parametrize("target", ["any", "image"])
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 9), fold=st.booleans())
def test_no_hit_comes_twice_and_none_is_missing_that_stayed(
    fake_model: str, tmp_path_factory: pytest.TempPathFactory, target: str, seed: int, size: int,
    fold: bool,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("paged")
    files = Collection(folder, seed)
    with cmsearch.open(folder) as engine:
        asked = PageRequest(
            engine.encode(["red"])[0], target=target, ranking=Ranking(fold=fold), size=size
        )
        found, stayed = paged(engine, files, asked)
    files.catalog.close()
    if target == "image" or fold:  # else captions are hits of their own
        assert len(set(found)) == len(found)
    assert stayed <= set(found)
