"""Work that stops between two of its steps, once whoever it is done for doesn't want it any more.

The steps ask here, so that nobody between them and the one who knows has to hand anything down.
"""

# Tested by tests/unit/cmsearch/common/test_stopping.py

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def stopped_by(check: Callable[[], None]) -> Iterator[None]:
    """Within this, the steps of work in this thread call `check`, which raises to stop it."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check() -> None:
    """Raise if the work is to stop; it costs next to nothing."""
    own = _check.get()
    if own is not None:
        own()
