"""Listens on the user's socket and lets open engines answer what the command line asks."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cmsearch.common import stopping
from cmsearch.common.processors import cpu_count
from cmsearch.common.version import __version__
from cmsearch.errors import CmsearchError
from cmsearch.search.engine import Engine
from cmsearch.server import meeting
from cmsearch.server.engines import Engines
from cmsearch.server.errors import LeftError

IDLE = 15 * 60.0
"""Seconds without a question after which a daemon ends, and a store is closed."""
COLD = {"cold": True}
"""The answer that leaves the search to the client."""
_TICK = 0.5
"""Seconds in which `stop` is seen."""
_CLIENTS = 64
"""Connections at once; one more is turned away and searches by itself."""
_SENDING = 10.0
"""Seconds for a request to come, and between two looks at whether a client is still there."""
_ROUND = 30.0
"""Seconds between two looks at what is idle."""
_WARNED = 60.0
"""Seconds in which a store that something was warned of is left to the clients."""
Answer = Callable[[Engine, Mapping[str, Any]], dict[str, Any]]
"""What answers a request by the engine of its store, both in JSON's types."""


class Daemon:
    """Answers the requests that come through a socket, until nobody has asked for a while.

    With `idle` None it goes on until it is stopped, as beside another service. It answers `COLD`
    where something goes wrong or is warned of: the client finds the same, and says so itself.
    """

    def __init__(self, engines: Engines, answer: Answer, *, idle: float | None = IDLE) -> None:
        self._engines = engines
        self._answer = answer
        self._idle = idle
        self.listens = threading.Event()
        """Set once it answers."""
        self._ends = threading.Event()
        self._turns = threading.Semaphore(max(2, cpu_count()))
        self._clients = threading.Semaphore(_CLIENTS)
        self._asked = time.monotonic()
        self._busy = 0
        self._warning: dict[Path, float] = {}
        self._answered = 0
        self._lock = threading.Lock()

    def serve(self, place: Path | None = None) -> bool:
        """Answer at a socket, by default this user's; returns False where another one does.

        Raises `CmsearchError` where none can be made.
        """
        place = place or meeting.made() / meeting.socket_path().name
        lock = FileLock(place.with_suffix(".lock"), timeout=0, mode=0o600)
        try:
            with lock, _listening(place) as listener, _counting() as warned:
                self.listens.set()
                self._loop(listener, place, warned)
        except Timeout:
            return False
        except OSError as error:
            raise CmsearchError(
                f"No daemon can listen at {place}: {error.strerror or error}. Name another folder "
                "in the environment variable CMSEARCH_STATE."
            ) from error
        return True

    def stop(self) -> None:
        """End `serve` soon; what is being answered isn't waited for."""
        self._ends.set()

    def _loop(self, listener: socket.socket, place: Path, warned: _Count) -> None:
        number = place.lstat().st_ino
        looked = time.monotonic()
        while not self._ends.is_set():
            readable, _, _ = select.select([listener], [], [], _TICK)
            if readable:
                with suppress(OSError):  # a client that has left
                    self._meet(listener.accept()[0], warned)
            if time.monotonic() - looked < min(_ROUND, self._idle or _ROUND):
                continue
            looked = time.monotonic()
            self._engines.close_idle(self._idle or IDLE)
            with suppress(OSError):
                if place.lstat().st_ino == number and not self._is_idle():
                    continue
            return  # nobody asks, or nobody can

    def _is_idle(self) -> bool:
        waited = time.monotonic() - self._asked
        return self._idle is not None and not self._busy and waited >= self._idle

    def _meet(self, connection: socket.socket, warned: _Count) -> None:
        if not meeting.is_of_user(connection) or not self._clients.acquire(blocking=False):
            connection.close()
            return
        threading.Thread(target=self._attend, args=(connection, warned), daemon=True).start()

    def _attend(self, connection: socket.socket, warned: _Count) -> None:
        """Answer the one request of a connection."""
        with self._lock:
            self._busy += 1
        try:
            with connection, suppress(OSError, EOFError, ValueError, LeftError):
                connection.settimeout(_SENDING)
                meeting.send(connection, {"process": os.getpid(), "version": __version__})
                request = meeting.receive(connection)
                connection.settimeout(None)
                meeting.send(connection, self._reply(connection, request, warned))
        finally:
            self._clients.release()
            with self._lock:
                self._busy -= 1

    def _reply(self, connection: socket.socket, request: Any, warned: _Count) -> dict[str, Any]:
        match request:
            case {"do": "status"}:
                return self._status()
            case {"do": "stop"}:
                self.stop()
                return self._status()
            case {"start": str(start)}:
                self._asked = time.monotonic()
                with self._turn(connection), stopping.stopped_by(partial(_check, connection)):
                    return self._searched(Path(start), request, warned)
        return COLD

    def _searched(self, start: Path, request: Mapping[str, Any], warned: _Count) -> dict[str, Any]:
        before = warned.number
        if self._warning.get(start, 0.0) > time.monotonic():
            return COLD
        try:
            with self._engines.using(start) as engine:
                found = self._answer(engine, request)
                if warned.number != before:
                    raise _WarnedError
        except _WarnedError:
            self._warning[start] = time.monotonic() + _WARNED
            return COLD
        except Exception:  # the client meets it too, and says it in its own words
            return COLD
        self._asked = time.monotonic()
        with self._lock:
            self._answered += 1
        return found

    @contextmanager
    def _turn(self, connection: socket.socket) -> Iterator[None]:
        """Wait until a processor is free. Raises `LeftError` once the client has left."""
        while not self._turns.acquire(timeout=0.2):
            _check(connection)
        try:
            yield
        finally:
            self._turns.release()

    def _status(self) -> dict[str, Any]:
        return {
            "process": os.getpid(),
            "version": __version__,
            "answered": self._answered,
            "idle": round(time.monotonic() - self._asked, 1),
            "ends_after": self._idle,
            "stores": [os.fsdecode(place) for place in self._engines.places],
        }


class _WarnedError(Exception):
    """Something was warned of, which the user has to see."""


class _Count(logging.Handler):
    """How many messages were logged."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count one more, unless a service that runs beside speaks of itself."""
        self.number += record.name != "cmsearch.server"


def _check(connection: socket.socket) -> None:
    """Raise `LeftError` once the client has left; it has nothing more to say."""
    with suppress(BlockingIOError):
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        raise LeftError("The client has left.")


@contextmanager
def _counting() -> Iterator[_Count]:
    handler, logger = _Count(), logging.getLogger("cmsearch")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


@contextmanager
def _listening(place: Path) -> Iterator[socket.socket]:
    """A socket that only this user reaches, in place of one that nobody listens at."""
    with suppress(FileNotFoundError):
        place.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))  # into a folder that nobody else can enter
        try:
            place.chmod(0o600)
            listener.listen(_CLIENTS)
            yield listener
        finally:
            with suppress(OSError):
                place.unlink()
