"""Pages of PDF files, through processes that may be lost: `cmsearch.media.pdf_worker`."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media.pdf_worker import IDLE, OUT_OF_TIME

PAGE_SECONDS = 30.0
"""Reading a page may take as long; no page of an ordinary document takes a tenth of it."""
FILE_SECONDS = 600.0
"""Reading all pages of a file, as texts or as pictures, may take as long."""
MOST_LOST = 3
"""Of a file so many pages may be too slow or break pdfium, before the others are left out."""
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; from cmsearch.media.pdf_worker import main; main()"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page, counted from 1, of a file with so many `pages`: its text, or its picture.

    `problem` says why there is none, or not all of it.
    """

    number: int
    pages: int
    text: str = ""
    picture: Image.Image | None = None
    problem: str | None = None


class _LostError(Exception):
    """The process has ended; with the reason."""


class _Worker:
    """A process that waits for requests."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent, whose end ends it
            )
        except OSError as error:
            raise MediaError(f"no process can be started to read it: {error.strerror}") from error

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def answers(self, request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The head and the content of each answer; raises `_LostError`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise _LostError(self.end(1.0)) from error
        while True:
            line = self._process.stdout.readline()
            head = json.loads(line) if line.endswith(b"\n") else None
            content = self._process.stdout.read(head["bytes"]) if head else b""
            if head is None or len(content) < head["bytes"]:
                raise _LostError(self.end(1.0))
            if set(head) == {"bytes"}:
                return
            yield head, content

    def end(self, patience: float = 0) -> str:
        """End the process, if it has not ended by itself, and say why it has."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if patience:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self._process.kill()
        code = self._process.wait()
        with suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        if code == IDLE:
            return ""
        return "takes too long" if code == OUT_OF_TIME else "damaged, or too large for the memory"


_idle: list[_Worker] = []
_busy: set[_Worker] = set()
"""Those of readers that go on or were given up: garbage would be collected in any order, and a
process perhaps before the generator that ends it.
"""
_lock = threading.Lock()


def texts(path: Path, first: int, last: int) -> Iterator[Page]:
    """The text of pages of a file; raises `MediaError` where the file can't be read."""
    return _pages({"path": str(path), "last": last, "size": None}, first)


def pictures(
    path: Path, first: int, last: int, size: int, passed: Collection[int] = ()
) -> Iterator[Page]:
    """Pictures of pages, without some that are `passed` over, with a short side of `size` pixels.

    Raises `MediaError` likewise.
    """
    request = {"path": str(path), "last": last, "size": size, "passed": sorted(passed)}
    return _pages(request, first)


def _pages(request: dict[str, Any], first: int) -> Iterator[Page]:
    """The pages, over as many processes as it takes."""
    end, last = time.monotonic() + FILE_SECONDS, request["last"]
    passed = request.get("passed", ())
    lost, pages = 0, 0
    problem: str | None = None
    while True:
        while first in passed:
            first += 1
        try:
            for head, content in _answers({**request, "first": first, "seconds": PAGE_SECONDS}):
                if "error" in head:
                    problem = head["error"]
                    continue
                if "pages" in head:
                    pages = head["pages"]
                    continue
                first = head["page"] + 1
                yield _page(pages, head, content)
                if time.monotonic() > end and first <= min(last, pages):
                    reason = f"the file takes longer than {FILE_SECONDS:.0f} seconds from here on"
                    yield Page(first, pages, problem=reason)
                    return
            if problem is not None:
                raise MediaError(problem)
            return
        except _LostError as error:
            lost += 1
            reason = str(error)
            if not pages:
                raise MediaError(reason) from error
        if lost >= MOST_LOST:
            yield Page(first, pages, problem=f"{reason}, like others; no more pages are read")
            return
        yield Page(first, pages, problem=reason)
        first += 1


def _page(pages: int, head: dict[str, Any], content: bytes) -> Page:
    number, problem = head["page"], head.get("problem")
    if "width" not in head:
        return Page(number, pages, content.decode("utf-8", "replace"), problem=problem)
    size, stride = (head["width"], head["height"]), head["stride"]
    picture = Image.frombytes("RGB", size, content, "raw", "RGB", stride)
    return Page(number, pages, picture=picture, problem=problem)


def _answers(request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What a process answers, which is used again if it has answered all; raises `_LostError`."""
    while True:
        worker, is_new = _worker()
        _busy.add(worker)
        count = 0
        try:
            for answer in worker.answers(request):
                count += 1
                yield answer
            with _lock:
                _idle.append(worker)
            return
        except _LostError as error:
            if is_new or count or str(error):
                raise
            # It had waited for long enough, and ended just when it was asked.
        except BaseException:  # also where not all answers are wanted
            worker.end()
            raise
        finally:
            _busy.discard(worker)  # without the lock, which the thread may hold that collects


def _worker() -> tuple[_Worker, bool]:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.is_alive:
                return worker, False
            worker.end()
    return _Worker(), True


@atexit.register
def _end_all() -> None:
    with _lock:
        for worker in (*_idle, *_busy):
            worker.end()
        _idle.clear()
