"""Pages by their look and by their passages, each measured by what chance finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from cmsearch.search import direction as directions
from cmsearch.search.merge.evidence import HOPE, READ, SEEN
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import FEW, Direction, Source
from cmsearch.search.rank.stages import StageSettings
from cmsearch.search.retrieve.nearest import Candidate, Retriever
from cmsearch.store.catalog import items
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.store.view import View
from cmsearch.types import (
    Background,
    EncodedQuery,
    Encoding,
    Filter,
    FloatArray,
    Modality,
    Part,
    Scale,
)
from tests.builders import page, photo, put, serve

AXES = np.eye(4, dtype=np.float32)
BANK: Background = {
    "bank": {"image": Scale(0.4, 0.1, 0.1, 0.1), "text": Scale(0.6, 0.1, 0.3, 0.15)}
}


def near(axis: int, cosine: float) -> FloatArray:
    """A vector with that cosine to an axis."""
    vector: FloatArray = cosine * AXES[axis] + np.sqrt(1 - cosine**2) * AXES[3]
    return vector


def passage(vector: FloatArray, locator: str) -> NewItem:
    part = Part(Modality.TEXT, "passage", f"text {locator}", locator=locator)
    return NewItem(part, None, locator, Encoding(vector[None].astype(np.float32)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Page 1 looks like the query (0.5), page 2 says it (0.8), page 3 has no picture."""
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        number = serve(store.catalog, 4)
        pages = [page(near(0, 0.5), 1), page(near(0, 0.0), 2)]
        texts = [(0.4, "p1:1"), (0.8, "p2:1"), (0.2, "p2:2"), (0.9, "p3:1")]
        own = [passage(near(0, cosine), locator) for cosine, locator in texts]
        put(store.catalog, number, "a.pdf", *pages, *own, kind="pdf")
        put(store.catalog, number, "b.txt", passage(near(0, 0.95), "7"), kind="document")
        put(store.catalog, number, "c.jpg", photo(near(0, 0.9)))
        yield store


def asked(text: bool = True) -> QueryVector:
    modality = Modality.TEXT if text else Modality.IMAGE
    return QueryVector(AXES[0], (EncodedQuery(modality, "query", AXES[0]),), (1.0,), (1.0,))


def ranked(
    store: Store,
    view: View,
    query: QueryVector,
    *,
    found: bool = True,
    excluded: Collection[int] = (),
) -> list[Candidate]:
    """The pages; without those that the nearest neighbours give, if not `found`."""
    source = Source(store, view, Models(store), Retriever(store), Banks(store))
    ways = ("picture", "passage") if found else ("passage",)
    runs = {part.modality: StageSettings() for part in query.parts}
    direction = Direction(source, Modality.IMAGE, "page", Filter(), ways, runs, 10)
    return list(directions.ranked([direction], [query], [[excluded]], 10)[0].best)


SAYS = {"p1": 0.4, "p2": 0.8}
LOOK = {"p1": SEEN.slope * ((0.5 - 0.1) / 0.1 - SEEN.middle), "p2": -SEEN.slope * (1 + SEEN.middle)}
SAID = {
    locator: READ.slope * ((cosine - 0.3) / 0.15 - READ.middle) for locator, cosine in SAYS.items()
}


def test_a_page_is_as_likely_as_its_look_and_what_it_says_together(store: Store) -> None:
    """The odds of both are added, since either may be meant; before, one page of few may be."""
    first, second = ranked(store, replace(store.view(), background=BANK), asked())
    assert (first.item.locator, second.item.locator) == ("p1", "p2")
    for own in (first, second):
        look, said = LOOK[own.item.locator], SAID[own.item.locator]
        assert own.stages["picture"] == pytest.approx(look, abs=0.02)
        assert own.stages["passage"] == pytest.approx(log(exp(look) + exp(said)) - look, abs=0.02)
        assert own.score == pytest.approx(log(exp(look) + exp(said)) + log(HOPE / FEW), abs=0.02)
        assert sum(own.stages.values()) == pytest.approx(own.score, abs=1e-5)
    assert second.cosine == pytest.approx(0, abs=1e-3)


def test_pages_by_what_they_say_alone(store: Store) -> None:
    """Where looks aren't asked for, none of them is what is meant."""
    first, second = ranked(store, replace(store.view(), background=BANK), asked(), found=False)
    assert (first.item.locator, second.item.locator) == ("p2", "p1")
    for own in (first, second):
        assert set(own.stages) == {"passage", "prior"}
        assert own.stages["passage"] == pytest.approx(SAID[own.item.locator], abs=0.02)


def test_a_page_without_passages_has_its_look_alone(store: Store) -> None:
    number = store.view().space_id
    put(store.catalog, number, "d.pdf", page(near(0, 0.45), 1), kind="pdf")
    pages = ranked(store, replace(store.view(), background=BANK), asked())
    (silent,) = (own for own in pages if own.item.path == "d.pdf")
    assert set(silent.stages) == {"picture", "prior"}
    assert silent.stages["picture"] == pytest.approx(SEEN.slope * (3.5 - SEEN.middle), abs=0.02)


def test_where_chance_is_not_known_what_is_said_is_compared_all_the_same(store: Store) -> None:
    answers = ranked(store, replace(store.view(), background={}), asked())
    assert [answer.item.locator for answer in answers] == ["p2", "p1"]


def test_a_picture_asks_for_looks_alone(store: Store) -> None:
    answers = ranked(store, replace(store.view(), background=BANK), asked(text=False))
    assert [answer.item.locator for answer in answers] == ["p1", "p2"]
    assert all(set(answer.stages) == {"picture", "prior"} for answer in answers)


def test_excluded_pages_and_passages_are_not_found(store: Store) -> None:
    view = replace(store.view(), background=BANK)
    known = items.of_embeddings(store.catalog, range(20)).values()
    gone = {item.id for item in known if item.locator in ("p1", "p2:1")}
    found = ranked(store, view, asked(), excluded=gone)
    assert [candidate.item.locator for candidate in found] == ["p2"]
    look, said = LOOK["p2"], READ.slope * ((0.2 - 0.3) / 0.15 - READ.middle)
    expected = log(exp(look) + exp(said)) - look
    assert found[0].stages["passage"] == pytest.approx(expected, abs=0.02)
