"""Processes that do for this one what may break, or may not end, and that may be lost.

A request is a line of JSON. The answers are lines of JSON too, each followed by as many bytes as
its `bytes` says, and a last one without anything else. `cmsearch.common.working` is the other side.
"""

# Tested by tests/unit/cmsearch/media/test_pdfium.py

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

OUT_OF_TIME, IDLE = 81, 82
"""The exit codes of one that was too slow, and of one that had nothing to do for long."""
_START = (
    "import sys; from importlib import import_module; sys.path[:] = sys.argv[2:]; "
    "import_module(sys.argv[1]).main()"
)

Answers = Iterator[tuple[dict[str, Any], bytes]]
"""The head and the content of each answer."""


class LostError(Exception):
    """The process has ended; with the reason."""


class _Worker:
    """A process that waits for requests."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, module, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent, whose end ends it
        )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self._process

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def answers(self, request: dict[str, Any]) -> Answers:
        """What it answers; raises `LostError`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise LostError(self.end(1.0)) from error
        while True:
            line = self._process.stdout.readline()
            head = json.loads(line) if line.endswith(b"\n") else None
            content = self._process.stdout.read(head["bytes"]) if head else b""
            if head is None or len(content) < head["bytes"]:
                raise LostError(self.end(1.0))
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


class Pool:
    """Processes that run the `main` of a module; each answers one request at a time."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.idle: list[_Worker] = []
        self.busy: set[_Worker] = set()
        """Those of readers that go on or were given up: garbage would be collected in any order,
        and a process perhaps before the generator that ends it.
        """
        self._lock = threading.Lock()
        atexit.register(self.end_all)

    def answers(self, request: dict[str, Any]) -> Answers:
        """What a process answers, which is used again if it has answered all.

        Raises `LostError`, and `OSError` where no process can be started.
        """
        while True:
            worker, is_new = self._worker()
            self.busy.add(worker)
            count = 0
            try:
                for answer in worker.answers(request):
                    count += 1
                    yield answer
                with self._lock:
                    self.idle.append(worker)
                return
            except LostError as error:
                if is_new or count or str(error):
                    raise
                # It had waited for long enough, and ended just when it was asked.
            except BaseException:  # also where not all answers are wanted
                worker.end()
                raise
            finally:
                self.busy.discard(worker)  # without the lock, which a thread may hold that collects

    def end_all(self) -> None:
        """End all processes."""
        with self._lock:
            for worker in (*self.idle, *self.busy):
                worker.end()
            self.idle.clear()

    def _worker(self) -> tuple[_Worker, bool]:
        with self._lock:
            while self.idle:
                worker = self.idle.pop()
                if worker.is_alive:
                    return worker, False
                worker.end()
        return _Worker(self._module), True
