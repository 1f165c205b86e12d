"""A server on loopback that answers as Google's Cloud Storage does, as far as it is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CHANGED = "2026-01-02T03:04:05.678Z"


class GoogleStorage(ThreadingHTTPServer):
    """One bucket: `objects` are the bytes and the generation of each name."""

    daemon_threads = True

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    def described(self, name: str) -> dict[str, Any]:
        """What is said of an object."""
        data, generation = self.objects[name]
        size, number = str(len(data)), str(generation)
        return {"name": name, "size": size, "updated": CHANGED, "generation": number}

    def listed(self, prefix: str) -> dict[str, Any]:
        """The objects of a folder, and those in it."""
        below = [name for name in self.objects if name.startswith(prefix)]
        own = [name for name in below if "/" not in name[len(prefix) :]]
        folders = {prefix + name[len(prefix) :].split("/")[0] + "/" for name in {*below} - {*own}}
        return {"items": [self.described(name) for name in own], "prefixes": sorted(folders)}


class _Handler(BaseHTTPRequestHandler):
    server: GoogleStorage

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        name = unquote(address.path.partition("/o/")[2])
        if not name:
            self._answer(200, json.dumps(self.server.listed(asked["prefix"][0])).encode())
        elif name not in self.server.objects:
            self._answer(404, b'{"error": {"code": 404, "message": "No such object"}}')
        elif asked.get("alt") == ["media"]:
            self._answer(200, self.server.objects[name][0])
        else:
            self._answer(200, json.dumps(self.server.described(name)).encode())

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@contextmanager
def google_storage() -> Iterator[GoogleStorage]:
    """A server that runs meanwhile."""
    with GoogleStorage() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
