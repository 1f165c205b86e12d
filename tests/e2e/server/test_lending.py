"""Commands that a service answers, as a daemon would, by the engines that it has open."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import write_picture
from tests.e2e.server.conftest import answering
from tests.processes import ROOT, Process, faked, started

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="it needs users and sockets")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Pictures in an index, and a state of its own, whose sockets have short paths."""
    scratch = Path(tempfile.mkdtemp(prefix="cms", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMSEARCH_STATE", str(scratch / "state"))
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


def ended(service: Process) -> str:
    """What a service that is told to end says."""
    service.terminate()
    _, stderr = service.communicate(timeout=60)
    assert service.returncode == 0
    return str(stderr)


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
        ended(service)
    assert told() == []


def test_what_a_command_has_to_say_itself_is_left_to_it(folder: Path) -> None:
    damaged = Path(shutil.copytree(folder, folder.parent / "damaged"))
    for file in (damaged / ".cmsearch").glob("rows-*"):
        file.write_bytes(b"damaged")
    with started("serve", damaged, "--port", "0") as service:
        address = answering(service)
        for _ in range(2):  # who asks first over HTTP is not told
            httpx.get(f"{address}/v1/search", params={"q": "red"}, timeout=60).raise_for_status()
            warm = faked("search", "red", cwd=damaged)
            assert b"doctor" in warm.stderr
        assert told()[0]["answered"] == 0
        assert "doctor" in ended(service)


def test_without_a_safe_place_it_serves_all_the_same(folder: Path) -> None:
    (folder.parent / "state" / "run").chmod(0o755)
    try:
        with started("serve", folder, "--port", "0") as service:
            assert service.stderr is not None
            assert "Commands are not answered: " in service.stderr.readline()
            address = answering(service)
            assert httpx.get(f"{address}/readyz", timeout=60).status_code == 200
            ended(service)
    finally:
        (folder.parent / "state" / "run").chmod(0o700)


def test_where_a_daemon_runs_it_goes_on(folder: Path) -> None:
    with started("daemon", "run") as daemon:
        while not told():
            assert daemon.poll() is None
            time.sleep(0.05)
        with started("serve", folder, "--port", "0") as service:
            assert service.stderr is not None
            assert any("A daemon answers commands already" in line for line in service.stderr)
            answering(service)
            assert found(folder) == found(folder, "--no-daemon")
            assert [one["process"] for one in told()] == [daemon.pid]
            ended(service)
        daemon.terminate()
        daemon.communicate(timeout=60)
