"""Labels and captions over HTTP: proposed for pictures, and written only if they are accepted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import write_picture
from tests.e2e.server.conftest import serving_within
from tests.processes import faked

HOSTILE = "</rdf:li><script>alert(1)</script>]]>&lol;"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in three colours, of which two have captions, and a text."""
    place = tmp_path_factory.mktemp("annotating") / "own"
    for colour in ("red", "green", "blue"):
        write_picture(place / f"{colour}.png", colour)
    rows = [{"image": f"{one}.png", "caption": f"something {one}"} for one in ("red", "green")]
    (place / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    (place / "notes.md").write_text("# Notes\n\nAll is red here.\n")
    faked("index", place, "--model", "fake:colours", "--ocr", "none")
    return place


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with (
        serving_within(folder) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def numbers(client: httpx.Client) -> dict[str, int]:
    hits = client.get("/v1/items").json()["hits"]
    return {Path(hit["path"]).name: hit["item"] for hit in hits}


def proposed(client: httpx.Client, *items: int, **more: Any) -> Any:
    answer = client.post("/v1/annotations", json={"items": items, "least": 0, **more})
    assert answer.status_code == 200, answer.text
    return {one["item"]: one for one in answer.json()["proposals"]}


def test_labels_are_proposed_and_nothing_is_written(
    client: httpx.Client, folder: Path, numbers: dict[str, int]
) -> None:
    before = sorted(folder.iterdir())
    red, notes = numbers["red.png"], numbers["notes.md"]
    found = proposed(client, red, notes, 10**9, labels=["green", "red", "Red"])
    assert list(found) == [red]
    assert found[red]["labels"][0]["text"].lower() == "red"
    assert len(found[red]["labels"]) == 2
    assert sorted(folder.iterdir()) == before


def test_captions_of_others_are_proposed(client: httpx.Client, numbers: dict[str, int]) -> None:
    found = proposed(client, numbers["red.png"], numbers["blue.png"])
    assert [one["text"] for one in found[numbers["red.png"]]["captions"]] == ["something green"]
    assert len(found[numbers["blue.png"]]["captions"]) == 2


def accepted(client: httpx.Client, item: int, **more: Any) -> httpx.Response:
    return client.post("/v1/sidecars", json={"item": item, **more})


def test_what_is_accepted_is_added_beside_the_picture(
    client: httpx.Client, folder: Path, numbers: dict[str, int]
) -> None:
    red, target = numbers["red.png"], folder / "red.png.xmp"
    told = accepted(client, red, labels=[HOSTILE, "warm"], source="red.png").json()
    assert (told["outcome"], told["path"]) == ("written", str(target))
    text = target.read_text()
    assert "<script>" not in text and "<rdf:li>warm</rdf:li>" in text
    assert accepted(client, red, caption="a red wall").json()["outcome"] == "changed"
    assert accepted(client, red, labels=["warm"]).json()["outcome"] == "kept"
    assert accepted(client, red, caption="another").json()["outcome"] == "kept"
    assert "a red wall" in target.read_text() and "another" not in target.read_text()


def test_what_cannot_be_written_is_a_problem(
    client: httpx.Client, folder: Path, numbers: dict[str, int], tmp_path: Path
) -> None:
    green = numbers["green.png"]
    assert accepted(client, green, labels=["x"], source="red.png").status_code == 404
    assert accepted(client, green).status_code == 400
    assert accepted(client, green, labels=["  "]).status_code == 422
    assert accepted(client, green, labels=["x" * 201]).status_code == 422
    assert accepted(client, numbers["notes.md"], labels=["x"]).status_code == 400
    assert accepted(client, 10**9, labels=["x"]).status_code == 404
    (tmp_path / "other").write_text("what others wrote")
    (folder / "green.png.xmp").symlink_to(tmp_path / "other")
    answer = accepted(client, green, labels=["x"])
    assert answer.status_code == 422 and "is a link" in answer.json()["detail"]
    assert (tmp_path / "other").read_text() == "what others wrote"


def test_nothing_is_written_outside_of_the_folder(
    client: httpx.Client, folder: Path, numbers: dict[str, int], tmp_path: Path
) -> None:
    shutil.move(folder / "blue.png", tmp_path)
    (folder / "blue.png").symlink_to(tmp_path / "blue.png")
    assert accepted(client, numbers["blue.png"], labels=["x"]).status_code == 404
    assert sorted(one.name for one in tmp_path.iterdir()) == ["blue.png"]


def test_pages_of_others_write_nothing(client: httpx.Client, numbers: dict[str, int]) -> None:
    body = {"item": numbers["red.png"], "labels": ["x"]}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/v1/sidecars", "/v1/annotations"):
            assert client.post(path, json=body, headers=headers).status_code == 403
