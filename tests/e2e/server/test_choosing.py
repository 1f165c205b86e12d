"""What there is to choose from, of a true service: facets and suggestions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import cmsearch
from cmsearch.search.engine import Engine
from cmsearch.search.wire import facets_as_json, suggestion_as_json
from cmsearch.server.answers import FacetCounts, Suggestions
from cmsearch.server.choosing import cut
from cmsearch.types import Count, Facet, Facets


@pytest.fixture(scope="module")
def engine(sample: Path) -> Iterator[Engine]:
    with cmsearch.open(sample) as engine:
        yield engine


def linked(client: httpx.Client, **params: Any) -> Any:
    answer = client.get("/v1/facets", params=params)
    assert answer.status_code == 200, answer.text
    FacetCounts.model_validate(answer.json())
    return answer.json()


def has(found: Any, expected: Any) -> bool:
    """Whether an answer has what the engine says."""
    return bool(found | expected == found)


def posted(client: httpx.Client, **body: Any) -> Any:
    answer = client.post("/v1/facets", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(facets: Facets) -> Any:
    return json.loads(json.dumps(facets_as_json(facets)))


def test_all_files_are_counted_without_a_query(client: httpx.Client, engine: Engine) -> None:
    expected = told(engine.facets())
    found = linked(client)
    assert has(found, expected) and found["store"] == "sample_data"
    assert found["among"] is None and found["applied"] == []
    assert has(posted(client), expected)
    assert sum(one["count"] for one in found["years"]["counts"]) == found["total"] > 0


def test_counts_are_under_filters_but_their_own(client: httpx.Client, engine: Engine) -> None:
    where = cmsearch.Filter(path="photos/*cat*")
    expected = told(engine.facets(where=where, target="image"))
    found = linked(client, path="photos/*cat*", target="image")
    assert has(found, expected)
    assert found["total"] == 1 < sum(one["count"] for one in found["folders"]["counts"])
    body = {"filters": {"path": "photos/*cat*"}, "target": "image"}
    assert has(posted(client, **body), expected)


def test_counts_are_of_what_is_relevant_to_a_query(client: httpx.Client, engine: Engine) -> None:
    expected = told(engine.facets("a cat"))
    found = linked(client, q="a cat")
    assert has(found, expected)
    assert 0 < found["total"] < linked(client)["total"] and found["among"] == 1000
    assert posted(client, query="a cat", ranking={"min_relevance": 1.0})["total"] == 0
    understood = linked(client, q="a cat in May 1999")
    assert [one["words"] for one in understood["applied"]] == ["in May 1999"]
    assert understood["total"] == 0


def test_a_picture_may_be_asked_with(client: httpx.Client, sample: Path) -> None:
    picture = (sample / "photos/tabby_cat.jpg").read_bytes()
    answer = client.post("/v1/facets", files={"image": picture}, params={"limit": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] > 0 and len(answer.json()["folders"]["counts"]) == 1


def test_values_are_cut() -> None:
    days = tuple(Count(f"2024-05-{day:02}", 1) for day in range(1, 6))
    facets = Facets(9, days=Facet(days, 2), cameras=Facet(days))
    found = cut(facets, 2)
    assert found.days == Facet(days[-2:], 5)
    assert found.cameras == Facet(days[:2], 3)
    assert cut(facets, 100) == facets


def test_suggestions_are_those_of_the_engine(client: httpx.Client, engine: Engine) -> None:
    expected = [suggestion_as_json(one) for one in engine.suggest("a ca", 5)]
    answer = client.get("/v1/suggest", params={"q": "a ca", "limit": 5})
    Suggestions.model_validate(answer.json())
    assert expected
    assert answer.json() == {"store": "sample_data", "suggestions": expected}
    assert client.get("/v1/suggest", params={"q": ""}).json()["suggestions"] == []


@pytest.mark.parametrize(
    ("method", "path", "asked", "status", "words"),
    [
        ("GET", "/v1/facets", {"q": " "}, 400, "empty"),
        ("GET", "/v1/facets", {"target": "smell"}, 400, "no target 'smell'"),
        ("GET", "/v1/facets", {"since": "someday"}, 400, "since"),
        ("GET", "/v1/facets", {"limit": 0}, 422, "limit"),
        ("GET", "/v1/facets", {"colour": "red"}, 422, "colour"),
        ("GET", "/v1/facets", {"store": "other"}, 404, "no store 'other'"),
        ("POST", "/v1/facets", {"cursor": "x"}, 400, "alone"),
        ("POST", "/v1/facets", {"ranking": {"rerank": "magic"}, "query": "a"}, 400, "magic"),
        ("POST", "/v1/facets", {"parts": [{"item": 2**60}]}, 404, "no item"),
        ("GET", "/v1/suggest", {}, 422, "q:"),
        ("GET", "/v1/suggest", {"q": "a", "limit": 101}, 422, "limit"),
        ("GET", "/v1/suggest", {"q": "a", "store": "other"}, 404, "no store 'other'"),
    ],
)
def test_what_cant_be_meant_is_a_problem(
    client: httpx.Client, method: str, path: str, asked: Any, status: int, words: str
) -> None:
    given: Any = {"json": asked} if method == "POST" else {"params": asked}
    answer = client.request(method, path, **given)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
