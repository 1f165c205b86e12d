"""Put load on a true `cmsearch serve`: how long requests take, also beside an indexing process.

    python -m scripts.bench.serve_load [--store DIR] [--queries 300] [--clients 32] [--seconds 60]
        [--only one busy ratio] [--target any]
    python -m scripts.bench.serve_load --make DIR [--items 100000] [--captions]

Prints, as JSON,

- one: text searches of one client, each of another text, and their processor time in the service;
- busy: some clients at once, while another process indexes pictures and notes of its own into a
  copy of the store, with the memory of the service at the start, in the middle and at the end;
- ratio: searches a second of these clients without indexing, over those of one at a time.

Without --store one of a thousand pictures with captions is made, with `lite` as its encoder. --make
makes one of any size and keeps it: photographs with vectors of `worlds` in the space of `lite`, or
half as many, each with a caption. Queries are each the halves of two of 300 captions.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psutil

from cmsearch.models.encoders.lite_recipe import SPACE
from cmsearch.store.store import DIRECTORY, Store
from scripts.bench import big_store, search_cost
from tests.processes import Process, environment, script

WARM = 50
"""Searches before those that count."""
_INDEXING = "import sys; from scripts.bench import serve_load; serve_load.index(sys.argv[1])"
_ONCE = 8
"""Pictures that a run of the indexing process adds, with as many notes."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--store", type=Path, help="a folder with its .cmsearch")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", nargs="+", choices=["one", "busy", "ratio"])
    parser.add_argument("--target", default="any")
    parser.add_argument("--make", type=Path, help="make a store in this folder, and end")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--captions", action="store_true", help="half of the items are captions")
    asked = parser.parse_args()
    if asked.make is not None:
        make(asked.make, asked.items, captions=asked.captions)
        return 0
    parts = asked.only or ["one", "busy", "ratio"]
    with tempfile.TemporaryDirectory() as place:
        folder = asked.store or Path(place, "made")
        if asked.store is None:
            search_cost.fill(folder, 1_000)
        if {"one", "ratio"} & set(parts):
            with Service(folder, asked.target) as service:
                service.ask_for(0, WARM)
                if "one" in parts:
                    _tell("one", one(service, asked.queries))
                if "ratio" in parts:
                    _tell("ratio", ratio(service, asked.clients, asked.seconds))
        if "busy" in parts:
            copied = Path(shutil.copytree(folder, Path(place, "copy")))
            with Service(copied, asked.target) as service:
                service.ask_for(0, WARM)
                _tell("busy", busy(service, copied, asked.clients, asked.seconds))
    return 0


