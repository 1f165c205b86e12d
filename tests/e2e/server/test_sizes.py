"""How large pictures are, over HTTP."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from cmsearch.media.phash import phash, unpack
from cmsearch.server.sizes import FREQUENCIES


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


def test_previews_are_the_lowest_frequencies_of_pictures(client: httpx.Client) -> None:
    hits = client.get("/v1/items", params={"limit": 1000}).json()["hits"]
    numbers = [*(hit["item"] for hit in hits), 10**9]
    found = client.post("/v1/sizes", json={"items": numbers}).json()["previews"]
    assert found[-1] is None
    told = [(hit, seen) for hit, seen in zip(hits, found, strict=False) if seen]
    assert len(told) > 20
    for hit, seen in told:
        rows = np.frombuffer(b64decode(seen), np.int8).astype(float)
        with Image.open(Path(hit["path"])) as image:
            own = unpack([phash(image)])[0, :FREQUENCIES, :FREQUENCIES].ravel()
        assert np.corrcoef(rows, own)[0, 1] > 0.9, hit["path"]


def test_too_many_are_a_problem(client: httpx.Client) -> None:
    answer = client.post("/v1/sizes", json={"items": list(range(1001))})
    assert answer.status_code == 422
    assert client.post("/v1/sizes", json={"items": [1], "more": 1}).status_code == 422
    assert client.post("/v1/sizes", json={"items": [2**63]}).status_code == 422
