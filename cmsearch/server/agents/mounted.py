"""Agents over HTTP: the same tools as a part of the service, behind its guard."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from cmsearch.server.settings import Settings
from cmsearch.server.stores import Stores

PATH = "/mcp"
_MOST_BYTES = 2**20
"""Bytes of a call: a query and filters, and no files."""


def mount(app: FastAPI, stores: Stores, settings: Settings) -> AbstractAsyncContextManager[Any]:
    """Let an app answer agents at `PATH`, where the extra `mcp` is installed; gives what has to be
    entered while it answers.

    Each call is by itself, so that there is no session to keep, to hijack or to lose. Which hosts
    and origins may ask is the guard's, not the SDK's, which would know only this machine's names.
    """
    try:
        from mcp.server.transport_security import TransportSecuritySettings

        from cmsearch.server.agents.tools import make_agents
    except ImportError:  # there is no SDK, or one of before 2.0
        return nullcontext()
    server = make_agents(lambda: stores, settings.workers)
    own = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=True,
        max_request_body_size=_MOST_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    # A GET would be a stream on which nothing ever comes; clients know what 405 means.
    app.router.routes.extend(
        Route(PATH, route.endpoint, methods=["POST"])
        for route in own.routes
        if isinstance(route, Route)
    )
    return server.session_manager.run()
