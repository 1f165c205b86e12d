"""What facets are beside plain counts: their bounds, their order, what filters take, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import QueryError
from cmsearch.models.gazetteer import gazetteer
from cmsearch.search import facets
from cmsearch.search.engine import Engine
from cmsearch.search.wire import facets_as_json
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capture, Facet, Filter, Noted, Notes
from tests import fakes
from tests.builders import asset, photo, serve

LISBON = (38.72, -9.14)
FILES: dict[str, tuple[Capture, Notes]] = {
    "2024/alps/a.jpg": (Capture(datetime(2024, 5, 31), "Leica Q"), Notes(("Snow",), ("Ann",))),
    "2024/alps/b.jpg": (Capture(datetime(2024, 5, 31), "NIKON Z 6"), Notes(("snow", "Lake"))),
    "2024/c.jpg": (Capture(datetime(2024, 6, 1), "Leica Q", *LISBON), Notes(labels=("Red",))),
    "d\U0010ffe9.jpg": (Capture(None, None), Notes(rating=3)),
    "x\U0010ffe9/e.jpg": (Capture(datetime(2025, 1, 1), "Leica Q"), Notes()),
}


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    store = Store(tmp_path / DIRECTORY, tmp_path)
    space = serve(store.catalog, fakes.DIM, fakes.SPACE)
    for number, (path, (capture, notes)) in enumerate(FILES.items()):
        with store.catalog.writing() as writer:
            own = writer.put_asset(asset(path, capture=capture))
            writer.put_notes(own, None, [Noted(notes)])
            writer.add_item(own, space, photo(np.eye(fakes.DIM)[number % 3], path))
    with Engine(store) as opened:
        yield opened


def told(facet: Facet) -> list[tuple[str, int]]:
    return [(one.value, one.count) for one in facet.counts]


def test_days_are_in_order_and_all_else_by_frequency(engine: Engine) -> None:
    found = engine.facets()
    changed = str(datetime.fromtimestamp(0).date())  # in America it was still the year before
    assert told(found.days) == [
        *((changed, 1), ("2024-05-31", 2), ("2024-06-01", 1), ("2025-01-01", 1)),
    ]
    assert told(found.months)[1:] == [("2024-05", 2), ("2024-06", 1), ("2025-01", 1)]
    assert told(found.years)[1:] == [("2024", 3), ("2025", 1)]
    assert told(found.cameras) == [("Leica Q", 3), ("NIKON Z 6", 1)]
    assert told(found.folders)[:2] == [("2024", 3), ("2024/alps", 2)]
    assert told(found.keywords) == [("Snow", 2), ("Lake", 1)]
    assert told(found.ratings) == [("0", 4), ("3", 1)]


def test_a_facet_isnt_narrowed_by_what_is_asked_of_it(engine: Engine) -> None:
    found = engine.facets(where=Filter(camera="nikon", path="2024"))
    assert found.total == 1
    assert told(found.cameras) == [("Leica Q", 2), ("NIKON Z 6", 1)]
    assert told(found.days) == [("2024-05-31", 1)]
    assert told(found.folders) == [("2024", 1), ("2024/alps", 1)]


def test_what_a_facet_says_is_what_a_filter_takes(engine: Engine) -> None:
    found = engine.facets()
    for one in found.folders.counts:
        assert engine.facets(where=Filter(path=f"./{one.value}/")).total == one.count
    for one in found.keywords.counts:
        assert engine.facets(where=Filter(keywords=(one.value,))).total == one.count
    for one in found.countries.counts:
        assert engine.facets(where=Filter(area=one.area)).total == one.count
    for one in found.towns.counts:
        assert engine.facets(where=Filter(near=one.near)).total >= one.count
    if gazetteer():
        assert told(found.countries) == [("Portugal", 1)]
        assert told(found.towns)[0][0].endswith(", Portugal")


def test_lists_are_bounded_and_say_what_is_left_out(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_DAYS", "MOST_MONTHS", "MOST_YEARS", "MOST_FOLDERS"):
        monkeypatch.setattr(facets, name, 1)
    found = engine.facets()
    assert (told(found.days), found.days.left_out) == ([("2025-01-01", 1)], 3)
    assert (told(found.folders), found.folders.left_out) == ([("2024", 3)], 2)


def test_a_change_is_counted_at_once(engine: Engine) -> None:
    before = engine.facets()
    with engine.store.catalog.writing() as writer:
        writer.put_notes(1, None, [Noted(Notes(("Snow", "Ice")))])
        writer.remove_asset("2024/c.jpg", 0)
    found = engine.facets()
    assert (before.total, found.total) == (5, 4)
    assert told(found.keywords) == [("Snow", 2), ("Ice", 1), ("Lake", 1)]
    assert found.people.counts == () and found.labels.counts == ()


def test_json_has_every_facet_and_names_as_hits_have_them(engine: Engine) -> None:
    found = facets_as_json(engine.facets())
    assert json.loads(json.dumps(found)) == found
    assert found["total"] == 5 and found["among"] is None
    assert {"value": "x\udce9", "count": 1} in found["folders"]["counts"]
    assert found["cameras"] == {
        "counts": [{"value": "Leica Q", "count": 3}, {"value": "NIKON Z 6", "count": 1}],
        "left_out": 0,
    }
    if gazetteer():
        assert found["countries"]["counts"][0]["area"] == ["PT", ""]
        assert len(found["towns"]["counts"][0]["near"]) == 3


@pytest.mark.parametrize(
    "asked",
    [{"target": "cats"}, {"where": {}}, {"query": ["a", "b"]}, {"query": 3},
     {"where": Filter(path="../x")}],
)  # fmt: skip
def test_what_cant_be_meant_is_told(engine: Engine, asked: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        engine.facets(**asked)
