"""What would take too long is stopped, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cmsearch.server.app import make_app
from cmsearch.server.settings import LOOPBACK, Settings
from cmsearch.server.stores import open_stores

HURRIED = Settings(hosts=LOOPBACK, work_seconds=1e-6)


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
    sample: Path, method: str, path: str, given: dict[str, Any]
) -> None:
    app = make_app(open_stores([sample]), HURRIED)
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.request(method, path, **given)
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert "within 1e-06 seconds" in answer.json()["detail"]
