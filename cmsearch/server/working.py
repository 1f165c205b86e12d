"""Work for requests: by a few threads, of which a few wait, and none for a client that has left."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

from fastapi import Request

from cmsearch.errors import CmsearchError
from cmsearch.server.errors import BusyError

T = TypeVar("T")


class LeftError(CmsearchError):
    """The client that asked has left."""


class Work:
    """Runs the work of requests in `workers` threads, while at most `waiting` others wait."""

    def __init__(self, workers: int, waiting: int) -> None:
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
        """What `work` gives. It is handed a function that raises where the client has left, to
        call between its steps. Raises `BusyError` where too many wait.
        """
        if self._inside >= self.room:
            raise BusyError("Too much is asked at once. Ask again in a second.")
        left = Event()

        def check() -> None:
            if left.is_set():
                raise LeftError("The client has left.")

        def begun() -> T:
            check()
            return work(check)

        self._inside += 1
        try:
            done = asyncio.get_running_loop().run_in_executor(self._pool, begun)
            watch = asyncio.ensure_future(_gone(request, left))
            try:
                return await done
            finally:
                watch.cancel()
        finally:
            self._inside -= 1

    def close(self) -> None:
        """End the threads once they have done what they do."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _gone(request: Request, left: Event) -> None:
    """Note when the client leaves; the body has been read before."""
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await request.receive()
    left.set()
