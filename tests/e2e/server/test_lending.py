"""Commands that a service answers, as a daemon would, by the engines that it has open."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import write_picture
from tests.e2e.server.conftest import answering
from tests.processes import ROOT, faked, started

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="it needs users and sockets")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Pictures in an index, and a state of its own, whose sockets have short paths."""
    scratch = Path(tempfile.mkdtemp(prefix="cms", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMSEARCH_STATE", str(scratch / "state"))
        patch.delenv("CMSEARCH_DAEMON")
        patch.setattr("cmsearch.server.asking._GREETING", 60.0)  # a busy machine may greet late
        patch.setenv("PYTHONPATH", str(ROOT))  # as processes that are started have it
        for name in ("red", "green", "blue"):
            write_picture(scratch / "pictures" / f"{name}.png", name)
        faked("index", scratch / "pictures", "--model", "fake:colours")
        yield scratch / "pictures"
    shutil.rmtree(scratch)


def told() -> list[Any]:
    """What `cmsearch daemon` says of those that run."""
    lines = faked("daemon", "status", "--format", "json").stdout.splitlines()
    return list(map(json.loads, lines))


def found(folder: Path, *options: str) -> bytes:
    return faked("search", "red", "--format", "json", *options, cwd=folder).stdout


def test_a_service_answers_commands_with_what_it_has_open(folder: Path) -> None:
    with started("serve", folder, "--port", "0") as service:
        address = answering(service)
        (status,) = told()
        assert status["process"] == service.pid and status["ends_after"] is None
        assert status["stores"] == [str(folder / ".cmsearch")]
        cold = found(folder, "--no-daemon")
        assert found(folder) == cold and cold.count(b"\n") == 3
        assert told()[0]["answered"] == 1
        line = faked("daemon").stdout
        assert b"runs as `cmsearch serve`" in line and b"1 searches answered" in line
        write_picture(folder / "orange.png", "orange")
        faked("index", folder)
        cold = found(folder, "--no-daemon")
        assert found(folder) == cold and cold.count(b"\n") == 4
        assert told()[0]["answered"] == 2
        assert b"serves on" in faked("daemon", "stop").stdout
        assert found(folder) == cold
        assert httpx.get(f"{address}/readyz", timeout=60).json()["items"] == {"pictures": 4}
        service.terminate()
        service.communicate(timeout=60)
        assert service.returncode == 0
    assert told() == []
