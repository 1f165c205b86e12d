"""What all routes of a service share."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from cmsearch.search.pages import Pages
from cmsearch.server.jobs import Jobs
from cmsearch.server.settings import Settings
from cmsearch.server.stores import Stores
from cmsearch.server.thumbnails import Thumbnails
from cmsearch.server.tokens import Attempts
from cmsearch.server.working import Work


@dataclass(frozen=True, slots=True)
class Context:
    """All that the routes work with."""

    stores: Stores
    settings: Settings
    work: Work
    thumbnails: Thumbnails
    pages: Pages = field(default_factory=Pages)
    jobs: Jobs = field(default_factory=Jobs)
    attempts: Attempts = field(default_factory=Attempts)


def of(request: Request) -> Context:
    """The context of the service that a request is made to."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found
