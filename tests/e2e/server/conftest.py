"""A true service on the sample photographs, in a process of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import started


@pytest.fixture(scope="session")
def address(sample: Path) -> Iterator[str]:
    """Where a service of the sample store answers."""
    with serving(sample) as address:
        yield address


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[httpx.Client]:
    """A client of that service."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@contextmanager
def serving(*places: Path) -> Iterator[str]:
    """Where a service of its own answers for some folders."""
    with started("serve", *places, "--port", "0") as service:
        try:
            yield answering(service)
        finally:
            service.terminate()
            service.communicate(timeout=30)


def answering(service: subprocess.Popen[Any]) -> str:
    """Where a service answers, which it says once it does."""
    assert service.stderr is not None
    for line in service.stderr:
        if found := re.search(r"Answering at (http://\S+)", line):
            return found[1]
    raise AssertionError("the service ended before it answered")
