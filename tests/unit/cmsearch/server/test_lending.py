"""Engines that are lent to commands, and taken back where a command has something to say itself."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cmsearch.commands.answering import answered
from cmsearch.commands.serve import _meeting_place
from cmsearch.models.plugins import encoders
from cmsearch.server import asking, meeting
from cmsearch.server.engines import Engines
from cmsearch.server.lending import LOG, answering, lending
from cmsearch.server.stores import Stores, open_stores
from indexer import Indexer
from tests.builders import write_picture
from tests.commands import captured

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="it needs users and sockets")


@pytest.fixture
def folder() -> Iterator[Path]:
    """The current folder: two pictures in an index, with a state of its own."""
    scratch = Path(tempfile.mkdtemp(prefix="cms", dir="/tmp"))  # sockets have short paths
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMSEARCH_STATE", str(scratch / "state"))
        patch.delenv("CMSEARCH_DAEMON")
        patch.setattr(asking, "_GREETING", 60.0)  # a busy machine may greet late
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        for name in ("red", "blue"):
            write_picture(scratch / "pictures" / f"{name}.png", name)
        Indexer(scratch / "pictures", model="fake:colours").run()
        patch.chdir(scratch / "pictures")
        yield scratch / "pictures"
    shutil.rmtree(scratch)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Stores, Engines]]:
    """What `cmsearch serve` does with the engines that it opens."""
    place = _meeting_place()
    assert place is not None
    with lending() as engines, open_stores([folder]) as stores:
        engines.lend(folder, stores.get(None).engine)
        with answering(place, engines, answered):
            yield stores, engines


def count() -> int:
    """How many searches were answered."""
    told = asking.ask_at(meeting.socket_path(), {"do": "status"})
    assert told is not None
    return int(told["answered"])


def test_commands_are_answered_by_what_is_lent(folder: Path) -> None:
    cold = captured("search", "red", "--no-daemon")
    with serving(folder) as (stores, engines):
        assert captured("search", "red") == cold and count() == 1
        with engines.using(folder) as engine:
            assert engine is stores.get(None).engine
    assert meeting.sockets() == []


def test_what_a_command_has_to_say_itself_is_left_to_it(folder: Path) -> None:
    for file in (folder / ".cmsearch").glob("rows-*"):
        file.write_bytes(b"damaged")
    cold = captured("search", "red", "--no-daemon")
    assert b"doctor" in cold[2]
    with serving(folder) as (stores, _):
        for _ in range(2):
            stores.get(None).engine.search("red")  # who asks first otherwise is told
            status, stdout, stderr = captured("search", "red")
            assert (status, stdout) == cold[:2] and b"doctor" in stderr
        assert count() == 0


def test_what_a_service_says_of_itself_takes_nothing_back(folder: Path) -> None:
    with serving(folder) as (stores, engines):
        logging.getLogger(LOG).warning("No thumbnails are kept.")
        with engines.using(folder) as engine:
            assert engine is stores.get(None).engine
        logging.getLogger("cmsearch").warning("Something of the index.")
        with engines.using(folder) as engine:
            assert engine is not stores.get(None).engine


def test_without_a_safe_place_none_is_answered(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "state" / "run").mkdir(parents=True)
    (folder.parent / "state" / "run").chmod(0o755)
    assert _meeting_place() is None
    assert "Commands are not answered: " in capsys.readouterr().err


def test_where_a_daemon_runs_it_goes_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(folder), caplog.at_level(logging.INFO, LOG):
        captured("search", "red")
        with serving(folder):
            captured("search", "red")
            assert count() == 2
        assert count() == 2
    assert "A daemon answers commands already" in caplog.text
