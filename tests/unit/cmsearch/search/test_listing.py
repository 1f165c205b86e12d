"""Files by their days: their order, their parts, and what of each is given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import QueryError
from cmsearch.search.engine import Engine
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capture, Filter
from tests import fakes
from tests.builders import asset, caption, photo, serve

DAY = datetime(2024, 5, 31, 12)
TAKEN = {
    "b.jpg": DAY,
    "a.jpg": DAY.replace(hour=18),
    "new/c.jpg": datetime(2025, 1, 1),
    "d.jpg": None,
    "e.jpg": DAY.replace(hour=6),
    "old/f.jpg": datetime(1999, 12, 31),
    "g.jpg": DAY,
}
OLDEST = ["old/f.jpg", "e.jpg", "b.jpg", "g.jpg", "a.jpg", "new/c.jpg", "d.jpg"]
NEWEST = ["new/c.jpg", "a.jpg", "b.jpg", "g.jpg", "e.jpg", "old/f.jpg", "d.jpg"]


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    store = Store(tmp_path / DIRECTORY, tmp_path)
    space = serve(store.catalog, fakes.DIM, fakes.SPACE)
    for number, (path, taken) in enumerate(TAKEN.items()):
        with store.catalog.writing() as writer:
            own = writer.put_asset(asset(path, capture=Capture(taken), mtime_ns=None))
            writer.add_item(own, space, photo(np.eye(fakes.DIM)[number % 3], path))
    with Engine(store) as opened:
        yield opened


def names(engine: Engine, hits: object) -> list[str]:
    assert isinstance(hits, tuple)
    return [hit.path.relative_to(engine.store.root).as_posix() for hit in hits]


@pytest.mark.parametrize(("newest", "order"), [(True, NEWEST), (False, OLDEST)])
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_parts_join_to_the_order_of_time(
    engine: Engine, size: int, newest: bool, order: list[str]
) -> None:
    parts = [
        engine.listed(newest=newest, offset=offset, limit=size)
        for offset in range(0, len(TAKEN) + size, size)
    ]
    assert [name for part in parts for name in names(engine, part.hits)] == order
    assert {part.total for part in parts} == {len(TAKEN)}
    assert [hit.rank for part in parts for hit in part.hits] == list(range(1, len(TAKEN) + 1))


def test_only_what_passes_is_listed(engine: Engine) -> None:
    listed = engine.listed(Filter(path="new/*"))
    assert (names(engine, listed.hits), listed.total) == (["new/c.jpg"], 1)
    assert engine.listed(target="text").total == 0


def test_a_caption_isnt_what_a_picture_is_listed_by(engine: Engine) -> None:
    catalog = engine.store.catalog
    with catalog.writing() as writer:
        own = writer.put_asset(asset("captions.txt", kind="text"))
        writer.add_item(own, 1, caption("a bee", np.eye(fakes.DIM)[0], "b.jpg"))
    listed = engine.listed(target="text")
    assert names(engine, listed.hits) == ["b.jpg"]
    assert [hit.kind for hit in listed.hits] == ["photo"]


def test_a_list_begins_somewhere(engine: Engine) -> None:
    for wrong in (-1, 2**31, "1", None):
        with pytest.raises(QueryError, match="begins at 0 or later"):
            engine.listed(offset=wrong)  # type: ignore[arg-type]
