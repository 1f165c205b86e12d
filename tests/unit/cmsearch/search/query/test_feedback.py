"""Rocchio's relevance feedback: what is added to a query, and how much it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.search.query.feedback import DISLIKED, LIKED, refined
from cmsearch.types import Hit, Modality, Query, QueryPart


def photo(name: str) -> Hit:
    return Hit(1, 0.5, Path(f"/{name}.jpg"), f"{name}.jpg", Modality.IMAGE, "photo", None)


def caption(text: str) -> Hit:
    return Hit(1, 0.5, Path("/a.jpg"), "captions.jsonl:1", Modality.TEXT, "caption", text)


def test_pictures_count_by_their_files_and_text_by_itself() -> None:
    parts = refined("red", [photo("a")], [caption("a house")]).parts
    assert [(part.modality, part.content) for part in parts] == [
        (Modality.TEXT, "red"),
        (Modality.IMAGE, Path("/a.jpg")),
        (Modality.TEXT, "a house"),
    ]


def test_the_weights_are_rocchios_beside_the_query() -> None:
    """All right hits together count LIKED times what the query does, all wrong ones DISLIKED."""
    parts = refined("red", [photo("a"), photo("b")], [photo("c"), photo("d"), photo("e")]).parts
    ratios = [part.weight / parts[0].weight for part in parts]
    assert ratios == pytest.approx([1] + [LIKED / 2] * 2 + [-DISLIKED / 3] * 3)


def test_what_is_looked_for_keeps_its_whole_weight() -> None:
    query = Query((QueryPart("red", weight=2.0), QueryPart("sea", weight=-1.0)))
    parts = refined(query, [photo("a")]).parts
    assert sum(part.weight for part in parts if part.weight > 0) == pytest.approx(2)
    assert parts[1].weight / parts[0].weight == pytest.approx(-0.5)


def test_wrong_hits_alone_leave_the_query_as_it_is() -> None:
    query = Query((QueryPart("red"), QueryPart("sea", weight=-1.0)))
    parts = refined(query, disliked=[photo("a")]).parts
    assert parts[:2] == query.parts
    assert parts[2].weight == -DISLIKED


def test_exclusions_stay() -> None:
    query = Query((QueryPart("red"),), (QueryPart("people"),))
    assert refined(query, [photo("a")]).without == query.without


def test_without_hits_nothing_changes() -> None:
    query = Query((QueryPart("red", weight=3.0),))
    assert refined(query) == query


def test_a_query_can_be_refined_any_number_of_times() -> None:
    from cmsearch.common.arguments import MOST

    query: str | Query = "red"
    for number in range(100):
        query = refined(query, [photo(str(number))], [photo(f"not {number}")])
    assert isinstance(query, Query) and len(query.parts) == 201
    assert all(0 < abs(part.weight) <= MOST for part in query.parts)
