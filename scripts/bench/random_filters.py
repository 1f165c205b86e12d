"""Random filters on a store, on the same store in PostgreSQL, and where pgvector searches.

    python -m scripts.bench.random_filters [--rows 100000] [--filters 1000] [--searches 200]

Fills a store with photographs of `big_store`, of which some have keywords, people, stars, colours,
captions or odd names, copies it to a server of its own as `cmsearch copy` does, and asks both which
vectors pass each filter: by the tables of a publication, and the catalog alone. Half of the filters
are asked after both were changed. Then pgvector searches the vectors of the copy, and what it finds
is compared with comparing all that pass. Ends with 1 where sets differ.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.models.gazetteer import gazetteer
from cmsearch.store import copying, filtering, publication, remote
from cmsearch.store.catalog import embeddings, items
from cmsearch.store.catalog.filters import rooted
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.index import snapshot
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import (
    Asset,
    Capture,
    Encoding,
    Filter,
    FloatArray,
    IdArray,
    Modality,
    Noted,
    Notes,
    Part,
    Space,
)
from scripts.bench import big_store
from scripts.bench.worlds import World
from tests import postgres

K = 10
KEYWORDS = ("pets", "Animals|Dogs", "animals|cats", "Été", "STRASSE", "straße", "100%", "a_b", "犬")
PEOPLE = ("Ann", "ANN", "Zoë", "Øyvind", "O'Neil")
COLOURS = ("Red", "red", "Winner", "Grün")
CAMERAS = ("Leica Q", "LEICA M_10", "Panasonic 100%", "Élan", None)
PARTS = ("canon", "NIKON", "i", "%", "_1", "élan", "ÉLAN", "leica", "nobody")
ODD = (
    "Ünï/Straße [1].JPG",
    "a.b/x.tar.gz",
    "100%/_.jpg",
    "Sub/Été/IMG.jpeg",
    "[x]/?.png",
    "犬/1.JPG",
)
GLOBS = (
    *(
        "2021/*",
        "./2022",
        "202[0-3]/*",
        "*/trip 1*",
        "*7.jpg",
        "*.JPG",
        "img_00?00*",
        "[!2]*/",
        "*",
    ),
    *("trip 3", "ünï", "ÜNÏ/*", "straße*", "STRASSE [1].jpg", "a.b", "*.gz", "100%/*", "_.*", "犬"),
)
AREAS = (("FR", ""), ("DE", "02"), ("TR", ""), ("US", ""))
KINDS = (None, None, None, "photo", "caption", "page")


@dataclass(frozen=True)
class Found:
    """How many filters there were, how many vectors passed them, and how many sets differed."""

    filters: int
    passed: int
    differing: int


@dataclass(frozen=True)
class Searched:
    """Of searches under filters how many let nothing else pass and found as many as there are, and
    the share of the ten nearest that they found.
    """

    searches: int
    clean: int
    recall: float


def fill(folder: Path, rows: int, dim: int = 512) -> None:
    """A store of so many photographs and some more, published."""
    big_store.fill(folder, rows, Space("bench", "worlds", "0", "made up", dim))
    with Store(folder / DIRECTORY) as store:
        for start in range(0, rows, 2_000):
            with store.catalog.writing() as writer:
                for number in range(start, min(start + 2_000, rows), 3):
                    writer.put_notes(number + 1, None, [Noted(_notes(number))])
        add(store, rows, max(20, rows // 50))
        store.publish()


def _notes(number: int) -> Notes:
    random = np.random.default_rng(number)

    def some(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(values[place] for place in random.integers(0, len(values), 2) if place % 2)

    rating = int(random.integers(-1, 8))
    return Notes(
        keywords=some(KEYWORDS), people=some(PEOPLE), labels=some(COLOURS),
        rating=None if rating > 5 else rating,
    )  # fmt: skip


def add(store: Store, start: int, count: int) -> None:
    """Pictures of odd names and cameras with captions, and pages of documents."""
    served = store.catalog.space()
    assert served is not None
    vectors = next(World(served[1].dim).photos(count, start))
    with store.catalog.writing() as writer:
        for number, vector in enumerate(vectors, start):
            folder, _, name = ODD[number % len(ODD)].rpartition("/")
            path, kind = f"{folder}/{number} {name}", "page" if number % 5 == 0 else "photo"
            taken = datetime(2021, 1, 1) + timedelta(number % 900) if number % 7 else None
            place = (number % 160 - 80 + 0.25, number % 350 - 175 + 0.5)
            capture = Capture(taken, CAMERAS[number % len(CAMERAS)], *place)
            asset = writer.put_asset(Asset(path, "image", 1, 2, f"odd {number}", capture=capture))
            writer.add_item(asset, served[0], _item(Modality.IMAGE, kind, vector, number))
            if number % 2:
                text = writer.put_asset(Asset(f"{path}.txt", "sidecar", 1, 2, f"text {number}"))
                about = _item(Modality.TEXT, "caption", vector, number, path)
                writer.add_item(text, served[0], about)


def _item(
    modality: Modality, kind: str, vector: FloatArray, number: int, about: str | None = None
) -> NewItem:
    text = None if about is None else f"caption {number}"
    part = Part(modality, kind, text, about, "1")
    return NewItem(part, about, f"{kind} {number}", Encoding(vector[None]))


def change(store: Store, rows: int) -> None:
    """Delete, move and note some, and add others, that no publication knows of."""
    few = max(5, rows // 100)
    snapshot_ = store.snapshot()
    with store.catalog.writing() as writer:
        for number in range(0, few):
            writer.remove_asset(big_store.path_of(7 * number), snapshot_)
            moved = replace(big_store.asset_of(7 * number + 1), path=f"moved/{number} [1].JPG")
            writer.move_asset(big_store.path_of(7 * number + 1), moved)
            writer.put_notes(7 * number + 4, None, [Noted(_notes(rows + number))])
    add(store, 10 * rows, few)


def filters(count: int) -> Iterator[tuple[str | None, Filter]]:
    """Random ones of one to four conditions, each with a kind of items or none."""
    random = np.random.default_rng(7)
    ways = _ways(random)
    for _ in range(count):
        chosen = random.choice(list(ways), int(random.integers(1, 5)), replace=False)
        yield _one(random, KINDS), Filter(**{str(way): ways[str(way)]() for way in chosen})


def _ways(random: np.random.Generator) -> dict[str, Callable[[], Any]]:
    """By the conditions that a filter has, what gives one by chance."""
    one = partial(_one, random)
    ways: dict[str, Callable[[], Any]] = {
        "path": lambda: one(GLOBS) if random.random() < 0.6 else _part_of_path(random),
        "since": lambda: _day(random),
        "until": lambda: _day(random),
        "days": lambda: tuple(_days(random) for _ in range(int(random.integers(1, 4)))),
        "camera": lambda: one(PARTS),
        "near": lambda: (*random.uniform((34, 5), (61, 46)).tolist(), one((1.0, 90.0, 900.0))),
        "has_caption": lambda: one((True, False)),
        "keywords": lambda: (one((*KEYWORDS, "dogs", "ANIMALS", "ete", "nothing")),),
        "people": lambda: (one((*PEOPLE, "zoe", "o'neil")),),
        "rating": lambda: tuple(sorted(random.integers(-1, 6, 2).tolist())),
        "labels": lambda: tuple(one((*COLOURS, "WINNER", "green")) for _ in range(2)),
    }
    return {**ways, "area": lambda: one(AREAS)} if gazetteer() else ways


def _one(random: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(random.integers(len(values)))]


def _day(random: np.random.Generator) -> date:
    return date(2019, 12, 20) + timedelta(int(random.integers(1_400)))


def _days(random: np.random.Generator) -> tuple[date, date]:
    first = _day(random)
    return first, first + timedelta(int(random.integers(200)))


def _part_of_path(random: np.random.Generator) -> str:
    path = big_store.path_of(int(random.integers(20_000)))
    start = int(random.integers(len(path) - 4))
    globs = (path, path.rpartition("/")[0], f"*{path[start : start + 4].upper()}*")
    return str(_one(random, globs))


def compared(stores: Sequence[Store], asked: Sequence[tuple[str | None, Filter]]) -> Found:
    """What passes filters in each of several stores, by their tables and by their catalogs."""
    passed = differing = 0
    gone = embeddings.tombstones(stores[0].catalog)
    for kind, wanted in asked:
        for modality in (Modality.IMAGE, Modality.TEXT):
            sets = [ids for store in stores for ids in _passing(store, modality, kind, wanted)]
            # Of what tables tell some may be deleted since.
            first, *others = (np.setdiff1d(own, gone) for own in sets)
            passed += len(first)
            if not all(np.array_equal(first, other) for other in others):
                differing += 1
                print(kind, modality, wanted, [len(own) for own in sets])
    return Found(len(asked), passed, differing)


def _passing(
    store: Store, modality: Modality, kind: str | None, wanted: Filter
) -> Iterator[IdArray]:
    own = rooted(wanted, store.root)
    with store.reading() as view:
        known = items.embedding_ids(store.catalog, view.space_id, modality, kind, own)
        found = filtering.allowed(store.catalog, view, modality, kind, own)
    yield known
    yield known if found is None else found  # all


def searched(store: Store, asked: Sequence[tuple[str | None, Filter]]) -> Searched:
    """What a store's own index finds under filters, against comparing all that pass."""
    clean, right, most, done = 0, 0, 0, 0
    with store.reading() as view:
        texts = World(view.space.dim).texts(len(asked), 5)
        manifest = store.published(view.space_id)
        assert manifest is not None
        ids, rows = snapshot.open_rows(store.path, manifest.of(Modality.IMAGE))
        vectors = rows.between(0, len(ids)).astype(np.float32)
        index = view.indexes[Modality.IMAGE]
        for text, (kind, wanted) in zip(texts, asked, strict=True):
            own = rooted(wanted, store.root)
            allow = filtering.allowed(store.catalog, view, Modality.IMAGE, kind, own)
            every = ids if allow is None else allow
            found = index.search(text[None], K, allow=allow)[1][0]
            found, scores = found[found >= 0], vectors[np.searchsorted(ids, every)] @ text
            truth = every[np.argsort(-scores, kind="stable")[:K]]
            clean += bool(np.isin(found, every).all() and len(found) == len(truth))
            right, most, done = right + len({*found} & {*truth}), most + len(truth), done + 1
    return Searched(done, clean, right / max(most, 1))


