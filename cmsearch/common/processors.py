"""How many processors there are to use, and threads that use them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def cpu_count() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def threads(count: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads, one for each processor; an interruption doesn't wait for them.

    What they are at is in the hands of a decoder then, which nothing can stop.
    """
    pool = ThreadPoolExecutor(count or cpu_count())
    is_waited_for = True
    try:
        yield pool
    except Exception:
        raise
    except BaseException:
        is_waited_for = False
        raise
    finally:
        pool.shutdown(is_waited_for, cancel_futures=not is_waited_for)
