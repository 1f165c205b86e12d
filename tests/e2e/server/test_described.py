"""What the OpenAPI document says is what a true service does, by what schemathesis makes of it.

`scripts/bench/served_schema.py` asks some thousand requests, this only some.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.bench import served_schema


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_schema.serving(tmp_path_factory.mktemp("described")) as address:
        yield address


@pytest.fixture(scope="module")
def document(address: str) -> Any:
    return httpx.get(f"{address}/openapi.json").json()


def test_answers_are_as_they_are_described(address: str, tmp_path: Path) -> None:
    done = served_schema.run(address, tmp_path, examples=3, phases="examples,fuzzing")
    assert done.returncode == 0, done.stdout[-5000:]


def test_every_problem_is_described(document: Any) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            answers = operation["responses"]
            assert {"401", "403", "413", "421", "503"} <= set(answers), path
            for status in answers:
                if int(status) >= 400 and status != "416":
                    (kind,) = answers[status]["content"]
                    assert kind == "application/problem+json", (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_a_method_that_isnt_there_names_those_that_are(address: str, document: Any) -> None:
    for path, operations in document["paths"].items():
        answer = httpx.request("PURGE", address + path.replace("{number}", "1"))
        assert answer.status_code == 405
        assert answer.headers["allow"].split(", ") == sorted(one.upper() for one in operations)


def test_a_long_text_is_searched_for_as_a_link(address: str) -> None:
    answer = httpx.get(f"{address}/v1/search", params={"q": "\N{CAT FACE}" * 5_000})
    assert answer.status_code == 200
