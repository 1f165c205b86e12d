"""Engines that stay open between requests, one a store, until nobody has asked for a while."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cmsearch.errors import MediaError, QueryError
from cmsearch.search import engine as engines
from cmsearch.search.engine import Engine
from cmsearch.server.errors import StoppedError
from cmsearch.store import store as stores

MOST = 8
"""Stores that are open at once; the one that waits longest is closed for another."""
_Identity = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class _Kept:
    """An engine, what its store was as it was opened, and who uses it: of one that is lent also
    who has lent it, so that it isn't closed here.
    """

    identity: _Identity
    engine: Engine | None = None
    users: int = 0
    used: float = 0.0
    is_dropped: bool = False
    is_lent: bool = False
    opening: threading.Lock = field(default_factory=threading.Lock)


class Engines:
    """Opens the stores that are asked for, and closes them. Threads may share it."""

    def __init__(self, opened: Callable[[Path], Engine] = engines.open) -> None:
        self._open = opened
        self._kept: dict[tuple[Path, bool], _Kept] = {}
        self._lock = threading.Lock()
        self._takes = True

    @property
    def places(self) -> list[Path]:
        """The stores that are open."""
        with self._lock:
            return sorted({place for place, _ in self._kept})

    @contextmanager
    def using(self, start: Path) -> Iterator[Engine]:
        """The engine of the store at, in, or above `start`, which stays open within.

        A store that was replaced, or has another owner now, is opened anew. Raises `StoreError`.
        """
        place = stores.find(start)
        kept = self._taken(_key(place, start))
        try:
            with kept.opening:
                if kept.engine is None:
                    kept.engine = self._open(start)
            yield kept.engine
        except (QueryError, MediaError, StoppedError):
            raise  # it says nothing about the store
        except BaseException:
            self._drop(kept)  # what went wrong is tried anew
            raise
        finally:
            self._left(kept)

    def lend(self, start: Path, engine: Engine) -> None:
        """Let an engine be used that was opened at `start` by somebody else, who closes it."""
        place = stores.find(start)
        keys = {_key(place, start)}
        if engine.store.strange is None:  # so it wouldn't be if it hadn't been searched for
            keys.add((place, False))
        with self._lock:
            for key in keys if self._takes else ():
                self._kept[key] = _Kept(_identity(place), engine, users=1, is_lent=True)

    def take_back(self) -> None:
        """Use none any more that was lent; what it was used for is opened anew."""
        with self._lock:
            self._takes = False
            lent = [one for one in self._kept.values() if one.is_lent]
        for one in lent:
            self._drop(one)

    def close_idle(self, seconds: float) -> None:
        """Close the engines that nobody has used for that long."""
        end = time.monotonic() - seconds
        with self._lock:
            idle = [one for one in self._kept.values() if not one.users and one.used <= end]
        for one in idle:
            self._drop(one)

    def close(self) -> None:
        """Close all of them; those in use are closed as they are left."""
        for one in list(self._kept.values()):
            self._drop(one)

    def _taken(self, key: tuple[Path, bool]) -> _Kept:
        identity = _identity(key[0])
        with self._lock:
            kept = self._kept.get(key)
            stale = kept if kept is not None and kept.identity != identity else None
            if kept is None or stale is not None:
                kept = self._kept[key] = _Kept(identity)
            kept.users += 1
            idle = [one for one in self._kept.values() if not one.users]
            is_full = len(self._kept) > MOST and idle
            spare = min(idle, key=lambda one: one.used) if is_full else None
        for one in (stale, spare):
            if one is not None:
                self._drop(one)
        return kept

    def _left(self, kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1
            kept.used = time.monotonic()
            ends = kept.is_dropped and not kept.users
        if ends:
            _close(kept)

    def _drop(self, kept: _Kept) -> None:
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if one is not kept}
            kept.is_dropped = True
            ends = not kept.users
        if ends:
            _close(kept)


def _key(place: Path, start: Path) -> tuple[Path, bool]:
    """A store, and whether it was found above `start`, where it is trusted less."""
    return place, place not in (start / stores.DIRECTORY, start)


def _close(kept: _Kept) -> None:
    engine, kept.engine = kept.engine, None
    if engine is not None:
        engine.close()


def _identity(place: Path) -> _Identity:
    """What tells a store from another one at its place, and its owner and rights from others."""
    catalog = (place / stores.CATALOG).lstat()
    around = (place.lstat(), place.stat(), place.absolute().parent.stat())
    told = ((one.st_dev, one.st_ino, one.st_uid, one.st_mode) for one in (catalog, *around))
    return (*told, (catalog.st_nlink,))
