"""Files by their days, over HTTP."""

from __future__ import annotations

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
