"""The other side of `cmsearch.common.workers`: a process that answers requests, within bounds.

A thread watches the clock and ends the process, whose parent starts another one.
"""

# Tested by tests/unit/cmsearch/media/test_pdfium.py

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cmsearch.common.workers import IDLE, OUT_OF_TIME

REST = 10.0
"""Seconds for which it waits for another request."""
MEMORY = 2 * 2**30
"""Bytes that it may use, where the system can limit them."""
Answer = Callable[[dict[str, Any], bytes], None]
"""Gives the head and the content of an answer to the parent."""


class Watch:
    """Ends the process when what it does takes longer than it may."""

    def __init__(self) -> None:
        self._end, self._code = float("inf"), 0
        self._parent = os.getppid()
        threading.Thread(target=self._run, daemon=True).start()

    @contextmanager
    def within(self, seconds: float, code: int = OUT_OF_TIME) -> Iterator[None]:
        """End the process with `code` if the block takes longer than `seconds`."""
        self._end, self._code = time.monotonic() + seconds, code
        try:
            yield
        finally:
            self._end = float("inf")

    def _run(self) -> None:
        while True:
            time.sleep(0.05)
            if os.getppid() != self._parent:  # it was interrupted, or killed
                os._exit(0)
            if time.monotonic() > self._end:
                os._exit(self._code)


def serve(
    answered: Callable[[dict[str, Any], Watch, Answer], None],
    rest: float = REST,
    memory: int = MEMORY,
) -> None:
    """Answer requests until there are no more."""
    _limit_memory(memory)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    watch = Watch()

    def answer(head: dict[str, Any], content: bytes = b"") -> None:
        answers.write(json.dumps({**head, "bytes": len(content)}).encode() + b"\n")
        answers.write(content)
        answers.flush()

    while True:
        with watch.within(rest, IDLE):
            line = requests.readline()
        if not line:
            return
        answered(json.loads(line), watch, answer)
        answer({})


def _limit_memory(memory: int) -> None:
    try:
        import resource
    except ImportError:  # as on Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
