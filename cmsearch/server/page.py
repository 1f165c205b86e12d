"""The page that the service shows, and the files that it is made of."""

# Tested by tests/e2e/page/test_page.py

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from cmsearch.server.errors import NotThereError

router = APIRouter(include_in_schema=False)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


class _File(NamedTuple):
    data: bytes
    packed: bytes
    media_type: str
    tag: str


def _files(folder: Traversable, prefix: str = "") -> dict[str, _File]:
    """All files of a folder by their paths in it."""
    found: dict[str, _File] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _files(entry, f"{prefix}{entry.name}/")
        else:
            found[prefix + entry.name] = _file(entry)
    return found


def _file(entry: Traversable) -> _File:
    data = entry.read_bytes()
    suffix = entry.name[entry.name.rfind(".") :]
    kind = _TYPES.get(suffix) or mimetypes.guess_type(entry.name)[0]
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    return _File(data, gzip.compress(data, 9, mtime=0), kind or "text/plain", tag)


FILES = {
    **_files(resources.files("cmsearch.server") / "page"),
    "colours.css": _file(resources.files("cmsearch.show") / "pages" / "colours.css"),
}
"""All files of the page; only these are given, so that no path leads anywhere. Its colours are
those of the pages that are written to files.
"""


@router.get("/")
def index(request: Request) -> Response:
    """The page."""
    return _answer(request, FILES["index.html"])


@router.get("/page/{name:path}")
def part(request: Request, name: str) -> Response:
    """A file of the page. Raises `NotThereError`."""
    if name not in FILES:
        raise NotThereError("The page has no such file.")
    return _answer(request, FILES[name])


def _answer(request: Request, file: _File) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    content = file.packed if is_packed else file.data
    return Response(content, headers=headers, media_type=file.media_type)
