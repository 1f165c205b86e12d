"""Generators that keep processors busy without running ahead of what is wanted."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def ordered_map(
    function: Callable[[In], Out], inputs: Iterable[In], pool: Executor, ahead: int
) -> Iterator[Out]:
    """`map` on a pool, in order, with at most `ahead` inputs taken before their turn."""
    waiting: deque[Future[Out]] = deque()
    try:
        for value in inputs:
            waiting.append(pool.submit(function, value))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class Stopped(Exception):  # noqa: N818 - it is no error
    """Ends work on another thread that nobody waits for any more."""


class Counter:
    """Counts what is done of a total that grows as files turn out to hold many items.

    It tells of both, and of what takes long; threads may call it. Use it in a `with` block: work
    that tells of itself after its end is ended, so that an interruption doesn't wait for it.
    """

    def __init__(self, total: int, tell: Callable[[int, int, str], object]) -> None:
        self._done, self._total, self._tell = 0, total, tell
        self._lock = Lock()
        self._is_over = False
        tell(0, total, "")

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over = True

    def found(self, more: int) -> None:
        """Add to the number of what there is to do."""
        self._total += more

    def advance(self, done: int) -> None:
        """Count what is done, and tell of it."""
        with self._lock:
            self._done += done
            self._tell(self._done, self._total, "")

    def note(self, what: str) -> None:
        """Tell what is going on at the moment; raises `Stopped` where nobody waits for it."""
        with self._lock:
            if self._is_over:
                raise Stopped
            self._tell(self._done, self._total, what)


_POOLED = ("read", "encode")


class Clock:
    """Adds up what each stage takes over all threads: its wall time, its processor time, and how
    much it did.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.done: dict[str, int] = defaultdict(int)
        self._lock = Lock()

    @contextmanager
    def __call__(self, stage: str, done: int = 0) -> Iterator[None]:
        start, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            took, used = time.perf_counter() - start, time.thread_time() - cpu
            with self._lock:
                self.seconds[stage] += took
                self.cpu[stage] += used
                self.done[stage] += done

    def rates(self, threads: int) -> dict[str, float]:
        """How much a second each stage did, or would do by itself, on so many threads."""
        return {
            stage: round(self.done[stage] / seconds, 1)
            for stage, seconds in self._shares(threads).items()
            if self.done[stage] and seconds > 0
        }

    def bound(self, threads: int) -> str:
        """The stage that the run took longest for; reading and encoding share their threads."""
        shares = self._shares(threads)
        own = {stage: seconds for stage, seconds in shares.items() if stage not in _POOLED}
        pooled = {stage: shares[stage] for stage in _POOLED if stage in shares}
        most = max(own, key=own.__getitem__, default="")
        if pooled and sum(pooled.values()) >= own.get(most, 0.0):
            return max(pooled, key=pooled.__getitem__)
        return most

    def _shares(self, threads: int) -> dict[str, float]:
        """The wall time of each stage on one thread, or on all of them where it has them."""
        return {
            stage: seconds / (threads if stage in _POOLED else 1)
            for stage, seconds in self.seconds.items()
        }
