"""Servers that are away, silent, or of another kind: a clear error soon, of each driver."""

from __future__ import annotations

import http.server
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.protocols import VectorCollection
from cmsearch.store.index import patient
from cmsearch.store.index.address import parsed
from cmsearch.store.index.servers import connected

LIBRARIES = {"milvus": "pymilvus", "qdrant": "qdrant_client", "pgvector": "psycopg"}
KINDS = [
    pytest.param(kind, marks=pytest.mark.skipif(not find_spec(one), reason=f"needs {one}"))
    for kind, one in LIBRARIES.items()
]
Port = AbstractContextManager[int]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(patient.VARIABLE, "0")
    monkeypatch.setenv("PGUSER", "postgres")


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """A port where each call is answered with the same, or hears nothing."""
    calls: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_all() -> None:
            while True:
                try:
                    call, _ = server.accept()
                except OSError:
                    return
                calls.append(call)
                if answer is not None:
                    call.sendall(answer)
                    call.close()

        threading.Thread(target=answer_all, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for call in calls:
            call.close()


@contextmanager
def closed() -> Iterator[int]:
    """A port where nobody is."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield int(one.getsockname()[1])


@contextmanager
def saying(message: bytes) -> Iterator[int]:
    """A server of gRPC that gives each request the same message."""
    import grpc

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: object) -> object:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: message)

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((Handler(),))
    port = int(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    yield port
    server.stop(None).wait()


@contextmanager
def giving(result: str) -> Iterator[int]:
    """A server of HTTP that gives each request the same result as JSON, as Qdrant does."""
    data = f'{{"result": {result}, "status": "ok", "time": 0}}'.encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *said: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def searched(kind: str, port: int) -> None:
    collection = connected(parsed(f"{kind}://127.0.0.1:{port}/photos"))("photos")
    collection.search(np.ones((2, 4), np.float32), 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "server",
    [
        closed,
        lambda: listening(b""),
        lambda: listening(None),
        lambda: listening(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>"),
        lambda: listening(b"\x1b[31m" + random.Random(0).randbytes(999)),
    ],
    ids=["nobody", "hangs up", "silent", "a page", "noise"],
)
def test_it_is_told_soon(
    kind: str, server: Callable[[], Port], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = import_module(f"cmsearch.store.index.{kind}")
    monkeypatch.setattr(driver, "_SECONDS", 1)
    if kind == "pgvector":
        monkeypatch.setattr(driver, "_CONNECTING", 2)
    with server() as port:
        began = time.monotonic()
        with pytest.raises(
            StoreError, match=f"{kind}://127.0.0.1:{port} .*--vectors faiss"
        ) as told:
            searched(kind, port)
        assert time.monotonic() - began < 120  # not for ever, however busy the machine is
    assert str(told.value).isprintable()


@pytest.mark.skipif(not find_spec("pymilvus"), reason="needs pymilvus")
@pytest.mark.parametrize("message", [b"", b"\x10\x01"])
def test_a_server_like_milvus_that_says_nothing_of_use(message: bytes) -> None:
    with saying(message) as port, pytest.raises(StoreError, match="0 lists of hits for 2 queries"):
        searched("milvus", port)


@pytest.mark.skipif(not find_spec("qdrant_client"), reason="needs qdrant_client")
@pytest.mark.parametrize(
    "result",
    [
        "null",
        "true",
        '{"points": 3}',
        "[]",
        '[{"points": [{"id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "version": 0, "score": 1}]}]',
        '[{"points": [{"id": 99999999999999999999999, "version": 0, "score": 1}]}]',
    ],
)
def test_a_server_like_qdrant_that_gives_something_else(result: str) -> None:
    with giving(result) as port, pytest.raises(StoreError, match="answers what isn't understood"):
        searched("qdrant", port)


def asked_all(collection: VectorCollection) -> Iterator[Callable[[], object]]:
    yield collection.mark
    yield collection.count
    yield lambda: collection.ids(1, 9)
    yield lambda: collection.begin(4)


@pytest.mark.skipif(not find_spec("qdrant_client"), reason="needs qdrant_client")
def test_whatever_is_asked_of_it() -> None:
    with giving("null") as port:
        collection = connected(parsed(f"qdrant://127.0.0.1:{port}/photos"))("photos")
        for ask in asked_all(collection):
            with pytest.raises(StoreError, match="answers what isn't understood"):
                ask()
