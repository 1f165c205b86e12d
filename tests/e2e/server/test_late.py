"""What would take too long is stopped, and says so; and what nobody waits for any more."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from starlette.testclient import TestClient

from cmsearch.common import stopping
from cmsearch.server.app import make_app
from cmsearch.server.settings import LOOPBACK, Settings
from cmsearch.server.stores import open_stores
from tests.e2e.server.conftest import running

HURRIED = Settings(hosts=LOOPBACK, work_seconds=1e-6)


@pytest.fixture(scope="module")
def hurried(sample: Path) -> Iterator[TestClient]:
    app = make_app(open_stores([sample]), HURRIED)
    with TestClient(app, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("GET", "/v1/search", {"params": {"q": "a cat"}}),
        ("POST", "/v1/search", {"json": {"query": "a cat"}}),
        ("GET", "/v1/facets", {"params": {"q": "a cat"}}),
        ("GET", "/v1/suggest", {"params": {"q": "a"}}),
        ("GET", "/v1/items/1/similar", {}),
        ("GET", "/v1/items/1/thumbnail", {}),
    ],
)
def test_what_takes_too_long_is_a_problem(
    hurried: TestClient, method: str, path: str, given: dict[str, Any]
) -> None:
    answer = hurried.request(method, path, **given)
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert "within 1e-06 seconds" in answer.json()["detail"]


def test_a_search_stops_once_its_client_has_left(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = Event(), Event()

    def endless(*_: Any, **__: Any) -> None:
        begun.set()
        try:
            while True:
                stopping.check()
                time.sleep(0.005)
        finally:
            stopped.set()

    stores = open_stores([sample])
    monkeypatch.setattr(stores.all[0].engine, "search", endless)
    with running(make_app(stores, Settings())) as address:
        with socket.create_connection(address) as client:
            client.sendall(b"GET /v1/search?q=cat HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert begun.wait(60)
            assert not stopped.wait(0.05)
        assert stopped.wait(60)
