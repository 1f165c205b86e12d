"""`cmsearch shell` in a process of its own: through pipes, and in a terminal."""

from __future__ import annotations

import errno
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from tests.builders import write_picture
from tests.commands import cmsearch
from tests.processes import Process

SHELL = [sys.executable, "-m", "cmsearch", "shell"]
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is sent to it
os.execv(sys.argv[1], sys.argv[1:])
"""
PATIENCE = 300  # seconds until a test that hangs fails


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three pictures, indexed with lite."""
    place = tmp_path_factory.mktemp("shell")
    for colour in ("red", "green", "blue"):
        write_picture(place / f"{colour}.png", colour, (32, 32))
    assert cmsearch("index", place, "--model", "lite").returncode == 0
    return place


def test_lines_through_a_pipe(folder: Path, tmp_path: Path) -> None:
    text = f"a red thing\n:mark 1\n:nonsense\n:export {tmp_path / 'out.txt'}\n:quit\n"
    result = cmsearch("shell", cwd=folder, stdin=text.encode())
    assert result.returncode == 1
    search = cmsearch("search", "a red thing", cwd=folder)
    assert result.stdout == search.stdout
    assert result.stderr.startswith(search.stderr)
    rest = result.stderr.removeprefix(search.stderr)
    assert [line.split()[0] for line in rest.splitlines()] == ["1", "Error:", "Written"]
    assert Path((tmp_path / "out.txt").read_text().strip()).is_file()


def test_bytes_of_all_kinds_end_no_session(folder: Path) -> None:
    noise = bytes(range(256)).replace(b"\n", b"") + b"\n"
    lines = noise + b":" + noise + b":image " + noise + b":export " + noise + b"red\n"
    result = cmsearch("shell", cwd=folder, stdin=lines)
    assert result.returncode == 1
    assert result.stdout.endswith(cmsearch("search", "red", cwd=folder).stdout)


def test_no_stdin_is_its_end(folder: Path) -> None:
    command = shlex.join(SHELL) + " <&-"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_reader_that_leaves_is_no_error(folder: Path) -> None:
    command = f"yes red | head -n 200 | {shlex.join(SHELL)} | head -n 1"
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, check=False)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_an_index_that_goes_away_ends_no_session(folder: Path, tmp_path: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "copy")
    with Process(
        SHELL, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"red\n:top 1\n")
        process.stdin.flush()
        for _ in range(4):  # three hits, and one
            assert b".png" in process.stdout.readline()
        shutil.rmtree(place / ".cmsearch")
        stdout, stderr = process.communicate(b"green\n:help\n", timeout=PATIENCE)
    assert b":quit" in stdout
    assert b"Traceback" not in stderr
    assert process.returncode in (0, 1)


class Terminal:
    """A terminal with the command in it, both of which end with their `with`."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._file, inner = os.openpty()
        self._process = Process(
            [sys.executable, "-c", OWN_TERMINAL, *SHELL],
            cwd=folder,
            env={**os.environ, "CMSEARCH_STATE": str(state), "TERM": "xterm"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.__exit__(*error)
        os.close(self._file)

    def type(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def until(self, text: str) -> str:
        """What is shown up to `text`, from where the last call ended."""
        while text not in self.shown:
            more = self._read()
            assert more, f"{text!r} never came after {self.shown!r}"
            self.shown += more
        before, _, self.shown = self.shown.partition(text)
        return before

    def end(self) -> int:
        """The exit code, once it has ended by itself."""
        while more := self._read():
            self.shown += more
        return self._process.wait(PATIENCE)

    def _read(self) -> str:
        """What is shown next; nothing once the command has closed the terminal."""
        ready, _, _ = select.select([self._file], [], [], PATIENCE)
        assert ready, f"nothing came after {self.shown!r}"
        try:
            return os.read(self._file, 4096).decode(errors="replace")
        except OSError as error:
            if error.errno != errno.EIO:  # which is how Linux says so
                raise
            return ""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_person_at_a_terminal(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("readline")
    prompt = "cmsearch> "
    with Terminal(folder, tmp_path) as first:
        assert ":help" in first.until(prompt)
        first.type("half a line\x03")  # Ctrl-C clears it
        first.until(prompt)
        first.type(":image gre\t")
        first.until("green.png")
        first.type("\n")
        assert ".png" in first.until(prompt)
        first.type(":fo\tim\t\n")
        first.until(prompt)
        first.type("\x04")  # Ctrl-D
        assert first.end() == 0
    history = (tmp_path / "shell-history").read_text().splitlines()
    assert history[-2:] == [":image green.png", ":for image"]
    with Terminal(folder, tmp_path) as second:
        second.until(prompt)
        second.type("\x1b[A")  # the arrow up
        second.until(":for image")
        second.type("\x03")
        second.until(prompt)
        second.type(":quit\n")
        assert second.end() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_an_interruption_ends_what_comes_through_a_pipe(folder: Path) -> None:
    with Process(
        SHELL, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"red\n")
        process.stdin.flush()
        assert b".png" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert b"Interrupted" in stderr and b"Traceback" not in stderr
