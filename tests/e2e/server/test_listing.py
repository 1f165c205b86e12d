"""Files by their days, over HTTP."""

from __future__ import annotations

from base64 import b64decode, b64encode

import httpx


def test_files_are_listed_part_by_part(client: httpx.Client) -> None:
    whole = client.get("/v1/items", params={"limit": 1000}).json()
    parts = [
        client.get("/v1/items", params={"limit": 10, "offset": offset}).json()["hits"]
        for offset in range(0, whole["total"], 10)
    ]
    assert [hit for part in parts for hit in part] == whole["hits"]
    assert [hit["rank"] for hit in whole["hits"]] == list(range(1, whole["total"] + 1))
    assert {hit["store"] for hit in whole["hits"]} == {whole["store"]}


def test_filters_and_targets_are_those_of_a_search(client: httpx.Client) -> None:
    asked = {"path": "photos/*cat*", "target": "image", "order": "oldest"}
    found = client.get("/v1/items", params=asked).json()
    assert [hit["path"].rpartition("/")[2] for hit in found["hits"]] == ["tabby_cat.jpg"]
    for wrong in ({"since": "neverday"}, {"target": "smell"}, {"order": "size"}, {"limit": 0}):
        answer = client.get("/v1/items", params=wrong)
        assert answer.status_code in (400, 422), wrong
        assert answer.json()["detail"]


def test_items_are_given_as_hits_by_their_numbers(client: httpx.Client) -> None:
    hits = client.get("/v1/items", params={"limit": 3}).json()["hits"]
    wanted = [hits[2]["item"], 2**62, hits[0]["item"]]
    found = client.post("/v1/picked", json={"items": wanted}).json()
    assert [one["item"] for one in found["hits"]] == [wanted[0], wanted[2]]
    assert found["hits"][1]["path"] == hits[0]["path"]
    for wrong in ({}, {"items": [0]}, {"items": [2**63]}, {"items": [1] * 1001}):
        answer = client.post("/v1/picked", json=wrong)
        assert answer.status_code in (400, 422), wrong


def test_previews_are_those_of_the_list(client: httpx.Client) -> None:
    asked: dict[str, str | bool | int] = {"order": "oldest", "path": "photos/*"}
    whole = client.get("/v1/items", params={**asked, "shapes": True, "limit": 1000}).json()
    expected = b"".join(b64decode(one or b64encode(bytes(36))) for one in whole["previews"])
    found = client.get("/v1/previews", params=asked).json()
    assert found["offset"] == 0
    assert b64decode(found["previews"]) == expected
    part = client.get("/v1/previews", params={**asked, "offset": 3, "limit": 2}).json()
    assert b64decode(part["previews"]) == expected[3 * 36 : 5 * 36]
    beyond = client.get("/v1/previews", params={**asked, "offset": 10**6}).json()
    assert beyond["previews"] == ""
    assert client.get("/v1/previews", params={"limit": 10_001}).status_code == 422
