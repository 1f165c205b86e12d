"""Queries that are asked at the same time are encoded as one batch."""

# Tested by tests/unit/cmsearch/server/test_batching.py

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from time import perf_counter

from cmsearch.common import stopping
from cmsearch.errors import CmsearchError
from cmsearch.search.engine import Encoded
from cmsearch.types import Query

MOST = 16
"""Queries of a batch at most: of more each takes hardly less, and the first waits for all."""
Encode = Callable[[Sequence[Query]], Sequence[Encoded]]


@dataclass(frozen=True, slots=True, eq=False)
class Coming:
    """A query that will be asked for: what gives it, whether others can wait for it, and what it
    becomes.
    """

    query: Callable[[], Query]
    is_quick: bool = True
    done: Future[Encoded] = field(default_factory=Future)


class Batching:
    """Encodes queries for threads: the first that asks for its own has all encoded with it that are
    coming, and those of other threads wait for these. Nobody waits for queries that may not come.

    `sizes` counts the encodings by how many queries each had; they took `seconds` together.
    """

    def __init__(self, encode: Encode, most: int = MOST) -> None:
        self._encode = encode
        self._most = most
        self._changed = Condition()
        self._is_encoding = False
        self._coming: dict[Coming, None] = {}
        self.sizes: Counter[int] = Counter()
        self.seconds = 0.0

    @contextmanager
    def coming(self, query: Callable[[], Query], *, is_quick: bool = True) -> Iterator[Coming]:
        """Say of what a function gives that it will be asked for within, by `of`: so a request that
        waits for its turn is encoded with those before it, if it `is_quick`, as texts are. The
        function is called once, by any thread.
        """
        own = Coming(query, is_quick)
        with self._changed:
            self._coming[own] = None
        try:
            yield own
        finally:
            with self._changed:
                self._coming.pop(own, None)

    def encoded(self, query: Query) -> Encoded:
        """The query as vectors. Raises what encoding it by itself raises."""
        with self.coming(lambda: query) as own:
            return self.of(own)

    def of(self, own: Coming) -> Encoded:
        """What is coming as vectors. Raises what giving and encoding it by itself raises."""
        while not own.done.done():
            batch = self._next(own)
            if batch:
                try:
                    self._answer(batch)
                finally:
                    with self._changed:
                        self._is_encoding = False
                        self._changed.notify_all()
        return own.done.result()

    def _next(self, own: Coming) -> Sequence[Coming]:
        """What is coming, once nobody else encodes; nothing where `own` was encoded meanwhile."""
        with self._changed:
            # To wait for a lock would be to wait for the next batch, too, once the own is done.
            self._changed.wait_for(lambda: own.done.done() or not self._is_encoding)
            if own.done.done():
                return ()
            self._is_encoding = True
            others = [one for one in self._coming if one.is_quick and one is not own]
            batch = [own, *others[: self._most - 1 if own.is_quick else 0]]
            for one in batch:
                self._coming.pop(one, None)  # nobody may wait for the own any more
            return batch

    def _answer(self, batch: Sequence[Coming]) -> None:
        queries = []
        with stopping.stopped_by(lambda: None):  # what ends the one isn't to end the others
            for one in batch:
                try:
                    queries.append((one, one.query()))
                except BaseException as error:
                    one.done.set_exception(error)
            self._answer_queries(queries)

    def _answer_queries(self, batch: Sequence[tuple[Coming, Query]]) -> None:
        if not batch:
            return
        try:
            rows = self._measured([query for _, query in batch])
        except CmsearchError as error:
            if len(batch) > 1:  # one of them is wrong; the others aren't to suffer
                for one in batch:
                    self._answer_queries([one])
            else:
                batch[0][0].done.set_exception(error)
        except BaseException as error:
            for own, _ in batch:
                own.done.set_exception(error)
        else:
            for (own, _), row in zip(batch, rows, strict=True):
                own.done.set_result(row)

    def _measured(self, queries: Sequence[Query]) -> Sequence[Encoded]:
        begun = perf_counter()
        try:
            return self._encode(queries)
        finally:
            self.sizes[len(queries)] += 1
            self.seconds += perf_counter() - begun