def both(folder: Path, rows: int, count: int, dim: int = 512) -> tuple[Path, tuple[Found, Found]]:
    """Fill a store, copy it to PostgreSQL, and ask both, as they are and changed; gives the place
    of the copy too.
    """
    fill(folder, rows, dim)
    place, asked = remote.place_of(postgres.empty()), list(filters(count))
    with ExitStack() as stack:
        own = stack.enter_context(Store(folder / DIRECTORY))
        copying.copy_to_server(own, place)
        stores = (own, stack.enter_context(Store(place)))
        before = compared(stores, asked[: count // 2])
        for store in stores:
            change(store, rows)
        return place, (before, compared(stores, asked[count // 2 :]))


def by_pgvector(place: Path, count: int) -> Searched:
    """Let pgvector search a store that is on a server, and ask it under filters."""
    with Store(place) as store:
        publication.choose_index(store.catalog, f"pgvector:{postgres.socket_folder()}")
        store.publish()
        return searched(store, list(filters(count)))


def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--filters", type=int, default=1_000)
    parser.add_argument("--searches", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CMSEARCH_CACHE": f"{folder}/cache", "CMSEARCH_CONFIG": f"{folder}/config"}
        os.environ.setdefault("PGUSER", "postgres")
        place, found = both(Path(folder, "photos"), options.rows, options.filters)
        for name, own in zip(("as published", "changed since"), found, strict=True):
            print(name, own, flush=True)
        print(by_pgvector(place, options.searches), flush=True)
    return int(any(own.differing for own in found))


if __name__ == "__main__":
    sys.exit(main())
