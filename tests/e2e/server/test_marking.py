"""Marks over HTTP, of a store of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import cmsearch
from cmsearch.store.store import DIRECTORY, Store
from tests.e2e.server.conftest import answering
from tests.processes import started


@pytest.fixture(scope="module")
def folder(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample, whose marks nobody else sees."""
    return Path(shutil.copytree(sample, tmp_path_factory.mktemp("marks") / "own"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with started("serve", folder, "--port", "0") as service:
        try:
            with httpx.Client(base_url=answering(service), timeout=60) as client:
                yield client
        finally:
            service.terminate()
            service.communicate(timeout=30)


@pytest.fixture(scope="module")
def hits(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = searched(client)["hits"]
    return found


def searched(client: httpx.Client) -> Any:
    return client.get("/v1/search", params={"q": "tabby cat", "target": "image", "k": 4}).json()


def told(client: httpx.Client, **params: str | int) -> Any:
    answer = client.get("/v1/marks", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(client: httpx.Client, hit: dict[str, Any], right: bool | None, **more: Any) -> Any:
    body = {"query": "tabby cat", "target": "image", "item": hit["item"], "right": right, **more}
    answer = client.post("/v1/marks", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["mark"]


def test_what_is_said_is_kept_replaced_and_taken_back(
    client: httpx.Client, hits: list[dict[str, Any]], folder: Path
) -> None:
    first, second, *_ = hits
    mark = said(client, first, True, source=first["source"])
    assert {name: mark[name] for name in ("source", "path", "kind", "item")} == {
        name: first[name] for name in ("source", "path", "kind", "item")
    }
    assert (mark["query"], mark["target"], mark["right"]) == ("tabby cat", "image", True)
    said(client, second, True)
    said(client, second, False)
    with cmsearch.open(folder) as engine:
        assert [(one.source, one.right) for one in engine.marks("tabby cat")] == [
            (first["source"], True), (second["source"], False),
        ]  # fmt: skip
    assert told(client)["marks"][0] == mark
    assert (told(client, limit=1, offset=1)["total"], len(told(client, offset=2)["marks"])) == (
        2,
        0,
    )
    assert [told(client, q=one)["total"] for one in ("tabby  cat ", "dog")] == [2, 0]
    assert told(client, target="any")["total"] == 0
    assert [said(client, hit, None) for hit in hits] == [None] * len(hits)
    assert told(client)["marks"] == []
    assert searched(client)["hits"] == hits


def test_a_picture_that_was_sent_is_known_again(
    client: httpx.Client, hits: list[dict[str, Any]]
) -> None:
    picture = Path(hits[3]["path"]).read_bytes()
    body = {"target": "image", "item": hits[0]["item"], "right": False}
    for _ in range(2):
        answer = client.post(
            "/v1/marks", data={"request": json.dumps(body)}, files={"image": picture}
        )
        assert answer.status_code == 200, answer.text
    other: dict[str, Any] = {"query": None, "parts": [{"item": hits[3]["item"]}]}
    said(client, hits[1], True, **other)
    first, second = told(client)["marks"]
    assert first["query"] == second["query"] != "" and first["query"].startswith("picture ")
    for hit in hits[:2]:
        said(client, hit, None, **other)
    assert told(client)["total"] == 0


def test_another_process_sees_marks_while_an_indexer_holds_the_lock(
    client: httpx.Client, hits: list[dict[str, Any]], folder: Path
) -> None:
    with Store(folder / DIRECTORY) as store, store.locked():
        said(client, hits[0], True)
    assert told(client)["total"] == 1
    said(client, hits[0], None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"item": 10**9}, 404), ({"source": "photos/other.jpg"}, 404), ({"item": 0}, 422),
        ({"right": 1}, 422), ({"right": "true"}, 422), ({"query": ""}, 400), ({"query": None}, 400),
        ({"target": "smell"}, 400), ({"more": 1}, 422), ({"store": "other"}, 404),
        ({"item": None}, 422), ({"query": "x" * 9000}, 400), ({"query": "- cat"}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_problem(
    client: httpx.Client, hits: list[dict[str, Any]], changes: dict[str, Any], status: int
) -> None:
    body = {"query": "tabby cat", "item": hits[0]["item"], "right": True, **changes}
    answer = client.post("/v1/marks", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.post("/v1/marks", json={"query": "a", "item": 1}).status_code == 422
    for wrong in ({"target": "smell"}, {"limit": 0}, {"offset": -1}, {"q": "- cat"}):
        assert client.get("/v1/marks", params=wrong).status_code in (400, 422)
    assert told(client)["total"] == 0
