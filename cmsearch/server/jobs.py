"""Jobs that bring an index up to date: each is `cmsearch index` in a process of its own.

So the service's memory and its interpreter stay free, and a job that is ended is a command that is
interrupted: what it has indexed is kept. All of this runs in the loop that answers requests.
"""

# Tested by tests/e2e/server/test_indexing.py

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cmsearch.common.processors import give_way_no_more
from cmsearch.common.text import native, printable
from cmsearch.errors import CmsearchError
from cmsearch.server.errors import NotThereError
from cmsearch.server.stores import Served
from cmsearch.store import remote
from cmsearch.store.object_places import url_of

KEPT = 100
"""Jobs that are remembered after their end."""
EVENTS = 256
"""Events of a job that are kept for those who come later."""
SKIPPED = 1000
"""Files that were left out of which a job tells the reasons."""
RUNNING, DONE, FAILED, STOPPED = "running", "done", "failed", "stopped"
_COUNTS = ("added", "changed", "reencoded", "unchanged", "moved", "removed")
_OK = (0, 3)
"""The exit codes of a run that is whole: without and with files that were skipped."""
_LONGEST = 64 * 2**20
"""Bytes of a report, and of a line of progress, that are read."""
_LINE = 2**20
_PATIENCE = 10.0
"""Seconds after which a process that is asked to end is ended."""


class RunningError(CmsearchError):
    """A job of the store runs already."""

    def __init__(self, job: Job) -> None:
        super().__init__(
            f"{job.store} is being indexed already. See how far that is, or stop it, at "
            f"{job.address}."
        )
        self.job = job


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a job tells while it runs: how far it is, and at last how it ended."""

    number: int
    name: str
    data: Mapping[str, Any]


class Job:
    """One run of `cmsearch index`, from its start to its end."""

    def __init__(self, served: Served, ocr: bool | None) -> None:
        self.number = secrets.token_hex(8)
        self.store = served.name
        self.state = RUNNING
        self._line = _line(served, ocr)
        self._environment = remote.environment(served.engine.store.path)
        self._ocr = ocr
        self._started = datetime.now(UTC)
        self._ended: datetime | None = None
        self._progress: Mapping[str, Any] | None = None
        self._report: dict[str, Any] = {}
        self._reason: str | None = None
        self._is_stopped = False
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._told = 0
        self._changed = asyncio.Event()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where it is told of."""
        return f"/v1/index/{self.number}"

    @property
    def last(self) -> int:
        """The number of its last event."""
        return self._told

    def as_json(self) -> dict[str, Any]:
        """All that is known of it, in JSON's types."""
        skipped = self._report.get("skipped", [])
        counts = {name: self._report[name] for name in _COUNTS if name in self._report}
        if self._report:
            counts["skipped"] = len(skipped)
        return {
            "job": self.number,
            "address": self.address,
            "store": self.store,
            "state": self.state,
            "ocr": self._ocr,
            "started": self._started.isoformat(timespec="milliseconds"),
            "ended": self._ended and self._ended.isoformat(timespec="milliseconds"),
            "progress": self._progress,
            "model": self._report.get("model"),
            "counts": counts or None,
            "items": self._report.get("items"),
            "waiting": self._report.get("waiting", 0),
            "skipped": [{**one, "path": native(one["path"])} for one in skipped[:SKIPPED]],
            "reason": self._reason,
        }

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Interrupt it, and wait for its end. What it has indexed is kept."""
        if self._task is None or self._task.done():
            return
        self._is_stopped = True
        _interrupt(self._process)
        done, _ = await asyncio.wait([self._task], timeout=_PATIENCE)
        if not done and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await asyncio.wait([self._task])

    async def after(self, number: int) -> AsyncIterator[Event]:
        """Its events after a number, as they come, until it ends."""
        while True:
            changed = self._changed
            for event in list(self._events):
                if event.number > number:
                    number = event.number
                    yield event
            if self.state != RUNNING and number >= self._told:
                return
            if changed is self._changed:
                await changed.wait()

    def _tell(self, name: str, data: Mapping[str, Any]) -> None:
        self._told += 1
        self._events.append(Event(self._told, name, data))
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        words: deque[str] = deque(maxlen=20)
        try:
            status, report = await self._followed(words)
        except OSError as error:
            status, report = None, {}
            words.append(f"The indexer can't be started: {error.strerror}.")
        self._ended = datetime.now(UTC)
        self._report = report
        if status in _OK:
            self.state = DONE
        elif self._is_stopped:
            self.state, self._reason = STOPPED, "It was stopped. What was indexed is kept."
        else:
            self.state, self._reason = FAILED, _reason(words)
        told = self.as_json()
        self._tell(
            self.state, {name: told[name] for name in ("state", "counts", "items", "reason")}
        )

    async def _followed(self, words: deque[str]) -> tuple[int, dict[str, Any]]:
        """The exit code of the process, and its report; `words` gets what it says otherwise."""
        process = await asyncio.create_subprocess_exec(
            *self._line, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, limit=_LINE,
            cwd=Path(__file__).parents[2], start_new_session=True, env=self._environment,
        )  # fmt: skip
        self._process = process
        assert process.stdout is not None and process.stderr is not None
        if self._is_stopped:  # meanwhile
            _interrupt(process)
        report, _ = await asyncio.gather(_read(process.stdout), self._hear(process.stderr, words))
        return await process.wait(), report

    async def _hear(self, stream: asyncio.StreamReader, words: deque[str]) -> None:
        """Take progress from the lines of the process; all others are for people."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than any that it writes
                continue
            if not line:
                return
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    self._progress = event
                    self._tell("progress", event)
                    continue
            words.append(line.decode(errors="replace").strip())


