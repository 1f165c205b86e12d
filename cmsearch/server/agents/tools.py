"""The tools of agents under their titles, as a server."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Callable

from cmsearch.server.agents.pictures import Seeing
from cmsearch.server.agents.searching import Searching
from cmsearch.server.agents.server import AgentServer, make_server
from cmsearch.server.stores import Stores


def make_agents(opened: Callable[[], Stores], workers: int) -> AgentServer:
    """A server with all tools for the stores that `opened` gives."""
    searching = Searching(opened)
    seeing = Seeing(opened, searching)
    return make_server(
        {
            "Search the collection": searching.search_media,
            "Look at an item": seeing.view_item,
            "See many hits at once": seeing.contact_sheet,
            "Find what is like an item": searching.similar_to,
        },
        workers,
    )
