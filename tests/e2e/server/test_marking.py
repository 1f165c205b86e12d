"""Marks over HTTP, of a store of its own and of one that can only be read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import cmsearch
from cmsearch.models.plugins import encoders
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from tests.builders import write_picture
from tests.e2e.server.conftest import answering
from tests.processes import started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in four colours, with an index."""
    place = tmp_path_factory.mktemp("marks") / "own"
    for colour in ("red", "green", "blue", "yellow"):
        write_picture(place / f"{colour}.png", colour)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(place, model="fake:colours", asr="none", ocr="none").run()
    return place


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service of that store and of another one, which can only be read."""
    other = tmp_path_factory.mktemp("marks") / "other"
    shutil.copytree(folder, other)
    if os.geteuid() == 0:  # whom no mode stops
        for path in (other / DIRECTORY, *(other / DIRECTORY).iterdir()):
            os.chown(path, 65534, -1)
    else:
        (other / DIRECTORY).chmod(0o555)
    with started("serve", folder, other, "--port", "0") as service:
        try:
            with httpx.Client(base_url=answering(service), timeout=60) as client:
                yield client
        finally:
            service.terminate()
            service.communicate(timeout=60)


@pytest.fixture(scope="module")
def hits(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = searched(client)["hits"]
    return found


def searched(client: httpx.Client) -> Any:
    params: dict[str, str | int] = {"q": "red", "store": "own", "target": "image", "k": 4}
    return client.get("/v1/search", params=params).json()


def told(client: httpx.Client, **params: str | int) -> Any:
    answer = client.get("/v1/marks", params={"store": "own", **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(client: httpx.Client, hit: dict[str, Any], right: bool | None, **more: Any) -> Any:
    asked = {"store": "own", "query": "red", "target": "image", **more}
    body = {**asked, "item": hit["item"], "right": right}
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
    assert (mark["query"], mark["target"], mark["right"]) == ("red", "image", True)
    said(client, second, True)
    said(client, second, False)
    with cmsearch.open(folder) as engine:
        assert [(one.source, one.right) for one in engine.marks("red")] == [
            (first["source"], True), (second["source"], False),
        ]  # fmt: skip
    assert told(client)["marks"][0] == mark
    assert (told(client, limit=1, offset=1)["total"], len(told(client, offset=2)["marks"])) == (
        2,
        0,
    )
    assert [told(client, q=one)["total"] for one in (" red ", "dog")] == [2, 0]
    assert told(client, target="any")["total"] == 0
    assert [said(client, hit, None) for hit in hits] == [None] * len(hits)
    assert told(client)["marks"] == []
    assert searched(client)["hits"] == hits


def test_a_picture_that_was_sent_is_known_again(
    client: httpx.Client, hits: list[dict[str, Any]]
) -> None:
    picture = Path(hits[3]["path"]).read_bytes()
    body = {"store": "own", "target": "image", "item": hits[0]["item"], "right": False}
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
        ({"target": "smell"}, 400), ({"more": 1}, 422), ({"store": "neither"}, 404),
        ({"store": "other"}, 409),
        ({"item": None}, 422), ({"query": "x" * 9000}, 400), ({"query": "- cat"}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_problem(
    client: httpx.Client, hits: list[dict[str, Any]], changes: dict[str, Any], status: int
) -> None:
    body = {"store": "own", "query": "red", "item": hits[0]["item"], "right": True, **changes}
    answer = client.post("/v1/marks", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert told(client)["total"] == 0


def test_what_is_no_request_is_a_problem(client: httpx.Client) -> None:
    assert client.post("/v1/marks", json={"query": "a", "item": 1}).status_code == 422
    for wrong in ({"target": "smell"}, {"limit": 0}, {"offset": -1}, {"q": "- cat"}):
        params = {"store": "own", **wrong}
        assert client.get("/v1/marks", params=params).status_code in (400, 422)
    assert told(client, store="other")["marks"] == []
