"""Ctrl-C ends a command at once, whatever is being decoded: no decoder can be asked to stop."""

# Tested by tests/e2e/test_interruption.py

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUDGE = 0.1
"""Seconds after which the main thread is woken, which may have begun to wait for something just
after the signal: a prompt would see it with the next key only.
"""
PATIENCE = 1.0
"""Seconds after which an interruption that Python hasn't come to see ends the process."""
MESSAGE = "Interrupted. What was indexed is kept; run the command again to go on."


@contextmanager
def attended() -> Iterator[None]:
    """Within this, an interruption ends the process even while its main thread is in a decoder.

    Nothing is done where interruptions are ignored, or somebody else sees to them.
    """
    is_ours = (
        os.name != "nt"  # there the wake-up is a socket's
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield
        return
    seen = threading.Event()

    def see(number: int, frame: FrameType | None) -> None:
        seen.set()
        signal.default_int_handler(number, frame)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    waking = signal.signal(signal.SIGURG, lambda *_: None)
    signal.signal(signal.SIGINT, see)
    threading.Thread(target=_watch, args=(reading, seen), daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGURG, waking)
        signal.set_wakeup_fd(before)
        os.close(writing)


def end_if_busy(status: int, before: set[threading.Thread]) -> None:
    """End the process where threads are at work that weren't there `before`: an exit waits for
    them. They only read: what is written, the main thread has written.
    """
    started = set(threading.enumerate()) - before
    if any(not one.daemon for one in started):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _watch(reading: int, seen: threading.Event) -> None:
    """End the process where an interruption isn't seen in time."""
    main = threading.main_thread().ident
    while number := os.read(reading, 1):
        if number[0] != signal.SIGINT:
            continue
        if main and not seen.wait(_NUDGE):
            signal.pthread_kill(main, signal.SIGURG)
        if not seen.wait(PATIENCE):
            os.write(2, f"Error: {MESSAGE}\n".encode())
            os._exit(1)
        seen.clear()
    os.close(reading)
