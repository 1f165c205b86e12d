"""What a command asks of the network and writes, seen by strace: the kernel's own word for it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.processes import Process

ROOT = Path(__file__).parents[1]
SILENCING = ("CI", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY")
"""Variables with which ONNX Runtime is silent by itself: a test with them would prove nothing."""
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
_DEVICES = re.compile(r"/dev/null|/dev/tty|/dev/shm/sem\..*|/proc/\S*")
"""What keeps nothing: the last but one are locks in memory that Python's multiprocessing makes."""
_NETWORK = re.compile(r"\b(?:connect|bind|send(?:to|msg|mmsg))\(.*?sa_family=(AF_(?!UNIX)\w+).*")
_SOCKET = re.compile(r"\bsocket\((AF_(?!UNIX|NETLINK)\w+), .*")
_LOCAL = re.compile(r'\bconnect\(.*sun_path=@?"([^"]*)"')
_CHANGE = re.compile(
    r"^\d+ +(?:open(?:at)?\(.*O_(?:CREAT|WRONLY|RDWR|TRUNC)|creat\(|mkdir|mknod|rename|unlink|rmdir"
    r"|link|symlink|truncate|chmod|fchmodat|chown|fchownat|utime|utimensat|setxattr)"
)
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Trace:
    """The calls that speak to other machines, the sockets of this one, and the files changed."""

    contacts: list[str] = field(default_factory=list)
    sockets: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


class Traced:
    """A command in a `with`, without the variables that keep libraries silent."""

    def __init__(self, command: Sequence[object], log: Path, env: dict[str, str], cwd: Path):
        strace = shutil.which("strace")
        assert strace is not None
        self._log, self._cwd = log, cwd
        own = {name: value for name, value in os.environ.items() if name not in SILENCING + OFFLINE}
        own |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **env}
        traced = "trace=network,%file"
        self._process = Process(
            [strace, "-f", "-qq", "-y", "--seccomp-bpf", "-s", "400", "-e", traced, "-o", str(log),
             sys.executable, *map(str, command)],
            env=own, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)  # strace alone would leave the command
        self._process.__exit__(*error)

    def line(self) -> str:
        """What it says next."""
        assert self._process.stdout is not None
        said: str = self._process.stdout.readline()
        return said

    def interrupt(self) -> None:
        """As Ctrl-C does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def done(self) -> Trace:
        """What it did; a failure of the command is one of the test."""
        out, err = self._process.communicate(timeout=300)
        assert self._process.returncode == 0, (out, err)
        return _read(self._log.read_text(errors="replace").splitlines(), self._cwd)


def _read(lines: Sequence[str], cwd: Path) -> Trace:
    found = Trace()
    for line in _whole(lines):
        if _NETWORK.search(line) or _SOCKET.search(line):
            found.contacts.append(line)
        if local := _LOCAL.search(line):
            found.sockets.add(local[1])
        if _CHANGE.search(line) and not re.search(r"= -1 E", line):
            found.changed.update(_paths(line, cwd))
    return found


def _whole(lines: Sequence[str]) -> Iterator[str]:
    """The lines of calls, those of calls that another process interrupted put together."""
    begun: dict[str, str] = {}
    for line in lines:
        number = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[number] = line.removesuffix("<unfinished ...>")
        elif resumed := re.search(r"<\.\.\. \w+ resumed>(.*)", line):
            yield begun.pop(number, line) + resumed[1]
        else:
            yield line
    yield from begun.values()


def _paths(line: str, cwd: Path) -> Iterator[str]:
    """The absolute paths of a call's arguments."""
    for folder, name in _PATH.findall(line):
        path = os.path.normpath(os.path.join(folder or cwd, name))  # noqa: PTH118
        if not _DEVICES.fullmatch(path):
            yield path
