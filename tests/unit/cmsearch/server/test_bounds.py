"""What comes slowly is refused, and so is more than can wait."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import Any

import pytest
from fastapi import Request

from cmsearch.server.app import make_app
from cmsearch.server.errors import BusyError
from cmsearch.server.guard import Guard
from cmsearch.server.settings import Settings
from cmsearch.server.stores import Stores
from cmsearch.server.working import Work

SCOPE = {
    "type": "http", "method": "POST", "path": "/v1/search", "raw_path": b"/v1/search",
    "query_string": b"", "root_path": "", "http_version": "1.1", "scheme": "http",
    "headers": [(b"host", b"localhost"), (b"content-length", b"100")],
}  # fmt: skip


async def never() -> Any:
    """A client that says nothing more."""
    await asyncio.Event().wait()


def test_a_body_that_comes_too_slowly_is_refused() -> None:
    async def asked() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        app = make_app(Stores({}), Settings(seconds=0.05))
        await app(dict(SCOPE), never, send)
        return sent

    start, body, *_ = asyncio.run(asked())
    assert start["status"] == 408
    assert b"took longer than 0.05 seconds" in body["body"]
    assert (b"connection", b"close") in start["headers"]


def test_what_fails_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(*_: Any) -> None:
        raise KeyError("x")

    async def guarded() -> None:
        await Guard(failing, Settings())(dict(SCOPE), never, never)

    asyncio.run(guarded())
    (said,) = [record for record in caplog.records if record.name == "cmsearch.server"]
    assert said.getMessage().startswith("A request failed: KeyError: 'x' (")
    assert said.exc_info is None


def test_more_than_can_wait_is_turned_away() -> None:
    async def asked() -> None:
        work, goes_on = Work(1, 1, 60), Event()
        held = [
            asyncio.ensure_future(work.run(Request(SCOPE, never), lambda _: goes_on.wait(60)))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="Ask again"):
            await work.run(Request(SCOPE, never), lambda _: None)
        goes_on.set()
        assert await asyncio.gather(*held) == [True, True]
        assert await work.run(Request(SCOPE, never), lambda _: 7) == 7
        work.close()

    asyncio.run(asked())
