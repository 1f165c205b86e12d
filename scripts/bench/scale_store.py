"""What a whole store costs at scale: searches of an engine, and changes until one sees them.

It is the part of `scale` that needs a catalog. Queries are texts of `worlds`, which no model
encodes, so that times are beyond encoding.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import cmsearch
from cmsearch import Engine, Filter, Ranking
from cmsearch.store import filtering
from cmsearch.store.catalog.filters import rooted
from cmsearch.store.index import recall, snapshot
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space
from scripts.bench import big_store
from scripts.bench.worlds import world

PLAIN = Ranking(rerank="none", correct=False, match="picture", fold=False)
WAYS = {"plain": PLAIN, "default": Ranking()}
SHARES = (0.0001, 0.001, 0.01, 0.04, 0.1, 0.5)
"""Of the days that pass a filter."""
AFTER = 8
"""Searches with each filter after its first."""
CHANGED = 100
RENAMED = 10_000
SECONDS = 2.0


class WorldEncoder:
    """Gives each text a vector of `worlds`, always the same one."""

    capabilities = Capabilities(frozenset({Modality.TEXT, Modality.IMAGE}), 224)

    def __init__(self, space: Space) -> None:
        self.space = space
        self._texts = world(space.dim).texts(1_000, 4)

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
        }.items():
            found[f"{name}, the first ones"] = _costs(engine, queries, options, "begin")
            found[name] = _costs(engine, queries, options, "text")
        for name, ways in _filters(rows).items():
            found[name] = _filtered(engine, ways)
        for threads in (1, 8):
            found[f"{threads} threads, searches a second"] = _rate(engine, threads)
    return found


def _filters(rows: int) -> dict[str, list[dict[str, Any]]]:
    """By name some filters that are alike, as what `Engine.search` takes."""
    shares = {f"{share:.2%} of days": _days(share, rows) for share in SHARES}
    trips = [Filter(path=f"{2020 + one % 5}/trip {one}/*") for one in (1, 7, 33, 60, 90)]
    places = [(35 + 5 * one, 6.0 + one, 100.0) for one in range(5)]
    ways = {
        **shares,
        "camera": [Filter(camera=name) for name in ("canon", "nikon", "iPHONE", "pixel", "i")],
        "FOLDER/*": [Filter(path=f"{year}/*") for year in range(2020, 2025)],
        "FOLDER": [Filter(path=f"{year}") for year in range(2020, 2025)],
        "one trip": trips,
        "one trip and a camera": [replace(one, camera="o") for one in trips],
        "*7.jpg and the like": [Filter(path=f"*{one}.jpg") for one in range(5, 10)],
        "a distance": [Filter(near=place) for place in places],
        "without captions": [Filter(has_caption=False)],
    }
    found = {name: [{"where": one} for one in own] for name, own in ways.items()}
    return {**found, "a kind": [{"target": "page"}, {"target": "passage"}]}


def _days(share: float, rows: int) -> list[Filter]:
    """Photographs of a share of all days, which begin anywhere; there are 480 a day."""
    first, every = date(2020, 1, 1), max(1, rows // 480)
    count = max(1, round(share * every))
    starts = [(every - count) * one // 4 for one in range(5)]
    days = [first.toordinal() + start for start in dict.fromkeys(starts)]
    return [
        Filter(since=date.fromordinal(day), until=date.fromordinal(day + count - 1)) for day in days
    ]


def _filtered(engine: Engine, ways: Sequence[dict[str, Any]]) -> str:
    """The median of the first uses of some filters and the longest, that of what comes then, how
    many rows pass the last of them, and its recall of ten.
    """
    firsts, later = list[float](), list[float]()
    for place, options in enumerate(ways):
        firsts.append(_once(engine, f"a first one {place}", options))
        later += [_once(engine, f"text {one} {place}", options) for one in range(AFTER)]
    rows, share = _recall(engine, ways[-1])
    first, last = np.median(firsts), max(firsts)
    return (
        f"first {first:.1f}, at most {last:.1f}; then {np.median(later):.1f} ms CPU; "
        f"{rows:,} rows, recall {share}"
    )


def _recall(engine: Engine, options: dict[str, Any]) -> tuple[int, float]:
    """How many photographs pass a filter, and the share of the ten nearest of them that is found
    for texts, against a comparison with each.
    """
    texts, where = world(engine.space.dim).texts(50, 5), options.get("where", Filter())
    with engine.store.reading() as view:
        index = view.indexes[Modality.IMAGE]
        catalog = engine.store.catalog
        allow = filtering.allowed(catalog, view, Modality.IMAGE, None, rooted(where, Path("/")))
        manifest = engine.store.published(view.space_id)
        if allow is None or manifest is None:
            return len(index), 1.0
        ids, vectors = snapshot.open_rows(engine.store.path, manifest.of(Modality.IMAGE))
        if not len(allow):
            return 0, 1.0
        truth = ids[recall.exact(vectors, texts, 10, np.searchsorted(ids, allow))]
        return len(allow), recall.share(index.search(texts, 10, allow=allow)[1], truth)


def _once(engine: Engine, text: str, options: dict[str, Any]) -> float:
    start = time.thread_time()
    engine.search(text, **options)
    return 1e3 * (time.thread_time() - start)


def _costs(engine: Engine, queries: int, options: dict[str, Any], text: str) -> str:
    took = [_once(engine, f"{text} {number}", options) for number in range(queries)]
    low, high = np.percentile(took, (50, 99))
    return f"{low:.1f} / {high:.1f} ms CPU"


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
    vectors, text = next(world().photos(count, 7)), world().texts(1, 5)
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
