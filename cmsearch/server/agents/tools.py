"""The tools of agents under their titles, as a server."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Callable

from cmsearch.server.agents.judging import Judging
from cmsearch.server.agents.overview import Overview
from cmsearch.server.agents.pictures import Seeing
from cmsearch.server.agents.searching import Searching
from cmsearch.server.agents.server import AgentServer, make_server
from cmsearch.server.stores import Stores
from cmsearch.server.working import Work


def make_agents(opened: Callable[[], Stores], work: Work) -> AgentServer:
    """A server with all tools for the stores that `opened` gives."""
    searching = Searching(opened)
    seeing = Seeing(opened, searching)
    judging, overview = Judging(opened), Overview(opened)
    return make_server(
        {
            "Search the collection": searching.search_media,
            "Look at an item": seeing.view_item,
            "See many hits at once": seeing.contact_sheet,
            "Find what is like an item": searching.similar_to,
            "Say why a picture was found": judging.explain_hit,
            "Count what there is to filter by": overview.list_facets,
            "Say what a picture shows": judging.annotate,
            "Say what is indexed": overview.index_status,
        },
        work,
    )
