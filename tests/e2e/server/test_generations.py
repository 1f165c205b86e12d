"""Models that begin to serve while a service answers: taken up at once, and no search fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server.conftest import answering
from tests.processes import faked, json_lines, started
from tests.unit.cmsearch.learning.test_fit_adapter import write_album

QUERY = "tomato tomato"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_album(tmp_path_factory.mktemp("generations") / "photos")
    faked("index", folder, "--model", "fake:colours")
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with started("serve", folder, "--port", "0") as service:
        try:
            with httpx.Client(base_url=answering(service), timeout=60) as client:
                yield client
        finally:
            service.terminate()
            service.communicate(timeout=60)


@contextmanager
def searching(client: httpx.Client) -> Iterator[list[httpx.Response]]:
    """Search again and again meanwhile, with a client of its own; gives the answers."""
    ends, answers = threading.Event(), list[httpx.Response]()

    def search() -> None:
        with httpx.Client(base_url=client.base_url, timeout=60) as own:
            while not ends.is_set():
                answers.append(own.get("/v1/search", params={"q": QUERY}))
                ends.wait(0.2)

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield answers
    finally:
        ends.set()
        thread.join()


def served(client: httpx.Client) -> tuple[str, int]:
    """The model that the service tells of, and its dimension."""
    (store,) = client.get("/v1/stores").json()["stores"]
    return store["model"], store["dimension"]


def ranked(hits: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(hit["source"], hit["score"]) for hit in hits]


def check_up_to_date(client: httpx.Client, folder: Path) -> list[tuple[str, float]]:
    """The hits of the service, which are those of a command that has just opened the index."""
    hits = client.get("/v1/search", params={"q": QUERY, "k": 30}).json()["hits"]
    line = ["search", QUERY, "-k", 30, "--format", "json", "--store", folder, "--no-daemon"]
    cold = json_lines(faked(*line))
    assert ranked(hits) == ranked(cold) and len(hits) == 30
    return ranked(hits)


def test_each_is_taken_up_without_a_restart(client: httpx.Client, folder: Path) -> None:
    first, found = ("fake:colours", 8), [check_up_to_date(client, folder)]
    assert served(client) == first
    with searching(client) as answers:
        for line, (name, dimension) in (
            (["fit", folder], ("fake:colours+", 8)),
            (["index", folder, "--model", "fake:shades"], ("fake:shades", 9)),
            (["rollback", 1, "--store", folder], first),
        ):
            faked(*line)
            model, size = served(client)
            assert model.startswith(name) and size == dimension
            found.append(check_up_to_date(client, folder))
    assert served(client) == first
    assert found[1] != found[0]
    assert {one.status_code for one in answers} == {200}, [one.text for one in answers]
