"""How large pictures are, over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
from PIL import Image


def test_pictures_have_sizes_and_all_else_has_none(client: httpx.Client) -> None:
    hits = client.get("/v1/items", params={"limit": 1000}).json()["hits"]
    numbers = [*(hit["item"] for hit in hits), 10**9]
    found = client.post("/v1/sizes", json={"items": numbers}).json()["sizes"]
    assert len(found) == len(numbers)
    for hit, size in zip(hits, found, strict=False):
        if hit["kind"] == "photo":
            with Image.open(Path(hit["path"])) as image:
                assert size == list(image.size)
        else:
            assert size is None
    assert found[-1] is None


def test_too_many_are_a_problem(client: httpx.Client) -> None:
    answer = client.post("/v1/sizes", json={"items": list(range(1001))})
    assert answer.status_code == 422
    assert client.post("/v1/sizes", json={"items": [1], "more": 1}).status_code == 422
