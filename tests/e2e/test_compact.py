"""`cmsearch compact`, and compaction while `cmsearch watch` is idle."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

from cmsearch.store.compaction import Apart, apart
from cmsearch.store.store import DIRECTORY, Store
from indexer import watch
from indexer.indexer import Indexer
from indexer.watch import follow
from tests.builders import write_picture
from tests.processes import faked

COUNT = 45
"""Pictures of which the next two are no reason to publish."""


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """A folder that is indexed, with a picture that came later and is in no file."""
    for number in range(COUNT):
        write_picture(tmp_path / f"{number}.png", f"#{number:02x}8040")
    Indexer(tmp_path, model=fake_model).run()
    write_picture(tmp_path / "more.png", "blue")
    return tmp_path


def lying_apart(folder: Path) -> Apart:
    with Store(folder / DIRECTORY) as store:
        return apart(store)


def test_the_command_says_what_it_did(folder: Path, fake_model: str) -> None:
    Indexer(folder, model=fake_model).run()
    assert lying_apart(folder) == Apart(COUNT, 1, 1, 0, 0, new=1)
    said = faked("compact", cwd=folder).stdout.decode()
    assert re.fullmatch(r"new vectors laid out: 1; (.* MB before, )?.* MB( now)?\n", said)
    assert lying_apart(folder) == Apart(COUNT + 1, 1, 1, 0, 0, new=0)
    again = json.loads(faked("compact", "--format", "json", cwd=folder).stdout)
    assert again["segments_after"] == 1 and again["added"] == again["freed"] == 0
    assert again["bytes_after"] == again["bytes_before"] > 0


def test_an_idle_watch_compacts(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_IDLE", 0.1)
    monkeypatch.setattr(watch, "_APART", 2 * COUNT)
    stop = threading.Event()

    def wait() -> None:
        for _ in range(1_200):
            if stop.wait(0.1) or lying_apart(folder) == Apart(COUNT + 1, 1, 1, 0, 0, new=0):
                break
        stop.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    for _ in follow(Indexer(folder, model=fake_model), rescan=600, stop=stop):
        pass
    waiting.join()
    assert lying_apart(folder).new == 0
