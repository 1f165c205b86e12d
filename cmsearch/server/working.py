"""Work for requests: by a few threads, of which a few wait, for as long as it may take and somebody
waits for the answer.
"""

# Tested by tests/unit/cmsearch/server/test_working.py

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from cmsearch.common import stopping
from cmsearch.server.errors import BusyError, LateError, LeftError

if TYPE_CHECKING:
    from fastapi import Request

T = TypeVar("T")


class Work:
    """Runs the work of requests in `workers` threads, while at most `waiting` others wait, each for
    at most so many seconds, those that it waited included.
    """

    def __init__(self, workers: int, waiting: int, seconds: float) -> None:
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="cmsearch-serve")
        self._workers = workers
        self._inside = 0
        self.room = workers + waiting
        """Requests that may be worked on or wait."""

    @property
    def running(self) -> int:
        """Requests that are worked on."""
        return min(self._inside, self._workers)

    @property
    def waiting(self) -> int:
        """Requests that wait for a worker."""
        return self._inside - self.running

    async def run(self, request: Request, work: Callable[[Callable[[], None]], T]) -> T:
        """What `work` gives. It is handed a function to call between its steps, which raises where
        the client has left or the time is over; the steps of a search do so, too.

        Raises as `call` does.
        """
        left = Event()
        watch = asyncio.ensure_future(_gone(request, left))
        try:
            return await self.call(work, left)
        finally:
            watch.cancel()

    async def call(self, work: Callable[[Callable[[], None]], T], left: Event | None = None) -> T:
        """The same for who sets `left` where nobody waits for it any more, or cancels this.

        Raises `BusyError` where too many wait, and `LateError` once the time is over: what can't
        be stopped then goes on, and counts as at work, but nobody waits for it.
        """
        if self._inside >= self.room:
            raise BusyError("Too much is asked at once. Ask again in a second.")
        gone, end = left or Event(), monotonic() + self._seconds

        def check() -> None:
            if gone.is_set():
                raise LeftError("The client has left.")
            if monotonic() > end:
                raise self._late()

        def begun() -> T:
            check()
            with stopping.stopped_by(check):
                return work(check)

        self._inside += 1
        done = asyncio.get_running_loop().run_in_executor(self._pool, begun)
        done.add_done_callback(self._ended)
        try:
            await asyncio.wait({done}, timeout=self._seconds)
        except asyncio.CancelledError:
            gone.set()
            raise
        if not done.done():
            raise self._late()
        return done.result()

    def _ended(self, done: asyncio.Future[Any]) -> None:
        self._inside -= 1
        if not done.cancelled():
            done.exception()  # it was asked for, if nobody else does

    def _late(self) -> LateError:
        return LateError(
            f"The request wasn't done within {self._seconds:g} seconds and was stopped. Ask for "
            "less at once, such as a smaller k or depth, or again when less is asked here."
        )

    def close(self) -> None:
        """End the threads once they have done what they do."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _gone(request: Request, left: Event) -> None:
    """Note when the client leaves; the body has been read before."""
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await request.receive()
    left.set()
