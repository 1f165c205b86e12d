"""The index of a store at 10,000, 100,000 and a million vectors: what it costs and what it finds.

    python -m scripts.bench.scale --rows 10000 100000 [--place DIR] [--peers] [--vectors] [--huge]

The vectors are those of `worlds`, published as `cmsearch index` does, but not read from a catalog.
Then a whole store of as many photographs is made, searched and changed; not with `--vectors`.
Each step is a process of its own, on one thread. Times are processor times of the median of the
queries, since machines have other things to do; memory is what isn't mapped files. With `--peers`
other libraries search the same vectors: `pip install 'cmsearch[bench]'`. `--huge` adds ten million.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.protocols import VectorIndex
from cmsearch.store.index import manifest as manifests
from cmsearch.store.index import snapshot
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.recall import exact
from cmsearch.types import FloatArray, IdArray, Modality
from scripts.bench import scale_store
from scripts.bench.worlds import PAGE, World

DIM = 512
QUERIES = 200
SHARES = (0.001, 0.01, 0.04, 0.1, 0.5)
"""Of the rows that pass a filter; half of them as one run of rows, as a folder's are."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--place", type=Path, help="where to keep it meanwhile")
    parser.add_argument("--peers", action="store_true", help="other libraries, too")
    parser.add_argument("--vectors", action="store_true", help="no whole store")
    parser.add_argument("--huge", action="store_true", help="ten million vectors, too")
    parser.add_argument("--step", choices=STEPS, help="within itself")
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(STEPS[asked.step](asked.place, asked.rows[0])))
        return
    steps = ["build", "search"] if asked.vectors else list(STEPS)[:-1]
    for rows in [*asked.rows, *([10_000_000] if asked.huge else [])]:
        with tempfile.TemporaryDirectory(dir=asked.place) as place:
            write_vectors(Path(place), rows)
            for step in (*steps, *(["peers"] if asked.peers else [])):
                print(f"{rows:,} {step}:", flush=True)
                for name, value in run(step, Path(place), rows).items():
                    print(f"    {name:32} {value}", flush=True)


def run(step: str, place: Path, rows: int) -> dict[str, Any]:
    """What a step finds, in a process of its own."""
    command = [sys.executable, "-m", "scripts.bench.scale", "--step", step]
    command += ["--place", str(place), "--rows", str(rows)]
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**one, **os.environ})
    values: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return values


def write_vectors(place: Path, rows: int) -> None:
    with (place / "world.f16").open("wb") as file:
        for page in World(DIM).photos(rows):
            file.write(page.astype("<f2").data)


def pages(place: Path) -> Iterator[tuple[IdArray, FloatArray]]:
    """The vectors under ids that begin at 1."""
    with (place / "world.f16").open("rb") as file:
        start = 1
        while len(part := np.fromfile(file, "<f2", PAGE * DIM)):
            part = part.reshape(-1, DIM)
            yield np.arange(start, start + len(part)), part.astype(np.float32)
            start += len(part)


def build(place: Path, rows: int) -> dict[str, Any]:
    """Publish them."""
    content = {(1, Modality.IMAGE): snapshot.Content(DIM, pages(place), World(DIM).texts(256, 3))}
    head = manifests.Manifest(1, "token", rows, "faiss", {}, [])
    with Memory() as memory:
        before, start = time.process_time(), time.perf_counter()
        published = snapshot.publish(place, head, content, FaissIndex(DIM))
        cpu, wall = time.process_time() - before, time.perf_counter() - start
    (files,) = published.indexes
    return {
        "CPU s": round(cpu, 1),
        "wall s": round(wall, 1),
        "peak MB": memory.peak,
        "files MB": {one.name: round(one.size / 1e6, 1) for one in files.files},
        "recall in the manifest": files.recall,
    }


