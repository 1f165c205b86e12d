"""Filters by keywords, people, stars and colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cmsearch.common.arguments import check_filter
from cmsearch.errors import QueryError
from cmsearch.store.catalog import asset_rows, items, schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.noted_filters import note_conditions
from cmsearch.types import Filter, Modality, Noted, Notes
from tests import builders
from tests.builders import photo, put, serve

NOTES = {
    "a": Notes(("Animals|Dogs|Puppies", "Straße"), ("Anna Lee",), rating=4, labels=("Red",)),
    "b": Notes(("animals", "Lisbon"), ("Anna Lee", "Bert"), rating=-1, labels=("blue",)),
    "c": Notes(("100%", "Dogs and cats"), rating=0),
    "d": Notes(),
}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = builders.opened(tmp_path / "catalog.db")
    space = serve(opened, 2)
    for path, own in NOTES.items():
        number = put(opened, space, path, photo([1, 0]))
        with opened.writing() as writer:
            writer.put_notes(number, None, [Noted(own)])
    put(opened, space, "d.xmp", kind="xmp")
    yield opened
    opened.close()


def passing(catalog: Catalog, **asked: Any) -> str:
    wanted = Filter(**asked)
    check_filter(wanted)
    ids = asset_rows.passing(catalog, wanted).tolist()
    found = "".join(sorted("abcd?"[min(number - 1, 4)] for number in ids)).replace("?", "")
    rows = items.embedding_ids(catalog, 1, Modality.IMAGE, None, wanted)
    assert len(rows) == len(found)
    return found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"keywords": ("dogs",)}, "a"),
        ({"keywords": ("ANIMALS",)}, "ab"),
        ({"keywords": ("animals|dogs",)}, "a"),
        ({"keywords": ("Animals|Dogs|Puppies",)}, "a"),
        ({"keywords": ("dogs", "strasse")}, "a"),
        ({"keywords": ("animals", " lisbon ")}, "b"),
        ({"keywords": ("dog",)}, ""),
        ({"keywords": ("%",)}, ""),
        ({"keywords": ("100%",)}, "c"),
        ({"people": ("anna  lee",)}, "ab"),
        ({"people": ("anna lee", "bert")}, "b"),
        ({"labels": ("RED",)}, "a"),
        ({"labels": ("red", "Blue")}, "ab"),
        ({"rating": (4, 4)}, "a"),
        ({"rating": (1, 5)}, "a"),
        ({"rating": (-1, -1)}, "b"),
        ({"rating": (0, 0)}, "cd"),
        ({"rating": (-1, 2)}, "bcd"),
        ({"rating": (4, 5), "keywords": ("animals",), "people": ("anna lee",)}, "a"),
    ],
)
def test_what_passes(catalog: Catalog, asked: dict[str, Any], found: str) -> None:
    assert passing(catalog, **asked) == found


def test_stars_beside_a_picture_count_before_those_in_it(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        writer.put_notes(5, "a", [Noted(Notes(rating=1, labels=("green",)), source="sidecar")])
    assert [passing(catalog, rating=(one, one)) for one in (1, 4)] == ["a", ""]
    assert [passing(catalog, labels=(one,)) for one in ("green", "red")] == ["a", ""]


def test_an_index_finds_what_has_a_keyword(catalog: Catalog) -> None:
    query = "EXPLAIN QUERY PLAN SELECT about FROM notes WHERE kind IN ('keyword', 'level')"
    with catalog._engine.connect() as connection:
        plan = connection.exec_driver_sql(f"{query} AND folded IN ('dogs')").fetchall()
    assert "notes_by_value" in str(plan) and "SCAN" not in str(plan)


def test_indexes_alone_say_which_stars_count(catalog: Catalog) -> None:
    query = sa.select(schema.assets.c.id).where(*note_conditions(Filter(rating=(4, 5))))
    compiled = query.compile(
        dialect=catalog._engine.dialect, compile_kwargs={"literal_binds": True}
    )
    with catalog._engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").fetchall()
    notes = [str(row) for row in plan if "notes" in str(row)]
    assert len(notes) == 2 and all("COVERING INDEX" in row for row in notes)


@pytest.mark.parametrize(
    "asked",
    [
        {"keywords": "dogs"}, {"keywords": (1,)}, {"people": ["Anna"]}, {"labels": ("\ud800",)},
        {"rating": 4}, {"rating": (1,)}, {"rating": (1.5, 2)}, {"rating": ("1", "2")},
        {"keywords": ("a",) * 101},
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        check_filter(Filter(**asked))
