"""Pages by their look and by their passages, each measured by what chance finds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmsearch.search import direction as directions
from cmsearch.search.merge.scoring import BEHIND
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import Direction, Source
from cmsearch.search.rank.stages import StageSettings
from cmsearch.search.retrieve.nearest import Candidate, Retriever
from cmsearch.store.catalog import items
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.store.view import View
from cmsearch.types import Background, EncodedQuery, Encoding, Filter, FloatArray, Modality, Part
from tests.builders import page, photo, put, serve

AXES = np.eye(4, dtype=np.float32)
BANK: Background = {"bank": {"image": (0.1, 0.1), "text": (0.3, 0.2)}}


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
    direction = Direction(source, Modality.IMAGE, "page", Filter(), ways, runs, 10, 10)
    return directions.ranked(direction, [query], [excluded], 10)[0]


@pytest.mark.parametrize("found", [True, False])
def test_a_page_scores_what_says_more_of_it(store: Store, found: bool) -> None:
    view = replace(store.view(), background=BANK)
    first, second = ranked(store, view, asked(), found=found)
    assert (first.item.locator, second.item.locator) == ("p1", "p2")
    assert first.score == pytest.approx((0.5 - 0.1) / 0.1, abs=1e-2)
    assert second.score == pytest.approx((0.8 - 0.3) / 0.2 - BEHIND, abs=1e-2)
    assert first.stages["passage"] == pytest.approx(0.4, abs=1e-3)
    assert second.stages["passage"] == pytest.approx(0.8, abs=1e-3)
    assert second.cosine == pytest.approx(0, abs=1e-3)


def test_where_chance_is_not_known_cosines_are_compared(store: Store) -> None:
    view = replace(store.view(), background={})
    answers = ranked(store, view, asked())
    assert [answer.item.locator for answer in answers] == ["p2", "p1"]
    assert answers[0].score == pytest.approx(0.8, abs=1e-3)


def test_a_picture_asks_for_looks_alone(store: Store) -> None:
    answers = ranked(store, replace(store.view(), background=BANK), asked(text=False))
    assert [answer.item.locator for answer in answers] == ["p1", "p2"]
    assert all(answer.stages == {} for answer in answers)


def test_excluded_pages_and_passages_are_not_found(store: Store) -> None:
    view = replace(store.view(), background={})
    known = items.of_embeddings(store.catalog, range(20)).values()
    gone = {item.id for item in known if item.locator in ("p1", "p2:1")}
    found = ranked(store, view, asked(), excluded=gone)
    assert [candidate.item.locator for candidate in found] == ["p2"]
    assert found[0].stages["passage"] == pytest.approx(0.2, abs=1e-3)
