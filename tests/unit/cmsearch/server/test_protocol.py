"""Clients that ask or read slowly are waited for, but not without end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cmsearch.server import protocol

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
LARGE = 32 * 2**20


class Impatient(protocol.Protocol):
    head_seconds = 0.3
    stalled_seconds = 0.3


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with much, or with little."""
    body = bytes(LARGE) if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[str, int]]:
    """Where a service that waits for nobody answers."""
    with serving(Impatient) as place:
        yield place


@contextlib.contextmanager
def serving(own: type[protocol.Protocol]) -> Iterator[tuple[str, int]]:
    """Where a service of a protocol answers."""
    import uvicorn

    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", http=own)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(60)


def connected(place: tuple[str, int]) -> socket.socket:
    return socket.create_connection(place, timeout=60)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other end closes, without an answer."""
    with contextlib.suppress(ConnectionError):
        return connection.recv(1000) == b""
    return True


@pytest.mark.parametrize("sent", [b"", b"G", HEAD])
def test_a_head_that_never_ends_is_not_waited_for(place: tuple[str, int], sent: bytes) -> None:
    with connected(place) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_drops_of_a_head_win_no_time(place: tuple[str, int]) -> None:
    with connected(place) as connection, pytest.raises(ConnectionError):
        for _ in range(1_200):  # a minute
            connection.sendall(b"G")
            time.sleep(0.05)


def is_answered(connection: socket.socket) -> bool:
    """Whether a request is answered; a machine that was busy may have sent its head too late."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        connection.sendall(HEAD + b"\r\n")
        while piece := connection.recv(1000):
            answer += piece
            if answer.endswith(b"ok"):
                return True
    return False


def test_the_next_head_of_a_connection_neither(place: tuple[str, int]) -> None:
    for _ in range(20):
        with connected(place) as connection:
            if is_answered(connection):
                time.sleep(0.4)  # what is idle is kept for longer
                if is_answered(connection):
                    connection.sendall(HEAD)
                    assert is_closed(connection)
                    return
    pytest.fail("what is idle isn't kept")


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    lost = threading.Event()

    class Own(Impatient):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    with serving(Own) as place, connected(place) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert lost.wait(60)
        size = 0
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(2**20):
                size += len(piece)
        assert size < LARGE


def test_more_connections_than_there_may_be_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST", 3)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(serving(protocol.Protocol))
        held = [stack.enter_context(connected(place)) for _ in range(5)]
        for one in held:
            with contextlib.suppress(ConnectionError):
                one.sendall(HEAD + b"\r\n")
        assert sum(not is_closed(one) for one in held) == 3
