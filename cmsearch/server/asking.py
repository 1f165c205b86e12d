"""Asking a daemon, by what is light: nothing here loads an engine."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.server import meeting

if TYPE_CHECKING:
    from socket import socket

_GREETING = 2.0
"""Seconds in which a daemon greets; one that hangs isn't waited for."""
_STARTING = 30.0
"""Seconds in which one that was started listens."""


def may_ask() -> bool:
    """Whether there may be a daemon, which costs one look to say."""
    return meeting.is_safe()


def ask(request: Mapping[str, Any], *, start: bool = False) -> dict[str, Any] | None:
    """What the daemon answers; None where there is none, or it leaves the answer to the client.

    With `start` one is started where there is none, and waited for.
    """
    place = meeting.socket_path()
    answered = ask_at(place, request)
    if answered is None and start and not _listens(place) and _started(place):
        answered = ask_at(place, request)
    return answered if answered is not None and "cold" not in answered else None


def ask_at(place: Path, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the daemon of a socket answers; None where none does."""
    if not meeting.is_own(place):
        return None
    with suppress(OSError, EOFError, ValueError), _connected(place) as connection:
        meeting.send(connection, request)
        answered = meeting.receive(connection)
        return answered if isinstance(answered, dict) else None
    return None


def start() -> bool:
    """Start a daemon, unless one listens; returns whether one was. Raises `CmsearchError`."""
    from cmsearch.errors import CmsearchError

    meeting.made()
    place = meeting.socket_path()
    if _listens(place):
        return False
    if not _started(place):
        raise CmsearchError("The daemon doesn't start; `cmsearch daemon run` shows why.")
    return True


def _started(place: Path) -> bool:
    """Start a daemon apart from this process and its terminal; returns whether it listens."""
    import subprocess
    import sys

    if not hasattr(os, "geteuid") or not meeting.fits(place):
        return False
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-m", "cmsearch", "daemon", "run"],
        stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    end = time.monotonic() + _STARTING
    while time.monotonic() < end:
        if _listens(place):
            process.returncode = 0  # it stays, and nobody waits for it
            return True
        if process.poll() is not None:
            return _listens(place)  # another one was quicker
        time.sleep(0.02)
    return False


def _listens(place: Path) -> bool:
    if not meeting.is_own(place):
        return False
    with suppress(OSError, EOFError, ValueError), _connected(place):
        return True
    return False


@contextmanager
def _connected(place: Path) -> Iterator[socket]:
    """A connection to a daemon of this user that has greeted. Raises `OSError`, `EOFError`."""
    import socket

    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_GREETING)
        connection.connect(str(place))
        if not meeting.is_of_user(connection):
            raise EOFError
        meeting.receive(connection)
        connection.settimeout(None)  # a search takes as long as it takes
        yield connection
