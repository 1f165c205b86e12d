"""What a whole store costs at scale: searches of an engine, and changes until one sees them.

It is the part of `scale` that needs a catalog. Queries are texts of `worlds`, which no model
encodes, so that times are beyond encoding.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import cmsearch
from cmsearch import Engine, Filter, Ranking
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space
from scripts.bench import big_store
from scripts.bench.worlds import World

PLAIN = Ranking(rerank="none", correct=False, match="picture", fold=False)
CHANGED = 100
RENAMED = 1_000
SECONDS = 2.0


class WorldEncoder:
    """Gives each text a vector of `worlds`, always the same one."""

    capabilities = Capabilities(frozenset({Modality.TEXT, Modality.IMAGE}), 224)

    def __init__(self, space: Space) -> None:
        self.space = space
        self._texts = World(space.dim).texts(1_000, 4)

    def split(self, text: str) -> list[str]:
        return [text]

    def prepare(self, content: Any, modality: Modality) -> Any:
        return content

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        numbers = [zlib.crc32(str(one).encode()) % len(self._texts) for one in batch]
        return Encoding(self._texts[numbers])


def fill(folder: Path, rows: int) -> dict[str, Any]:
    """Make a store, and publish it."""
    if (folder / DIRECTORY).exists():
        return {}
    _, made = _took(lambda: big_store.fill(folder, rows))
    with Store(folder / DIRECTORY) as store:
        _, published = _took(store.publish)
        size = store.catalog.path.stat().st_size
    return {"into the catalog": made, "publish": published, "catalog MB": round(size / 1e6, 1)}


def searched(folder: Path, rows: int, queries: int) -> dict[str, Any]:
    """Open it, and search it plainly, by default, and under filters."""
    with cmsearch.open(folder) as engine:
        engine._models._encoder = WorldEncoder(engine.space)
        found: dict[str, Any] = {}
        _, found["first search"] = _took(lambda: engine.search("first", target="image"))
        for name, options in {
            "plain": {"target": "image", "ranking": PLAIN},
            "default": {},
            "a day": {"where": _days(0.001, rows)},
            "1 % of days": {"where": _days(0.01, rows)},
            "10 % of days": {"where": _days(0.1, rows)},
            "one trip": {"where": Filter(path="2021/trip 1/*")},
        }.items():
            found[name] = _costs(engine, queries, options)
        for threads in (1, 8):
            found[f"{threads} threads, searches a second"] = _rate(engine, threads)
    return found


def _days(share: float, rows: int) -> Filter:
    """Photographs of a share of all days; there are 480 a day."""
    first, count = date(2020, 1, 1), max(1, round(share * rows / 480))
    last = date.fromordinal(first.toordinal() + count - 1)
    return Filter(since=first, until=last)


def _costs(engine: Engine, queries: int, options: dict[str, Any]) -> str:
    _, first = _took(lambda: engine.search("a first one", **options))
    took = []
    for number in range(queries):
        start = time.thread_time()
        engine.search(f"text {number}", **options)
        took.append(1e3 * (time.thread_time() - start))
    low, high = np.percentile(took, (50, 99))
    return f"{low:.1f} / {high:.1f} ms CPU, the first {first}"


def _rate(engine: Engine, threads: int) -> float:
    done, end = [0] * threads, time.monotonic() + SECONDS

    def ask(own: int) -> None:
        while time.monotonic() < end:
            engine.search(f"text {own} {done[own]}")
            done[own] += 1

    running = [threading.Thread(target=ask, args=(own,)) for own in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return round(sum(done) / SECONDS, 1)


def changed(folder: Path, rows: int) -> dict[str, Any]:
    """Add and delete photographs, and rename some, until an open store shows it."""
    count, moved = min(CHANGED, rows // 20), min(RENAMED, rows)
    vectors, text = next(World().photos(count, 7)), World().texts(1, 5)
    found = {}
    with Store(folder / DIRECTORY) as shown, Store(folder / DIRECTORY) as store:
        _search(shown, text)
        for name, act in {
            f"add {count}": lambda: _add(store, 10 * rows, vectors),
            f"delete {count}": lambda: _delete(store, 10 * rows, count),
            f"rename {moved}": lambda: _rename(store, moved, "", "renamed "),
            f"rename {moved} back": lambda: _rename(store, moved, "renamed ", ""),
        }.items():
            parts = {"write": act, "publish": store.publish, "search": lambda: _search(shown, text)}
            found[name] = ", ".join(f"{part} {_took(own)[1]}" for part, own in parts.items())
    return found


def _add(store: Store, start: int, vectors: FloatArray) -> None:
    with store.catalog.writing() as writer:
        for number, vector in enumerate(vectors, start):
            asset = writer.put_asset(big_store.asset_of(number))
            writer.add_item(asset, 1, big_store.photo_of(vector, number))


def _delete(store: Store, start: int, count: int) -> None:
    snapshot = store.snapshot()
    with store.catalog.writing() as writer:
        for number in range(start, start + count):
            writer.remove_asset(big_store.path_of(number), snapshot)


def _rename(store: Store, count: int, old: str, new: str) -> None:
    with store.catalog.writing() as writer:
        for number in range(count):
            writer.move_asset(big_store.path_of(number, old), big_store.asset_of(number, new))


def _search(store: Store, text: FloatArray) -> None:
    with store.reading() as view:
        view.indexes[Modality.IMAGE].search(text, 20)


def _took(act: Callable[[], Any]) -> tuple[Any, str]:
    cpu, wall = time.process_time(), time.perf_counter()
    found = act()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return found, f"{cpu:.3f} s CPU ({wall:.3f})"
