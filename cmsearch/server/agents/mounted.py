"""Agents over HTTP: the same tools as a part of the service, behind its guard."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from cmsearch.server.stores import Stores
from cmsearch.server.working import Work

PATH = "/mcp"
_MOST_BYTES = 2**20
"""Bytes of a call: a query and filters, and no files."""


def mount(app: FastAPI, stores: Stores, work: Work) -> AbstractAsyncContextManager[Any]:
    """Let an app answer agents at `PATH`, where the extra `mcp` is installed; gives what has to be
    entered while it answers.
    """
    if find_spec("mcp") is None or int(version("mcp").partition(".")[0]) < 2:
        return nullcontext()
    agents = _Agents(stores, work)
    # A GET would be a stream on which nothing ever comes; clients know what 405 means.
    app.router.routes.append(Route(PATH, agents, methods=["POST"]))
    return agents


class _Agents(AbstractAsyncContextManager[Any]):
    """The server of agents as an ASGI app, which is made at the first call: to import the SDK takes
    half a second of each start, and few ask.
    """

    def __init__(self, stores: Stores, work: Work) -> None:
        self._stores = stores
        self._work = work
        self._starting = asyncio.Lock()
        self._ended = asyncio.Event()
        self._app: Any = None
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a call."""
        async with self._starting:
            if self._app is None:
                server, app = await asyncio.to_thread(self._made)
                started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._running = asyncio.create_task(self._run(server, started))
                await started
                self._app = app
        await self._app(scope, receive, send)

    async def __aexit__(self, *error: object) -> None:
        """Answer no more."""
        self._ended.set()
        if self._running is not None:
            await self._running

    async def _run(self, server: Any, started: asyncio.Future[None]) -> None:
        """Let the server run until this ends: it has to be left by the task that entered it."""
        async with server.session_manager.run():
            started.set_result(None)
            await self._ended.wait()

    def _made(self) -> tuple[Any, Any]:
        """The server, and what answers its calls.

        Each call is by itself, so that there is no session to keep, to hijack or to lose. Which
        hosts and origins may ask is the guard's, not the SDK's, which would know only this
        machine's names.
        """
        from mcp.server.transport_security import TransportSecuritySettings

        from cmsearch.server.agents.tools import make_agents

        server = make_agents(lambda: self._stores, self._work)
        app = server.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            json_response=True,
            max_request_body_size=_MOST_BYTES,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        (route,) = [one for one in app.routes if isinstance(one, Route)]
        return server, route.endpoint
