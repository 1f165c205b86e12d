"""How many processors there are to use, threads that use them, and leaving them to others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

POLITE = 10
"""How much a process that gives way leaves the processors to others, as `nice` has it."""


def give_way() -> None:
    """Let this process have only what others leave of the processors: all, where nobody else works.

    For the start of a process: threads that run already stay as they are. Where a terminal's
    processes share the processors as one with those of others, as on Linux, that sees to others of
    the same terminal; of a process that leads a session of its own, as a service's jobs do, to all.
    """
    with suppress(AttributeError, OSError):  # as on Windows
        os.nice(max(0, POLITE - os.nice(0)))
    with suppress(AttributeError, OSError):  # nobody is interrupted as this wakes
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    _share(os.getpid(), POLITE)


def give_way_no_more(process: int) -> None:
    """Let a process that gave way have as much as others again, as far as the system allows it: one
    that is to end would take long to, where others are at work.
    """
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, process, 0)
    _share(process, 0)


def _share(process: int, nice: int) -> None:
    """Say how much a session leaves to others, if a process leads one."""
    with suppress(AttributeError, OSError):
        if os.getsid(process) == process:
            group = Path(f"/proc/{process}/autogroup")
            group.write_text(str(nice), encoding="ascii")


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
