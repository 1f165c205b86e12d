"""Searches of a true service, with the answers of the engine itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import cmsearch
from cmsearch.search.engine import Engine
from cmsearch.search.wire import hit_as_json


@pytest.fixture(scope="module")
def engine(sample: Path) -> Any:
    with cmsearch.open(sample) as engine:
        yield engine


def told(hits: Any) -> list[Any]:
    """Hits as the service tells them."""
    return [{**json.loads(json.dumps(hit_as_json(hit))), "store": "sample_data"} for hit in hits]


def asked(client: httpx.Client, **body: Any) -> Any:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_hits_are_those_of_the_engine(client: httpx.Client, engine: Engine) -> None:
    expected = told(engine.search("a cat", target="image", k=3))
    assert asked(client, query="a cat", target="image", k=3)["hits"] == expected
    linked = client.get("/v1/search", params={"q": "a cat", "target": "image", "k": 3}).json()
    assert linked["hits"] == expected
    assert linked["doubtful"] is False
    assert linked["advice"] == ""


def test_a_query_has_the_grammar_of_the_command_line(client: httpx.Client, engine: Engine) -> None:
    query = cmsearch.parse("a cat - window")
    expected = told(engine.search(query, target="image", k=5))
    assert asked(client, query="a cat - window", target="image", k=5)["hits"] == expected


def test_pictures_are_sent_or_named_by_their_items(
    client: httpx.Client, engine: Engine, sample: Path
) -> None:
    picture = (sample / "photos/dahlia.jpg").read_bytes()
    expected = told(engine.search(image=picture, target="text", k=3))
    sent = client.post(
        "/v1/search",
        data={"request": json.dumps({"target": "text", "k": 3})},
        files={"image": ("dahlia.jpg", picture)},
    )
    assert sent.json()["hits"] == expected
    item = engine.search("a dahlia", target="image", k=1)[0].item
    named = asked(client, parts=[{"item": item}], target="text", k=3)["hits"]
    assert [hit["source"] for hit in named] == [hit["source"] for hit in expected]


def test_filters_are_written_as_for_the_command_line(client: httpx.Client) -> None:
    hits = asked(client, query="a flower", filters={"path": "*cat*"}, k=50)["hits"]
    assert hits
    assert all("cat" in hit["path"].rpartition("/")[2] for hit in hits)
    assert not asked(client, query="a flower", filters={"until": "1999"})["hits"]
    understood = asked(client, query="a cat in May 1999")
    assert [one["words"] for one in understood["applied"]] == ["in May 1999"]
    assert asked(client, query="a cat in May 1999", literal=True)["applied"] == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "Say what to search for"),
        ({"query": " "}, 400, "empty"),
        ({"query": "- cat"}, 400, "only subtract"),
        ({"query": "a cat", "target": "smell"}, 400, "no target 'smell'"),
        ({"query": "a cat", "k": 0}, 422, "k:"),
        ({"query": "a cat", "k": 10**6}, 400, "at most 500"),
        ({"query": "a cat", "store": "other"}, 404, "no store 'other'"),
        ({"query": "a cat", "colour": "red"}, 422, "colour"),
        ({"query": "a cat", "filters": {"since": "someday"}}, 400, "since"),
        ({"query": "a cat", "filters": {"near": "1000,0,1"}}, 400, "nowhere on Earth"),
        ({"query": "a cat", "filters": {"rating": "9"}}, 400, "not from -1"),
        ({"query": "a cat", "ranking": {"rerank": "magic"}}, 400, "magic"),
        ({"parts": [{"text": "a", "item": 1}]}, 400, "one of the three"),
        ({"parts": [{"file": 3}]}, 400, "no file 3"),
        ({"parts": [{"item": 2**60}]}, 404, "no item"),
    ],
)
def test_what_cant_be_meant_is_a_problem(
    client: httpx.Client, body: Any, status: int, words: str
) -> None:
    answer = client.post("/v1/search", json=body)
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert words in problem["detail"]


def test_a_picture_that_is_none_is_a_problem(client: httpx.Client) -> None:
    answer = client.post("/v1/search", files={"image": ("a.jpg", b"no picture")})
    assert answer.status_code == 422
    assert "can't be searched with" in answer.json()["detail"]


def test_bodies_that_are_no_json_are_problems(client: httpx.Client) -> None:
    for body in (b"", b"{", b"[]", b"\xff\xfe"):
        answer = client.post("/v1/search", content=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_it_says_what_it_serves(client: httpx.Client, sample: Path) -> None:
    (store,) = client.get("/v1/stores").json()["stores"]
    assert store["name"] == "sample_data"
    assert store["model"] == "lite"
    assert set(store["modalities"]) == {"text", "image"}
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").json()["items"]["sample_data"] > 0
    assert "/v1/search" in client.get("/openapi.json").json()["paths"]
