"""Asking a server again while it is away, up to a bound that is the same for every kind."""

# Tested by tests/unit/cmsearch/store/index/test_served.py

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from cmsearch.errors import StoreError
from cmsearch.protocols import Numbers, ServerAwayError, VectorCollection
from cmsearch.store.index.answers import NOT_UNDERSTOOD, brief
from cmsearch.types import FloatArray, IdArray

VARIABLE = "CMSEARCH_SERVER_WAIT"
_SECONDS = 10.0
_FIRST, _LONGEST = 0.1, 2.0
_STANDSTILL = 600.0
"""Seconds for which what is laid out may get no further."""
_WORD = 5.0
"""Seconds after which somebody who waits is told for what."""
_Result = TypeVar("_Result")

log = logging.getLogger("cmsearch")


class Patient:
    """A collection whose server may be away for some seconds."""

    def __init__(self, inner: VectorCollection, place: str) -> None:
        self._inner, self._place = inner, place

    def mark(self) -> str | None:
        """The mark that was written last."""
        return self._tried(self._inner.mark)

    def begin(self, dim: int) -> None:
        """Make it anew."""
        self._tried(lambda: self._inner.begin(dim))

    def write(
        self, ids: IdArray, vectors: FloatArray, gone: IdArray, mark: str | None = None
    ) -> None:
        """Put, delete, and mark."""
        self._tried(lambda: self._inner.write(ids, vectors, gone, mark))

    def settle(self) -> int:
        """Wait until all that was written is laid out; raises `StoreError` at a standstill."""
        began, told, least = time.monotonic(), False, 2**63
        progressed, pause = began, _FIRST
        while left := self._tried(self._inner.settle):
            now = time.monotonic()
            if left < least:
                least, progressed = left, now
            elif now - progressed > _STANDSTILL:
                raise StoreError(
                    f"The server of vectors {self._place} hasn't laid out {left} vectors, and got "
                    f"no further for {_STANDSTILL:g} s: look whether it lacks memory or disk. "
                    "Nothing is lost, and they are compared here meanwhile; run `cmsearch index` "
                    "again when it is done."
                )
            if now - began > _WORD and not told:
                log.warning(
                    "Waiting until %s has laid out %d vectors for searches.", self._place, left
                )
                told = True
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
        return 0

    def count(self) -> int:
        """How many vectors a search looks at."""
        return self._tried(self._inner.count)

    def ids(self, start: int, end: int) -> IdArray:
        """The ids from one up to another."""
        return self._tried(lambda: self._inner.ids(start, end))

    def search(self, queries: FloatArray, k: int, among: Numbers | None = None) -> IdArray:
        """The candidates for queries."""
        return self._tried(lambda: _whole(self._inner.search(queries, k, among), len(queries)))

    def drop(self) -> None:
        """Delete it."""
        self._tried(self._inner.drop)

    def _tried(self, call: Callable[[], _Result]) -> _Result:
        return tried(call, self._place)


def tried(call: Callable[[], _Result], place: str) -> _Result:
    """What a call gives, made again with longer and longer breaks while its server is away.

    Raises `StoreError` after `CMSEARCH_SERVER_WAIT` seconds, 10 without it, and at once for an
    answer that isn't understood.
    """
    seconds = _wait()
    end, pause = time.monotonic() + seconds, _FIRST
    while True:
        try:
            return call()
        except ServerAwayError as error:
            if time.monotonic() + pause > end:
                raise StoreError(
                    f"The server of vectors {place} didn't answer for {seconds:g} s: {error}. "
                    "Nothing is lost, since the catalog has all that is indexed. Start the server "
                    "and run the command again; another index is chosen with `cmsearch index "
                    "FOLDER --vectors faiss`."
                ) from error
        except NOT_UNDERSTOOD as error:
            raise StoreError(
                f"The server of vectors {place} answers what isn't understood "
                f"({type(error).__name__}: {brief(error)}). Look whether it is a server of this "
                "kind, and its version; another index is chosen with `cmsearch index FOLDER "
                "--vectors faiss`."
            ) from error
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST)


def _whole(found: IdArray, queries: int) -> IdArray:
    if found.ndim != 2 or len(found) != queries:
        raise ValueError(f"{len(found)} lists of hits for {queries} queries")
    return found


def _wait() -> float:
    try:
        return min(max(float(os.environ.get(VARIABLE, "")), 0.0), 3600.0)
    except ValueError:
        return _SECONDS
