"""The errors of those who are asked by others: what isn't there, and what can't wait."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from cmsearch.errors import CmsearchError


class NotThereError(CmsearchError):
    """What a request names isn't there: an item, a store, a job."""


class NotTrustedError(CmsearchError):
    """What a request asks for would be read because a store says so, which nobody trusts."""


class BusyError(CmsearchError):
    """More is asked than can wait."""


class StoppedError(CmsearchError):
    """The work was stopped before it was done; nothing is wrong with what it was done with."""


class LeftError(StoppedError):
    """Whoever asked has left."""


class LateError(StoppedError):
    """It would take longer than it may."""
