"""Nothing is contacted, and nothing is written but where docs/security.md says, as strace sees it.

The hub is not told to be offline: no command here fetches a model, so none may ask for anything.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from cmsearch.store.store import DIRECTORY
from tests.builders import write_picture
from tests.conftest import ROOT
from tests.contacts import Trace, Traced

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("strace") is None, reason="there is no strace here"
)
SECONDS = 12.0
"""ONNX Runtime would have asked for its maker's machine within these of opening a model: after six
seconds, and every five or six of the next ones.
"""


class Place:
    """A home of its own, and what may be written: the store, cache, state and temporary folder."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        self.written = (store, folder / "tmp", folder / "state", Path(os.environ["CMSEARCH_CACHE"]))
        (folder / "tmp").mkdir(parents=True)
        (folder / "home").mkdir()
        names = {"HOME": "home", "TMPDIR": "tmp", "CMSEARCH_STATE": "state", "HF_HOME": "hub"}
        self.env = {name: str(folder / place) for name, place in names.items()}
        self.env |= {"XDG_CACHE_HOME": "", "XDG_STATE_HOME": ""}
        self.count = 0

    def begun(self, *arguments: object) -> Traced:
        self.count += 1
        log = self.folder / f"trace{self.count}"
        return Traced(["-m", "cmsearch", *arguments], log, self.env, self.folder / "tmp")

    def assert_kept(self, trace: Trace) -> None:
        assert trace.contacts == []
        assert trace.sockets <= {"/var/run/nscd/socket"}  # who the user is, asked of the system
        outside = [
            path
            for path in sorted(trace.changed)
            if not any(Path(path).is_relative_to(place) for place in self.written)
        ]
        assert outside == []


@pytest.fixture
def place(sample: Path, tmp_path: Path) -> Place:
    return Place(tmp_path / "place", sample / DIRECTORY)


def test_no_command_contacts_anything_or_writes_elsewhere(
    sample: Path, place: Place, tmp_path: Path
) -> None:
    """Together they take as long as `watch` is at work beside the others."""
    folder = tmp_path / "watched"
    for colour in ("red", "green"):
        write_picture(folder / f"{colour}.png", colour)
    place.written += (folder / DIRECTORY,)
    speech = ROOT / "sample_data" / "media" / "query.mp3"
    commands: list[tuple[object, ...]] = [
        ("search", "a dog on the beach", "--store", sample),
        ("search", "--image", sample / "photos" / "honey_bee.jpg", "--store", sample),
        ("info", "--store", sample),
        ("models",),
        ("index", ROOT / "sample_data" / "photos", "--dry-run"),
    ]
    if find_spec("faster_whisper") is not None:
        commands.append(("transcribe", speech))
        shutil.copy(speech, folder)
    with place.begun("watch", folder, "--model", "lite") as watch:
        assert "added" in watch.line()  # the model is open
        start = time.monotonic()
        for arguments in commands:
            with place.begun(*arguments) as command:
                place.assert_kept(command.done())
        write_picture(folder / "blue.png", "blue")
        time.sleep(max(0.0, SECONDS - (time.monotonic() - start)))
        watch.interrupt()
        trace = watch.done()
    place.assert_kept(trace)
    assert str(folder / DIRECTORY / "catalog.db") in trace.changed


def test_strace_sees_what_would_be_contacted_and_written(tmp_path: Path) -> None:
    """A look-up, a connection and a file elsewhere, as a library might do: the test can fail."""
    code = (
        "import pathlib, socket\n"
        "try: socket.getaddrinfo('telemetry.invalid', 443)\n"
        "except OSError: pass\n"
        "try: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except OSError: pass\n"
        "pathlib.Path.home().joinpath('deviceid').write_text('1')\n"
    )
    place = Place(tmp_path / "place", tmp_path)
    place.written = (tmp_path / "place" / "tmp",)
    with Traced(["-c", code], tmp_path / "trace", place.env, tmp_path) as command:
        trace = command.done()
    assert any("htons(9)" in line for line in trace.contacts)
    assert trace.changed == {str(tmp_path / "place" / "home" / "deviceid")}
    with pytest.raises(AssertionError):
        place.assert_kept(trace)
