"""How a service speaks HTTP: as uvicorn does, with times in which heads come and answers go."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from cmsearch.server.problems import problem

MOST = 1000
"""Connections at once; one more is closed."""
LONGEST = 2**17
"""Bytes of a head: the longest text that may be searched for, as a link has it."""


class Protocol(H11Protocol):
    """HTTP/1.1 that waits for nobody without end."""

    head_seconds = 10.0
    """For the head of a request to come, from the opening of a connection or its first byte."""
    stalled_seconds = 60.0
    """In which a client that reads its answer takes something of it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head, unless too many are here."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._waits_no_more()
        self._is_read()

    def handle_events(self) -> None:
        """Take what came, and wait for the rest of a head that has begun."""
        super().handle_events()
        is_asking = self.cycle is not None and not self.cycle.response_complete
        if is_asking or self.conn.their_state is not h11.IDLE:
            self._waits_no_more()
        elif self._waiting is None and self.conn.trailing_data[0]:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answer as all problems are answered, and close."""
        said = f"The head of the request is no HTTP/1.1, or longer than {LONGEST // 2**10} KiB."
        answer = problem(400, said, {"Connection": "close"})
        told = h11.Response(status_code=400, headers=answer.raw_headers, reason=b"Bad Request")
        for event in (told, h11.Data(data=answer.body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def pause_writing(self) -> None:
        """Give a client some time to read."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._is_read()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _waits_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _is_read(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
