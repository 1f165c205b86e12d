"""The routes that give several files as one: as a ZIP archive, or small, as a contact sheet."""

# Tested by tests/e2e/server/test_saving.py

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from cmsearch.common.files import open_file
from cmsearch.errors import QueryError
from cmsearch.server import context
from cmsearch.server.located import Folder, files_of
from cmsearch.server.requests import NUMBERS
from cmsearch.server.stores import Served
from cmsearch.show.contact_sheet import contact_sheet

router = APIRouter(prefix="/v1", tags=["items"])
MOST = 1000
"""Items of one archive or sheet."""
_CHUNK = 2**20
_ODD = re.compile(r"[^A-Za-z0-9._-]")


class Chosen(BaseModel):
    """The items that are meant, as the fields of a form."""

    model_config = ConfigDict(extra="forbid")
    store: str | None = Field(None, max_length=255)
    items: str = Field(pattern=NUMBERS, max_length=19 * MOST, examples=["12,30"])
    title: str = Field("", max_length=1000, description="What the sheet is headed with.")

    @property
    def numbers(self) -> list[int]:
        """Their numbers, each once. Raises `QueryError` for too many."""
        found = list(dict.fromkeys(map(int, self.items.split(","))))
        if len(found) > MOST:
            raise QueryError(f"At most {MOST} items are given as one, by the numbers of hits.")
        return found


@router.post(
    "/download",
    summary="The files of items as a ZIP archive",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def download(request: Request, chosen: Annotated[Chosen, Form()]) -> StreamingResponse:
    """The files as they are, in their folders, each once; those that aren't there are left out."""
    served = context.of(request).stores.get(chosen.store)
    files = _files(served, chosen.numbers)
    headers = _saved_as(f"{served.name}.zip")
    return StreamingResponse(_archive(files), media_type="application/zip", headers=headers)


@router.post(
    "/sheet",
    summary="Items as a contact sheet",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}},
)
async def sheet(request: Request, chosen: Annotated[Chosen, Form()]) -> Response:
    """A page to save, with everything in it, as `cmsearch search --html` writes one; without what
    lies outside the folder.
    """
    own = context.of(request)
    served = own.stores.get(chosen.store)
    numbers = chosen.numbers

    def made(_: Any) -> str:
        served.check_trusted()
        folder = Folder(served)
        hits = [hit for hit in served.engine.picked(numbers) if folder.holds(hit.path)]
        return contact_sheet(chosen.title or served.name, hits, folder=served.root)

    page = await own.work.run(request, made)
    return Response(page, media_type="text/html", headers=_saved_as(f"{served.name}.html"))


def _saved_as(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="{_ODD.sub("_", name)}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _files(served: Served, numbers: Sequence[int]) -> list[tuple[str, Path]]:
    """The files of items that are there, with their paths in the folder. Raises `QueryError`."""
    found = {item.about or item.path: path for item, path in files_of(served, numbers)}
    if not found:
        raise QueryError("None of these files is there any more. Search again.")
    return list(found.items())


class _Pipe:
    """What an archive is written to, to be taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        """What was written since."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def _archive(files: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    """A ZIP archive of files, not packed further: pictures and films are packed already."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, path in files:
            try:
                file = open_file(path)
            except OSError:
                continue
            with file:
                about = os.fstat(file.fileno())
                entry = zipfile.ZipInfo(name, _time(about.st_mtime))
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                with archive.open(entry, "w", force_zip64=about.st_size >= 2**31) as target:
                    while data := file.read(_CHUNK):
                        target.write(data)
                        yield pipe.taken()
    yield pipe.taken()


def _time(seconds: float) -> tuple[int, int, int, int, int, int]:
    """A time as ZIP archives have it: from 1980 to 2107."""
    found = datetime.fromtimestamp(min(max(seconds, 315_532_800 + 86_400), 4_354_819_200 - 86_400))
    return found.year, found.month, found.day, found.hour, found.minute, found.second
