"""`cmsearch watch` as a process: whatever happens in the folder, the store comes to hold it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import cmsearch
from cmsearch.errors import CmsearchError, StoreLockedError
from cmsearch.store.catalog import files
from cmsearch.store.store import DIRECTORY, Store
from indexer import watch
from indexer.indexer import Indexer
from indexer.report import Report
from indexer.scan import scan
from indexer.walk import IGNORE_FILE
from indexer.watch import follow
from tests.builders import write_files, write_picture
from tests.processes import Process, started

PATIENCE = 120.0
TICK_MS = 100
"""Within this process, where it is a fifth of what it is elsewhere."""
TICKS = 16
"""A run that causes another one does so within three."""
MODEL = "fake:colours"


@contextmanager
def watching(folder: Path, *options: object) -> Iterator[Process]:
    """`cmsearch watch FOLDER` at work; interrupted at the end, which has to be no error."""
    with started("watch", folder, "--model", MODEL, *options) as process:
        yield process
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    process.output = stdout, stderr  # type: ignore[attr-defined]
    assert process.returncode == 0, stderr
    assert "Stopped" in stderr and "Traceback" not in stderr


def eventually(holds: Callable[[], bool], process: Process) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.1)


def is_current(folder: Path, place: Path | None = None) -> bool:
    """Whether the store holds exactly the files of the folder, each as it is now."""
    here = {(one.path, one.size, one.mtime_ns) for one in scan(folder)[0]}
    with suppress(CmsearchError), Store(place or folder / DIRECTORY) as store:
        assets = files.assets(store.catalog).values()
        return {(one.path, one.size, one.mtime_ns) for one in assets} == here
    return False


@pytest.mark.parametrize("options", [(), ("--poll",)], ids=["events", "poll"])
def test_the_store_follows_the_folder(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = tmp_path / "photos"
    write_picture(folder / "first.png")
    with watching(folder, *options) as process:
        eventually(lambda: is_current(folder), process)
        write_picture(folder / "new" / "below" / "red.png")
        write_files(folder, {"first.txt": "a caption\n", "new/notes.md": "A note."})
        eventually(lambda: is_current(folder), process)
        write_picture(folder / "first.png", "blue", (20, 20))
        (folder / "new").rename(folder / "renamed")
        eventually(lambda: is_current(folder), process)
        (folder / "renamed" / "notes.md").unlink()
        for number in range(300):
            write_picture(folder / f"burst{number % 7}" / f"{number}.png", "green", (8, 8 + number))
        eventually(lambda: is_current(folder), process)
    stdout, _ = process.output  # type: ignore[attr-defined]
    assert "added" in stdout and "moved" in stdout and "changed" in stdout


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """An event that comes about after some ticks of a watch, during which nothing else may."""
    stop, events = threading.Event(), watch._events

    def counted(*arguments: Any) -> Iterator[set[str]]:
        for number, changes in enumerate(events(*arguments)):
            yield changes
            if number == TICKS:
                stop.set()

    monkeypatch.setattr(watch, "_events", counted)
    return stop


@pytest.fixture(autouse=True)
def _short_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_TICK_MS", TICK_MS)


def test_a_failing_run_is_tried_again(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_RETRY", 0.2)
    write_picture(tmp_path / "first.png")
    held, seen = ExitStack(), []
    for done in follow(Indexer(tmp_path, model=fake_model), rescan=600, stop=ended(PATIENCE)):
        seen.append(done)
        if len(seen) == 1:  # another process begins to write
            held.enter_context(held.enter_context(Store(tmp_path / DIRECTORY)).locked())
            write_picture(tmp_path / "second.png", "blue")
        elif len(seen) == 3:
            held.close()
        elif len(seen) == 4:
            break
    assert isinstance(seen[0], Report) and isinstance(seen[3], Report)
    assert isinstance(seen[1], StoreLockedError) and isinstance(seen[2], StoreLockedError)
    assert is_current(tmp_path)


def test_after_an_event_only_its_folder_is_looked_at(tmp_path: Path, fake_model: str) -> None:
    """Two runs look at all files as the watch begins, and one does for other rules."""
    write_picture(tmp_path / "a" / "first.png")
    seen = list[Report]()
    for done in follow(Indexer(tmp_path, model=fake_model), rescan=600, stop=ended(PATIENCE)):
        assert isinstance(done, Report)
        seen.append(done)
        if len(seen) == 2:
            write_picture(tmp_path / "b" / "second.png", "blue")
        elif len(seen) == 3:
            assert is_current(tmp_path)
            (tmp_path / IGNORE_FILE).write_text("a/\n")
        elif len(seen) == 4:
            break
    assert [one.is_whole for one in seen] == [True, True, False, True]
    assert (seen[2].added, seen[3].removed) == (1, 1)


def ended(seconds: float) -> threading.Event:
    """An event that comes about after some seconds."""
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    return stop


@pytest.mark.parametrize("place", [DIRECTORY, "below/index"])
def test_the_writes_of_a_run_cause_no_other(
    tmp_path: Path, fake_model: str, place: str, ticks: threading.Event
) -> None:
    """Wherever the store is kept; a second run may follow the folder that the first one made."""
    write_picture(tmp_path / "first.png")
    (tmp_path / "below").mkdir()
    indexer = Indexer(tmp_path, store=tmp_path / place, model=fake_model)
    assert 1 <= sum(1 for _ in follow(indexer, rescan=600, stop=ticks)) <= 2


def test_searches_without_pause_hold_no_run_up(tmp_path: Path, fake_model: str) -> None:
    """Opening a store makes and deletes files beside its catalog."""
    write_picture(tmp_path / "first.png")
    Indexer(tmp_path, model=fake_model).run()
    stop, seen = ended(PATIENCE), 0
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(search_until, stop, tmp_path)
        for _ in follow(Indexer(tmp_path), rescan=600, stop=stop):
            seen += 1
            write_picture(tmp_path / "second.png", "blue")
            if seen == 2:
                stop.set()
        busy.result()
    assert seen == 2


def search_until(stop: threading.Event, folder: Path) -> None:
    while not stop.wait(0.05):
        with cmsearch.open(folder) as engine:
            engine.search("red")


def test_searches_cause_no_run(tmp_path: Path, fake_model: str, ticks: threading.Event) -> None:
    write_picture(tmp_path / "first.png")
    place = tmp_path / "index"
    Indexer(tmp_path, store=place, model=fake_model).run()
    done = 0
    for _ in follow(Indexer(tmp_path, store=place), rescan=600, stop=ticks):
        done += 1
        with cmsearch.open(place) as engine:
            engine.search("red")
    assert 1 <= done <= 2


def test_a_folder_that_goes_and_comes_back_is_followed_again(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a drive that is taken out: an error, no end, and a run once it is back."""
    monkeypatch.setattr(watch, "_RETRY", 0.2)
    folder, away, place = tmp_path / "photos", tmp_path / "away", tmp_path / "store"
    write_picture(folder / "first.png")
    indexer = Indexer(folder, store=place, model=fake_model)
    failed = False
    for done in follow(indexer, rescan=1, stop=ended(PATIENCE)):
        if isinstance(done, CmsearchError):
            failed = True
            away.rename(folder)
            write_picture(folder / "second.png", "blue")
        elif not failed:
            folder.rename(away)
        elif is_current(folder, place):
            break
    assert failed and is_current(folder, place)
