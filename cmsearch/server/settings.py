"""What a service may do, and how much of it."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The bounds and the guards of a service."""

    token: str | None = None
    """What has to be shown with each request; None asks for nothing."""
    hosts: frozenset[str] = LOOPBACK
    """The names by which it may be called, as the `Host` of a request has them, without a port."""
    addresses: bool = False
    """Whether it may be called by any address too: names can be made to lead here, these can't."""
    workers: int = 4
    """Requests that are worked on at once."""
    waiting: int = 64
    """Requests that may wait for a worker; more are turned away."""
    most_bytes: int = 64 * 2**20
    """The largest body of a request, in bytes."""
    seconds: float = 30.0
    """How long a request may take to arrive."""
    work_seconds: float = 60.0
    """How long a request may wait and be worked on."""
    most_hits: int = 500
    """Hits of one page."""
    thumbnails: int = 2**30
    """Bytes of thumbnails that are kept in the user's cache."""