class Jobs:
    """The jobs of a service; one runs at a time for each store."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._starting = asyncio.Lock()
        self.streams: set[object] = set()
        """The streams of events that are open."""

    @property
    def all(self) -> list[Job]:
        """Those that are remembered, the newest first."""
        return list(reversed(self._jobs.values()))

    def get(self, number: str) -> Job:
        """The job of a number. Raises `NotThereError`."""
        job = self._jobs.get(number)
        if job is None:
            raise NotThereError(
                f"There is no job {printable(number)[:50]!r}; it may be from before the service "
                "was started."
            )
        return job

    async def start(self, served: Served, ocr: bool | None) -> Job:
        """Start a job. Raises `RunningError`, and `StoreError` where nobody can index now."""
        async with self._starting:
            for job in self.all:
                if job.store == served.name and job.state == RUNNING:
                    raise RunningError(job)
            await asyncio.to_thread(_check, served)
            job = Job(served, ocr)
            self._jobs[job.number] = job
            ended = [one for one in self._jobs.values() if one.state != RUNNING]
            for one in ended[: max(0, len(ended) - KEPT)]:
                del self._jobs[one.number]
            job.start()
            return job

    async def close(self) -> None:
        """Stop all of them."""
        await asyncio.gather(*(job.stop() for job in self._jobs.values()))


def _check(served: Served) -> None:
    """Raise `StoreLockedError` where another process indexes, `StoreReadOnlyError` where none may,
    `NotTrustedError` where the store alone says what folder would be read.

    The process that is started then finds out for itself again, and says the same.
    """
    served.check_trusted()
    with served.engine.store.locked():
        pass


def _line(served: Served, ocr: bool | None) -> Sequence[str | Path]:
    texts = () if ocr is None else ("--ocr", "auto" if ocr else "none")
    folder = url_of(served.root) or served.root.absolute()
    return (
        *(sys.executable, "-m", "cmsearch", "index", "--progress", "json", "--format", "json"),
        *(*texts, "--store", served.engine.store.path.absolute(), "--", folder),
    )


def _interrupt(process: Process | None) -> None:
    if process is None:
        return
    give_way_no_more(process.pid)
    with suppress(ProcessLookupError):
        if os.name == "nt":
            process.terminate()
        else:
            process.send_signal(signal.SIGINT)


async def _read(stream: asyncio.StreamReader) -> dict[str, Any]:
    """The report that a process writes; nothing of one that is too long, which is read all the
    same, so that the process can end.
    """
    data = bytearray()
    while piece := await stream.read(2**16):
        if len(data) <= _LONGEST:
            data += piece
    with suppress(ValueError):
        found = json.loads(data) if len(data) <= _LONGEST else {}
        return found if isinstance(found, dict) else {}
    return {}


def _reason(words: Sequence[str]) -> str:
    """What a process that failed said last, without what it began with."""
    text = " ".join(words)
    _, mark, told = text.rpartition("Error: ")
    return printable(told if mark else text) or "The indexer ended without a word."
