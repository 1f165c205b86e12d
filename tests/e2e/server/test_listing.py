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
