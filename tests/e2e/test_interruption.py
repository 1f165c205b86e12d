"""Ctrl-C ends a command at once, though the decoder that is at work can't be stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cmsearch import cli
from cmsearch.common.interruption import MESSAGE, PATIENCE
from indexer import Indexer
from tests.builders import write_picture
from tests.commands import python
from tests.processes import Process

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a signal ends the process there")
SOON = PATIENCE + 60.0
"""Seconds: the work that is interrupted takes minutes, and the machine may be busy."""
START = """
import hashlib, os, signal, sys
from cmsearch import cli
from cmsearch.media import images
from cmsearch.media.images import ImageReader
from cmsearch.models.plugins import encoders

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
encoders._rows["fake"] = "tests.fakes:load"
read, decode = ImageReader.read, images.read_picture

def work():
    os.write(1, b"at work\\n")  # by one call, since two threads say it
    hashlib.pbkdf2_hmac("sha256", b"", b"", 500_000_000)  # minutes, without looking at signals

def slow(self, path, wanted):
    if path.name.startswith("slow"):
        work()
    return read(self, path, wanted)

def slowly(file, size=None):
    work()

ImageReader.read = slow
if "search" in sys.argv:
    images.read_picture = slowly
cli.main()
"""


def interrupted(*arguments: object) -> tuple[int, str, float]:
    """The exit code and the message of a command that is interrupted at work, and how long it
    went on.
    """
    command = [sys.executable, "-c", START, *map(str, arguments)]
    with Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == b"at work\n", process.communicate()
        time.sleep(0.2)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    return process.returncode, said.decode(), time.monotonic() - start


def test_indexing_ends_while_pictures_are_decoded(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "a.png", "red")
    store = Indexer(tmp_path, model=fake_model).run().store
    for number in range(4):
        write_picture(tmp_path / f"slow{number}.png", "blue")
    status, said, seconds = interrupted("index", tmp_path, "--model", fake_model)
    assert (status, said.count(MESSAGE)) == (1, 1)
    assert "Traceback" not in said
    assert seconds < SOON
    for path in tmp_path.glob("slow*"):
        path.unlink()
    again = Indexer(tmp_path, model=fake_model).run()
    assert (again.store, again.unchanged, again.items) == (store, 1, {"photo": 1})


def test_watching_ends_likewise(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "slow.png")
    status, said, seconds = interrupted("watch", tmp_path, "--model", fake_model)
    assert (status, "Stopped" in said, "Traceback" in said) == (0, True, False)
    assert seconds < SOON


def test_a_search_ends_though_the_main_thread_is_in_a_decoder(
    tmp_path: Path, fake_model: str
) -> None:
    write_picture(tmp_path / "a.png", "red")
    Indexer(tmp_path, model=fake_model).run()
    status, said, seconds = interrupted(
        "search", "--image", tmp_path / "a.png", "--store", tmp_path / ".cmsearch"
    )
    assert (status, said.count(MESSAGE)) == (1, 1)
    assert "Traceback" not in said
    assert seconds < SOON


def test_a_wait_that_begins_just_after_the_signal_sees_it() -> None:
    """As at a prompt: another thread than the main one, which waits, takes the signal here."""
    code = """
import os, signal, threading, time
from cmsearch.common.interruption import attended

def take():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
with attended():
    for _ in range(2):
        threading.Thread(target=take).start()
        try:
            os.read(os.pipe()[0], 1)
        except KeyboardInterrupt:
            print("seen")
"""
    assert python(code) == "seen\nseen\n"


def test_what_sees_to_interruptions_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", ["cmsearch", "--version"])
    with pytest.raises(SystemExit):
        cli.main()
    assert signal.getsignal(signal.SIGINT) is handlers
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1
