"""What all routes of a service share."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from cmsearch.server.settings import Settings
from cmsearch.server.stores import Stores
from cmsearch.server.thumbnails import Thumbnails
from cmsearch.server.working import Work


@dataclass(frozen=True, slots=True)
class Context:
    """The stores, the settings, the threads and the thumbnails of a service."""

    stores: Stores
    settings: Settings
    work: Work
    thumbnails: Thumbnails


def of(request: Request) -> Context:
    """The context of the service that a request is made to."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found