def make(folder: Path, items: int, *, captions: bool) -> None:
    """A published store with the encoder `lite`."""
    if captions:
        search_cost.fill(folder, items // 2)
        return
    big_store.fill(folder, items, SPACE)
    with Store(folder / DIRECTORY) as store:
        store.publish()


class Service:
    """`cmsearch serve` in a process of its own, and what it was asked."""

    def __init__(self, folder: Path, target: str) -> None:
        line = [sys.executable, "-m", "cmsearch", "serve", str(folder), "--port", "0"]
        self._process = Process(line, stderr=subprocess.PIPE, text=True, env=environment())
        self._target = target
        self.process = psutil.Process(self._process.pid)
        self.errors: list[str] = []
        self._lock = threading.Lock()
        self.next = 10_000
        assert self._process.stderr is not None
        for text in self._process.stderr:
            if found := re.search(r"Answering at http://([\d.]+):(\d+)", text):
                self._address = found[1], int(found[2])
                return
        raise SystemExit("The service ended before it answered.")

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._process.__exit__(None, None, None)

    def megabytes(self) -> float:
        """The memory of the service that isn't shared with files."""
        memory = self.process.memory_info()
        return round((memory.rss - memory.shared) / 2**20, 1)

    def cpu(self) -> float:
        """The processor time of the service, in seconds."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @contextmanager
    def connected(self) -> Iterator[HTTPConnection]:
        """A connection that stays open."""
        connection = HTTPConnection(*self._address, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def search(self, connection: HTTPConnection, number: int) -> float:
        """Milliseconds of a search; what goes wrong is noted."""
        told = {"q": search_cost.sentence(-number), "target": self._target}
        begun = time.perf_counter()
        try:
            connection.request("GET", f"/v1/search?{urlencode(told)}")
            answer = connection.getresponse()
            data = answer.read()
            if answer.status != 200:
                self._note(f"{answer.status} {data[:200]!r}")
        except (OSError, HTTPException) as error:
            connection.close()
            self._note(repr(error))
        return 1e3 * (time.perf_counter() - begun)

    def ask_for(self, seconds: float, count: int = 0) -> list[float]:
        """Searches one at a time, for so long or so many; the milliseconds of each."""
        took, end = [], time.monotonic() + seconds
        with self.connected() as connection:
            while len(took) < count or time.monotonic() < end:
                took.append(self.search(connection, self._number()))
        return took

    def ask_at_once(self, clients: int, seconds: float) -> list[float]:
        """Searches of several clients for so long; the milliseconds of each."""
        took: list[list[float]] = [[] for _ in range(clients)]

        def ask(own: list[float]) -> None:
            own += self.ask_for(seconds)

        threads = [threading.Thread(target=ask, args=(own,)) for own in took]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [one for own in took for one in own]

    def _number(self) -> int:
        with self._lock:
            self.next += 1
            return self.next

    def _note(self, what: str) -> None:
        with self._lock:
            self.errors.append(what)


def one(service: Service, queries: int) -> dict[str, Any]:
    """What one client sees."""
    cpu = service.cpu()
    took = service.ask_for(0, queries)
    cpu = 1e3 * (service.cpu() - cpu) / queries
    return {**_spread(took), "CPU ms each": round(cpu, 1), "errors": service.errors[:5]}


def ratio(service: Service, clients: int, seconds: float) -> dict[str, Any]:
    """Searches a second of many clients over those of one, in turns, so that drift counts less."""
    alone = together = 0
    rounds = 3
    for _ in range(rounds):
        alone += len(service.ask_for(seconds / rounds))
        together += len(service.ask_at_once(clients, seconds / rounds))
    return {
        "alone, a second": round(alone / seconds, 1),
        "together, a second": round(together / seconds, 1),
        "ratio": round(together / alone, 2),
        "errors": service.errors[:5],
    }


def busy(service: Service, folder: Path, clients: int, seconds: float) -> dict[str, Any]:
    """What many clients see while another process indexes."""
    megabytes = [service.megabytes()]
    with script(_INDEXING, folder) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        took = service.ask_at_once(clients, seconds / 2)
        megabytes.append(service.megabytes())
        took += service.ask_at_once(clients, seconds / 2)
        megabytes.append(service.megabytes())
        told = process.communicate(timeout=120)[0]
    return {
        **_spread(took),
        "searches a second": round(len(took) / seconds, 1),
        "errors": service.errors[:5],
        "MB at start, middle, end": megabytes,
        "indexed": json.loads(told.splitlines()[-1]),
    }


def index(folder: str) -> None:
    """Index new pictures and notes again and again until standard input ends."""
    import PIL.Image

    from cmsearch.common.processors import give_way
    from indexer import Indexer

    give_way()  # as `cmsearch index` does

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    place, random = Path(folder, "new"), np.random.default_rng(0)
    place.mkdir()
    indexer, runs = Indexer(folder, asr="none", ocr="none"), 0
    print("begun", flush=True)
    while not ended.is_set():
        names = [f"{runs:04}-{number}" for number in range(_ONCE)]
        for name in names:
            pixels = random.integers(0, 255, (8, 8, 3), np.uint8)
            image = PIL.Image.fromarray(pixels).resize((640, 480))
            image.save(place / f"{name}.jpg")
            (place / f"{name}.md").write_text(f"{search_cost.sentence(hash(name) % 10**6)}\n")
        indexer.run(changed=[f"new/{name}.{kind}" for name in names for kind in ("jpg", "md")])
        runs += 1
    print(json.dumps({"runs": runs, "files": 2 * _ONCE * runs}), flush=True)


def _spread(took: list[float]) -> dict[str, Any]:
    low, high = np.percentile(took, (50, 99))
    return {
        "searches": len(took),
        "p50 ms": round(float(low), 1),
        "p99 ms": round(float(high), 1),
        "longest ms": round(max(took), 1),
    }


def _tell(name: str, found: dict[str, Any]) -> None:
    print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
