"""A true service on the sample photographs, in a process of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import started


@pytest.fixture(scope="module")
def address(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service of the sample store answers."""
    with started("serve", sample, "--port", "0") as service:
        try:
            yield answering(service)
        finally:
            service.terminate()
            service.communicate(timeout=30)


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    """A client of that service."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def answering(service: subprocess.Popen[Any]) -> str:
    """Where a service answers, which it says once it does."""
    assert service.stderr is not None
    for line in service.stderr:
        if found := re.search(r"Answering at (http://\S+)", line):
            return found[1]
    raise AssertionError("the service ended before it answered")
