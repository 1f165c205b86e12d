"""Pages of a true service, also while another process changes the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Semaphore, Thread
from typing import Any

import httpx
import pytest

import cmsearch
from cmsearch.server.answers import HitPage
from indexer import Indexer
from tests.builders import write_files, write_picture, write_scene
from tests.e2e.server.conftest import serving
from tests.processes import faked

PICTURES = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that are unlike each other, some with captions, and a name that isn't UTF-8."""
    folder = tmp_path_factory.mktemp("paged")
    for number in range(PICTURES):
        write_scene(folder / f"p{number:03}.png", number)
    captions = [
        f'{{"image": "p{number:03}.png", "caption": "red {number}"}}\n'
        for number in range(0, PICTURES, 4)
    ]
    write_files(folder, {"captions.jsonl": "".join(captions)})
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> Iterator[Callable[[], None]]:
    """What indexes it."""
    with pytest.MonkeyPatch.context() as patch:
        from cmsearch.models.plugins import encoders

        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]

        def run() -> None:
            Indexer(folder, model="fake:colours", asr="none", ocr="none").run()

        run()
        yield run


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture in an index of its own."""
    place = tmp_path_factory.mktemp("paged") / "other"
    write_picture(place / "red.png", "red")
    faked("index", place, "--model", "fake:colours")
    return place


@pytest.fixture(scope="module")
def paging(folder: Path, index: object, other: Path) -> Iterator[httpx.Client]:
    """A client of a service of that folder and of another one."""
    with serving(folder, other) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def posted(client: httpx.Client, **body: Any) -> Any:
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    HitPage.model_validate(told)
    return told


def first(client: httpx.Client, folder: Path, **body: Any) -> Any:
    return posted(client, store=folder.name, query="red", **body)


def names(page: Any) -> list[str]:
    return [hit["path"].rpartition("/")[2] for hit in page["hits"]]


def test_pages_go_on_by_their_cursors_alone(paging: httpx.Client, folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        whole = [hit.path.name for hit in engine.search("red", k=500)]
    page = first(paging, folder, k=50)
    assert (page["offset"], page["total"], len(page["hits"])) == (0, None, 50)
    second = posted(paging, cursor=page["cursor"])
    assert (
        paging.get("/v1/search", params={"cursor": page["cursor"]}).json()["hits"]
        == (second["hits"])
    )
    assert second["offset"] == 50 and second["store"] == folder.name
    third = posted(paging, cursor=second["cursor"], store=folder.name)
    assert third["cursor"] is None and third["total"] == len(whole)
    assert [*names(page), *names(second), *names(third)] == whole
    ranks = [hit["rank"] for one in (page, second, third) for hit in one["hits"]]
    assert ranks == list(range(1, len(whole) + 1))


def test_links_have_filters(paging: httpx.Client, folder: Path) -> None:
    asked = {"q": "red", "store": folder.name, "path": "p00*", "k": 4, "target": "image"}
    page = paging.get("/v1/search", params=asked).json()
    rest = paging.get("/v1/search", params={"cursor": page["cursor"]}).json()
    more = paging.get("/v1/search", params={"cursor": rest["cursor"]}).json()
    found = [*names(page), *names(rest), *names(more)]
    assert sorted(found) == [f"p00{number}.png" for number in range(10)]
    for literal, words in (("false", ["in May 1999"]), ("true", [])):
        asked = {"q": "red in May 1999", "store": folder.name, "literal": literal}
        applied = paging.get("/v1/search", params=asked).json()["applied"]
        assert [one["words"] for one in applied] == words


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"cursor": "x" * 32}, 410, "search again"),
        ({"cursor": ""}, 410, "search again"),
        ({"cursor": "x" * 201}, 422, "cursor"),
        ({"cursor": "x", "query": "red"}, 400, "alone"),
        ({"cursor": "x", "k": 20}, 400, "alone"),
        ({"cursor": "x", "store": "none"}, 404, "no store 'none'"),
    ],
)
def test_cursors_that_nobody_knows_are_problems(
    paging: httpx.Client, body: Any, status: int, words: str
) -> None:
    linked = {"q" if name == "query" else name: value for name, value in body.items()}
    for answer in (
        paging.post("/v1/search", json=body),
        paging.get("/v1/search", params=linked),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"]


def test_a_cursor_is_of_one_store(paging: httpx.Client, folder: Path) -> None:
    cursor = first(paging, folder, k=5)["cursor"]
    answer = paging.post("/v1/search", json={"cursor": cursor, "store": "other"})
    assert answer.status_code == 410
    assert "another index" in answer.json()["detail"]
    sent = paging.post("/v1/search", data={"request": f'{{"cursor": "{cursor}"}}'},
                       files={"image": b"x"})  # fmt: skip
    assert sent.status_code == 400 and "alone" in sent.json()["detail"]


def test_a_link_says_what_to_search_for(paging: httpx.Client) -> None:
    answer = paging.get("/v1/search", params={"store": "other"})
    assert answer.status_code == 400 and "`q`" in answer.json()["detail"]


def test_pages_stay_right_while_items_come_and_go(
    paging: httpx.Client, folder: Path, index: Callable[[], None]
) -> None:
    there, gone = {path.name for path in folder.glob("*.png")}, set[str]()
    ends, changed = Event(), Semaphore(0)

    def change() -> None:
        for number in range(100):
            old = folder / f"p{number * 7 % PICTURES:03}.png"
            if number % 3 == 0:
                gone.add(old.name)
                old.unlink(missing_ok=True)
            write_scene(folder / f"new{number:03}.png", 1000 + number)
            index()
            changed.release()
            if ends.is_set():
                return

    changing = Thread(target=change)
    page = first(paging, folder, k=50, target="image")
    found = names(page)
    changing.start()
    try:
        while page["cursor"] is not None:
            assert all(changed.acquire(timeout=60) for _ in range(3))
            page = posted(paging, cursor=page["cursor"])
            found += names(page)
    finally:
        ends.set()
        changing.join()
    assert len(set(found)) == len(found) > 100
    assert there - gone <= set(found)
    assert any(name.startswith("new") for name in found)


def test_names_that_are_no_text_are_told(
    paging: httpx.Client, folder: Path, index: Callable[[], None]
) -> None:
    write_scene(folder / "x.png", 5000)
    (folder / "x.png").rename(folder / "b\udcff.png")
    index()
    asked = {"store": folder.name, "query": "red", "filters": {"path": "b*"}, "target": "image"}
    answer = paging.post("/v1/search", json=asked)
    assert names(answer.json()) == ["b\udcff.png"]


def test_another_model_that_begins_to_serve_goes_on(
    paging: httpx.Client, folder: Path, index: Callable[[], None]
) -> None:
    page = first(paging, folder, k=50, target="image")
    Indexer(folder, model="fake:shades", asr="none", ocr="none").run()
    found = names(page)
    while page["cursor"] is not None:
        page = paging.post("/v1/search", json={"cursor": page["cursor"]}).json()
        found += names(page)
    assert sorted(found) == sorted(path.name for path in folder.glob("*.png"))
