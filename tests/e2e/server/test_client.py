"""A client that is made from the OpenAPI document asks a true service for everything it has."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.bench import served_schema

BODIES: dict[str, dict[str, Any]] = {
    "search": {"query": "red", "parts": [{"text": "house"}], "filters": {"has_caption": False}},
    "facets": {"query": "red"},
    "explain_search": {"query": "red"},
    "classify": {"item": 1, "questions": {"colour": ["red", "green"]}},
    "mark": {"query": "red", "item": 1, "right": True},
    "sizes": {"items": [1]},
    "of_numbers": {"items": [1]},
    "download": {"items": "1"},
    "sheet": {"items": "1"},
    "start": {},
    "propose": {"items": [1], "labels": ["red", "green"]},
    "accept": {"item": 1, "labels": ["red"]},
}
"""What is sent with the operations that want something."""
VALUES: dict[str, Any] = {"q": "red", "number": 1, "items": "1", "job": ""}
REFUSED = {"words": 422}
"""Operations that the items of this store refuse: it has no document."""
LATER = ("events", "told", "stop")
"""Operations of a job, which another one starts."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


@pytest.fixture(scope="module")
def address(place: Path) -> Iterator[str]:
    with served_schema.serving(place) as address:
        yield address


@pytest.fixture(scope="module")
def document(address: str) -> Any:
    return httpx.get(f"{address}/openapi.json").json()


@pytest.fixture(scope="module")
def made(place: Path, document: Any) -> Iterator[str]:
    """The name of a package with the client."""
    (place / "openapi.json").write_text(json.dumps(document))
    (place / "config.yml").write_text("post_hooks: []\n")
    line = (
        *("generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none"),
        *("--output-path", "made_client"),
    )
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *line],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "duplicate" not in done.stdout + done.stderr
    for path in (place / "made_client" / "api").rglob("*.py"):  # the generator forgets a name
        path.write_text(path.read_text().replace("Response, UNSET", "Response, UNSET, Unset"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place)
        yield "made_client"
    for name in [name for name in sys.modules if name.partition(".")[0] == "made_client"]:
        del sys.modules[name]


def test_every_operation_is_answered(
    made: str, document: Any, address: str, request: pytest.FixtureRequest
) -> None:
    operations = {
        operation["operationId"]: operation["tags"][0]
        for operations in document["paths"].values()
        for operation in operations.values()
    }
    client = importlib.import_module(f"{made}.client").Client(base_url=address, timeout=60)
    request.addfinalizer(client.get_httpx_client().close)
    values = dict(VALUES)
    for name in sorted(operations, key=lambda name: (name in LATER, name)):
        own = importlib.import_module(f"{made}.api.{operations[name]}.{name}")
        answer = own.sync_detailed(client=client, **arguments(made, own, name, values))
        is_right = 200 <= answer.status_code < 300 or answer.status_code == REFUSED.get(name)
        assert is_right, (name, answer.content)
        assert answer.content or answer.status_code == 204, name
        if name == "start":
            values["job"] = json.loads(answer.content)["job"]


def arguments(made: str, own: Any, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """What an operation is asked with."""
    given: dict[str, Any] = {}
    for key, parameter in inspect.signature(own.sync_detailed).parameters.items():
        if key == "body":
            kinds = typing.get_args(parameter.annotation) or (parameter.annotation,)
            kind = next(one for one in kinds if "Files" not in one.__name__)
            given[key] = kind.from_dict(BODIES[name])
        elif key in values:
            given[key] = values[key]
    return given


def test_a_problem_comes_as_one(made: str, address: str) -> None:
    client = importlib.import_module(f"{made}.client").Client(base_url=address)
    item = importlib.import_module(f"{made}.api.items.item")
    problem = item.sync(client=client, number=10**6)
    assert (problem.status, problem.title) == (404, "Not Found")
    assert "no item" in problem.detail
    client.get_httpx_client().close()
