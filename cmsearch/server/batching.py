"""Queries that are asked at the same time are encoded as one batch."""

# Tested by tests/unit/cmsearch/server/test_batching.py

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition
from time import perf_counter

from cmsearch.errors import CmsearchError
from cmsearch.search.engine import Encoded
from cmsearch.types import Query

MOST = 32
Encode = Callable[[Sequence[Query]], Sequence[Encoded]]


class Batching:
    """Encodes queries for threads: one that comes while others are encoded waits for these, and
    then goes with all that have come meanwhile. Nobody waits for queries that may not come.

    `sizes` counts the encodings by how many queries each had; they took `seconds` together.
    """

    def __init__(self, encode: Encode, most: int = MOST) -> None:
        self._encode = encode
        self._most = most
        self._changed = Condition()
        self._is_encoding = False
        self._waiting: list[tuple[Query, Future[Encoded]]] = []
        self.sizes: Counter[int] = Counter()
        self.seconds = 0.0

    def encoded(self, query: Query) -> Encoded:
        """The query as vectors. Raises what encoding it by itself raises."""
        own: Future[Encoded] = Future()
        with self._changed:
            self._waiting.append((query, own))
        while not own.done():
            batch = self._next(own)
            if batch:
                try:
                    self._answer(batch)
                finally:
                    with self._changed:
                        self._is_encoding = False
                        self._changed.notify_all()
        return own.result()

    def _next(self, own: Future[Encoded]) -> Sequence[tuple[Query, Future[Encoded]]]:
        """What waits, once nobody else encodes; nothing where `own` was encoded meanwhile."""
        with self._changed:
            # To wait for a lock would be to wait for the next batch, too, once the own is done.
            self._changed.wait_for(lambda: own.done() or not self._is_encoding)
            if own.done():
                return ()
            self._is_encoding = True
            batch = self._waiting[: self._most]
            del self._waiting[: self._most]
            return batch

    def _answer(self, batch: Sequence[tuple[Query, Future[Encoded]]]) -> None:
        try:
            rows = self._measured([query for query, _ in batch])
        except CmsearchError as error:
            if len(batch) > 1:  # one of them is wrong; the others aren't to suffer
                for one in batch:
                    self._answer([one])
            else:
                batch[0][1].set_exception(error)
        except BaseException as error:
            for _, own in batch:
                own.set_exception(error)
        else:
            for (_, own), row in zip(batch, rows, strict=True):
                own.set_result(row)

    def _measured(self, queries: Sequence[Query]) -> Sequence[Encoded]:
        begun = perf_counter()
        try:
            return self._encode(queries)
        finally:
            self.sizes[len(queries)] += 1
            self.seconds += perf_counter() - begun
