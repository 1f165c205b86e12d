"""Many small pictures in one answer."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import httpx
from PIL import Image


def pieces(data: bytes) -> dict[int, bytes]:
    """Each picture of an answer, by its place in what was asked for."""
    found: dict[int, bytes] = {}
    while data:
        place, length = struct.unpack(">II", data[:8])
        assert place not in found
        found[place], data = data[8 : 8 + length], data[8 + length :]
    return found


def asked(client: httpx.Client, numbers: list[int], **more: Any) -> httpx.Response:
    return client.get("/v1/thumbnails", params={"items": ",".join(map(str, numbers)), **more})


def test_each_picture_is_what_it_is_alone(client: httpx.Client) -> None:
    hits = client.get("/v1/items", params={"limit": 100}).json()["hits"]
    numbers = [*(hit["item"] for hit in hits[:40]), 10**9]
    alone = {
        place: client.get(f"/v1/items/{number}/thumbnail", params={"size": 160})
        for place, number in enumerate(numbers)
    }
    for _ in range(2):  # made anew, and kept
        found = pieces(asked(client, numbers, size=160).content)
        assert sorted(found) == list(range(len(numbers)))
        for place, answer in alone.items():
            assert found[place] == (answer.content if answer.status_code == 200 else b"")
    assert found[len(numbers) - 1] == b""
    with Image.open(BytesIO(next(filter(None, found.values())))) as image:
        assert max(image.size) == 160


def test_what_cannot_be_meant_is_a_problem(client: httpx.Client) -> None:
    for items in ("", "1,", "-1", "1;2", "x", "9" * 19, ",".join(["1"] * 101)):
        answer = client.get("/v1/thumbnails", params={"items": items})
        assert answer.status_code in (400, 422), items
        assert answer.headers["content-type"] == "application/problem+json"
    assert asked(client, [1], size=4096).status_code == 422
    assert asked(client, [1], store="nowhere").status_code == 404
