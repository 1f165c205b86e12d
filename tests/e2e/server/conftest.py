"""True services: of the sample photographs in a process of its own, of others within this one."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from cmsearch.models.plugins import encoders
from cmsearch.server.app import make_app
from cmsearch.server.protocol import LONGEST, Protocol
from cmsearch.server.settings import Settings
from cmsearch.server.stores import open_stores
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
    """Where a service answers for some folders in a process of its own, which costs some 3 s."""
    with started("serve", *places, "--port", "0", "--no-open") as service:
        try:
            yield answering(service)
        finally:
            service.terminate()
            service.communicate(timeout=60)


@contextmanager
def serving_within(*places: Path) -> Iterator[str]:
    """Likewise within this process, with the fake models, which takes a tenth of that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        with running(make_app(open_stores(places), Settings())) as (host, port):
            yield f"http://{host}:{port}"


@contextmanager
def running(app: Any) -> Iterator[tuple[str, int]]:
    """Where an app answers that runs within this process as `cmsearch serve` lets it run."""
    config = uvicorn.Config(
        app, access_log=False, log_config=None, server_header=False, http=Protocol, ws="none",
        h11_max_incomplete_event_size=LONGEST, timeout_graceful_shutdown=5,
    )  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join(60)


def answering(service: subprocess.Popen[Any]) -> str:
    """Where a service answers, which it says once it does."""
    assert service.stderr is not None
    for line in service.stderr:
        if found := re.search(r"Answering at (http://\S+)", line):
            return found[1]
    raise AssertionError("the service ended before it answered")
