"""A model hub on this machine that has what a test gives it, and lies as the test says."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from huggingface_hub import constants

from cmsearch.models import receiving
from tests.servers import serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENDLESS = 200
"""Chunks of 64 KiB after which an endless answer ends all the same."""


@dataclass
class Hub:
    """Repositories by name, each with its files by name, and what is done with them."""

    repositories: dict[str, dict[str, bytes]]
    licence: str = "mit"
    announced: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the list says otherwise of a file, by its name."""
    lies: dict[str, list[str]] = field(default_factory=dict)
    """By the name of a file what is done at each request: `whole`, `short`, `other`, `endless`,
    `slow`, `deaf`, `elsewhere`, `broken`, `gone`, `round`, `unsafe`; the last is done ever after.
    """
    listing: str = "whole"
    elsewhere: str = ""
    """Where files are sent for that are `elsewhere`."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, range and token of each request."""
    address: str = ""
    fetched: set[str] = field(default_factory=set)
    """The names of the files whose bytes were asked for."""


class Answers(BaseHTTPRequestHandler):
    """What a hub answers to one request."""

    hub: ClassVar[Hub]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        token = self.headers.get("Authorization", "")
        self.hub.asked.append((path, self.headers.get("Range", ""), token))
        owner, name, *rest = path.removeprefix("api/models/").split("/")
        files = self.hub.repositories.get(f"{owner}/{name}")
        if files is None:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif path.startswith("api/models/"):
            self._list(f"{owner}/{name}", files)
        else:
            self._file(files, "/".join(rest[2:]))

    def _list(self, name: str, files: dict[str, bytes]) -> None:
        if self.hub.listing == "endless":
            self._endless()
        elif self.hub.listing == "broken":
            self._send(500, b"oops")
        elif self.hub.listing == "nonsense":
            self._send(200, b"<html>")
        else:
            siblings = [self._sibling(one, data) for one, data in files.items()]
            tags = [f"license:{self.hub.licence}"] if self.hub.licence else []
            found = {"id": name, "sha": COMMIT, "siblings": siblings, "tags": tags}
            self._send(200, json.dumps(found).encode())

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": digest}
        if name.endswith((".safetensors", ".bin")):
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        return entry | self.hub.announced.get(name, {})

    def _file(self, files: dict[str, bytes], name: str) -> None:
        if self.command == "GET":
            self.hub.fetched.add(name)
        lies = self.hub.lies.get(name, ["whole"])
        lie = lies.pop(0) if len(lies) > 1 else lies[0]
        data = files.get(name)
        if data is None or lie == "gone":
            self._send(404, b"not here")
        elif lie == "broken":
            self._send(500, b"oops")
        elif lie == "endless":
            self._endless()
        elif lie in ("elsewhere", "round", "unsafe"):
            to = {"elsewhere": f"{self.hub.elsewhere}{self.path}", "round": self.path}
            self._send(302, b"", {"Location": to.get(lie, "file:///etc/passwd")})
        else:
            self._body(data, lie)

    def _body(self, data: bytes, lie: str) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        end = len(data) - 1
        if start and lie != "deaf":
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        else:
            start = 0
            self.send_response(200)
        sent = data[start:] if lie != "other" else bytes(len(data) - start)
        self.send_header("Content-Length", str(len(sent)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "HEAD":
            return
        if lie == "slow":
            for at in range(len(sent)):
                self.wfile.write(sent[at : at + 1])
                time.sleep(0.05)
        self.wfile.write(sent[: len(sent) // 2] if lie == "short" else sent)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(ENDLESS):
            self.wfile.write(b" " * 2**16)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # who asked has left
            return


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a free port."""
    with serving(type("OwnAnswers", (Answers,), {"hub": hub})) as address:
        hub.address = address
        yield hub


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has nothing yet, which is the one that is asked; an empty cache, no patience."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(receiving, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with running(Hub({})) as one:
        monkeypatch.setattr(constants, "ENDPOINT", one.address)
        yield one