def search(place: Path, rows: int) -> dict[str, Any]:
    """Open and search it."""
    manifest = manifests.newest(place)
    assert manifest is not None
    texts = World(DIM).texts(QUERIES, 4)
    photos = next(World(DIM).photos(QUERIES, 5))
    with Memory() as memory:
        index, opened = timed(lambda: opened_index(place, manifest))
        _, first = timed(lambda: index.search(texts[:1], 18))
        found = {"open s": round(opened / 1e3, 3), "first search ms": round(first, 2)}
        for name, queries in (("text", texts), ("photo", photos)):
            for k in (10, 100, 1000):
                found[f"{name} k={k} ms p50 / p99"] = costs(index, queries, k)
        found["peak MB"] = memory.peak
    main = index._layers.main  # type: ignore[attr-defined]
    if main.searcher is not None:
        found["depths"] = [tuple(one) for one in main.searcher.lists.depths]
    _, mapped = snapshot.open_rows(place, manifest.indexes)
    for name, queries in (("text", texts), ("photo", photos)):
        truth = exact(mapped, queries, 1000) + 1
        for k in (10, 100, 1000):
            found[f"{name} recall@{k}"] = recall(index.search(queries, k)[1], truth[:, :k])
    for share in SHARES:
        for kind, allow in filters(rows, share).items():
            _, first = timed(lambda own=allow: index.search(texts[:1], 18, allow=own))
            truth = exact(mapped, texts[:50], 10, allow - 1) + 1
            own = recall(index.search(texts[:50], 10, allow=allow)[1], truth)
            took = costs(index, texts[:50], 18, allow)
            told = f"{took} ms, first {first:.1f}, recall@10 {own}"
            found[f"filter {share:.2%} {kind}"] = told
    return found


def opened_index(place: Path, manifest: manifests.Manifest) -> VectorIndex:
    def instead(name: str, ids: IdArray) -> Any:
        raise AssertionError(f"{name} is damaged")

    return snapshot.open_index(place, manifest.indexes, DIM, FaissIndex(DIM), instead)


def filters(rows: int, share: float) -> dict[str, IdArray]:
    """Ids of a share of the rows: by chance, and one after the other."""
    count = max(1, int(rows * share))
    random = np.random.default_rng(6)
    scattered = 1 + np.sort(random.permutation(rows)[:count])
    start = int(random.integers(0, rows - count + 1))
    return {"scattered": scattered, "in a row": 1 + np.arange(start, start + count)}


def peers(place: Path, rows: int) -> dict[str, Any]:
    """Other libraries over the same vectors."""
    from scripts.bench import peers as others

    vectors = np.concatenate([part for _, part in pages(place)])
    texts = World(DIM).texts(QUERIES, 4)
    manifest = manifests.newest(place)
    assert manifest is not None
    truth = exact(snapshot.open_rows(place, manifest.indexes)[1], texts, 10)
    found: dict[str, Any] = {}
    for name, values in others.measured(vectors, texts, truth):
        found[name] = ", ".join(f"{part} {value}" for part, value in values.items())
        print(name, found[name], file=sys.stderr, flush=True)
    return found


def store(place: Path, rows: int) -> dict[str, Any]:
    """Make a whole store, and publish it."""
    return scale_store.fill(place / "store", rows)


def engine(place: Path, rows: int) -> dict[str, Any]:
    """Search it."""
    with Memory() as memory:
        found = scale_store.searched(place / "store", rows, QUERIES // 2)
    return {**found, "peak MB": memory.peak}


def changes(place: Path, rows: int) -> dict[str, Any]:
    """Add to it, delete from it, and rename in it."""
    return scale_store.changed(place / "store", rows)


def costs(index: Any, queries: FloatArray, k: int, allow: IdArray | None = None) -> str:
    """The median and the 99th percentile of the processor time of one query."""
    options = {} if allow is None else {"allow": allow}
    ask = index.search if hasattr(index, "search") else index
    took = [timed(lambda own=query: ask(own[None], k, **options))[1] for query in queries]
    return f"{np.median(took):.2f} / {np.percentile(took, 99):.2f}"


def recall(found: IdArray, truth: IdArray) -> float:
    pairs = zip(truth, found, strict=True)
    return round(float(np.mean([np.isin(*pair).mean() for pair in pairs])), 4)


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the processor time in ms."""
    start = time.thread_time()
    return act(), (time.thread_time() - start) * 1e3


class Memory:
    """The peak of what a process holds apart from mapped files, in MB, looked at all the time."""

    def __enter__(self) -> Memory:
        self.peak = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ends.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ends.wait(0.02):
            lines = Path("/proc/self/status").read_text().splitlines()
            own = next(line for line in lines if line.startswith("RssAnon"))
            self.peak = max(self.peak, int(own.split()[1]) // 1024)


STEPS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "build": build, "search": search, "store": store, "engine": engine, "changes": changes,
    "peers": peers,
}  # fmt: skip

if __name__ == "__main__":
    main()
