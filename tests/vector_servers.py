"""A server of vectors in this process, which can be away, and lose or keep too much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from cmsearch.protocols import Numbers, ServerAwayError
from cmsearch.store.index.address import Address
from cmsearch.types import FloatArray, IdArray

collections: dict[str, tuple[dict[int, FloatArray], list[str]]] = {}
"""Rows and the marks of each collection, whoever is connected."""
asked: list[tuple[str, str]] = []
"""What was done with which collection."""
sent: list[tuple[str, int]] = []
"""Which vectors were written to which collection."""
unsettled: list[int] = []
"""What is not laid out yet, each time that it is asked."""
_away = [0, False]


@contextmanager
def away(after: int = 0) -> Iterator[None]:
    """A server that doesn't answer, after so many answers."""
    _away[:] = [after, True]
    try:
        yield
    finally:
        _away[:] = [0, False]


class FakeServer:
    """A connection to it."""

    def __init__(self, address: Address) -> None:
        _answer("connect", address.server)

    def collection(self, name: str) -> FakeCollection:
        return FakeCollection(name)


class FakeCollection:
    """A dictionary of vectors."""

    def __init__(self, name: str) -> None:
        self.name = name

    def mark(self) -> str | None:
        _answer("mark", self.name)
        if self.name not in collections:
            return None
        rows, marks = collections[self.name]
        return marks[-1] if marks else "" if rows else None

    def begin(self, dim: int) -> None:
        _answer("begin", self.name)
        collections[self.name] = {}, []

    def write(
        self, ids: IdArray, vectors: FloatArray, gone: IdArray, mark: str | None = None
    ) -> None:
        _answer("write", self.name)
        rows, marks = collections[self.name]
        rows.update(zip(ids.tolist(), vectors, strict=True))
        sent.extend((self.name, number) for number in ids.tolist())
        for number in gone.tolist():
            rows.pop(number, None)
        if mark is not None:
            marks.append(mark)

    def settle(self) -> int:
        _answer("settle", self.name)
        return unsettled.pop(0) if unsettled else 0

    def count(self) -> int:
        _answer("count", self.name)
        return len(collections[self.name][0])

    def ids(self, start: int, end: int) -> IdArray:
        _answer("ids", self.name)
        return np.array(sorted(one for one in collections[self.name][0] if start <= one < end), int)

    def search(self, queries: FloatArray, k: int, among: Numbers | None = None) -> IdArray:
        _answer("search" if among is None else among.kind, self.name)
        rows = {one: row for one, row in collections[self.name][0].items() if _passes(one, among)}
        if not rows:
            return np.empty((len(queries), 0), np.int64)
        ids = np.array(list(rows), np.int64)
        best = np.argsort(-(queries @ np.stack(list(rows.values())).T), axis=1)[:, :k]
        found: IdArray = ids[best]
        return found

    def drop(self) -> None:
        _answer("drop", self.name)
        collections.pop(self.name, None)


def _passes(number: int, among: Numbers | None) -> bool:
    if among is None:
        return True
    if among.kind == "ranges":
        return any(first <= number <= last for first, last in among.ids.tolist())
    return bool((number in among.ids) == (among.kind == "in"))


def _answer(what: str, name: str) -> None:
    asked.append((what, name))
    if _away[1] and not _away[0]:
        raise ServerAwayError("it is away")
    _away[0] -= 1
