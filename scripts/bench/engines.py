"""What each index of vectors, and each server of them, finds and costs among the same vectors.

    python -m scripts.bench.engines
    python -m scripts.bench.engines --rows 10000 --filters 100 exact faiss "qdrant local"
    python -m scripts.bench.engines --save      puts those of servers into docs/scaling.md, too

For texts of `worlds`: the recall of the ten nearest against comparing all, the time of one search,
what lies here, on the server and in memory, and whether random filters let pass what they let pass,
and find what comparing does. What isn't installed is passed over with a line.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from cmsearch.errors import StoreError
from cmsearch.protocols import Kept, VectorIndex
from cmsearch.store.index import recall
from cmsearch.store.index.address import LOCAL_NAME
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.rows import HeldRows
from cmsearch.types import FloatArray, IdArray
from scripts.bench import capacity
from scripts.bench.worlds import World
from tests import postgres
from tests.milvus_servers import standalone
from tests.served_indexes import laid_out_first

K = 10
DIM = 512
_A_MINUTE = 60
_NONE = np.empty(0, np.int64)


SAVED = {
    "milvus standalone": "Milvus standalone",
    "milvus-lite": "milvus-lite",
    "qdrant local": "Qdrant's local mode",
}
"""What the rows of servers are called in `capacity.json`."""


class Made:
    """An index, the bytes of its files here and on its server, and what it was to lay it out."""

    def __init__(
        self,
        index: VectorIndex,
        here: int,
        before: tuple[float, int],
        server: Callable[[], int] = lambda: 0,
    ) -> None:
        self.index, self.here, self.server = index, here, server
        self.built, self.before = time.perf_counter() - before[0], before[1]


class Row(NamedTuple):
    """What was measured of an index."""

    recall: float
    p50: float
    cpu: float
    built: float
    here: int
    there: int
    memory: int
    filters: str


@contextmanager
def exact(ids: IdArray, vectors: FloatArray, place: Path) -> Iterator[Made]:
    """Every vector compared."""
    before = _now()
    made = ExactIndex(DIM).changed((ids, vectors), _NONE)
    yield Made(made, _files(vectors), before)


@contextmanager
def faiss(ids: IdArray, vectors: FloatArray, place: Path) -> Iterator[Made]:
    """Lists of codes, as a publication makes them."""
    rows, index, before = HeldRows(vectors.astype(np.float16)), FaissIndex(DIM), _now()
    kept = index.built(rows, World().texts(128, 9))
    parts = [] if kept is None else [Kept(kept, len(ids))]
    made = index.opened(ids, rows, parts)
    yield Made(made, _files(vectors) + (0 if kept is None else kept.nbytes), before)


@contextmanager
def milvus_lite(ids: IdArray, vectors: FloatArray, place: Path) -> Iterator[Made]:
    """A file of milvus-lite."""
    with _served(f"milvus:{place}/own.db", ids, vectors) as made:
        made.server = lambda: _lying(place)
        yield made


@contextmanager
def milvus_standalone(ids: IdArray, vectors: FloatArray, place: Path) -> Iterator[Made]:
    """Milvus's own server."""
    with (
        standalone(place) as port,
        _served(f"milvus://127.0.0.1:{port}/bench", ids, vectors) as made,
    ):
        time.sleep(_A_MINUTE)  # soon after it is written it is read strongly
        made.server = lambda: _lying(place / "data")
        yield made


@contextmanager
def qdrant_local(ids: IdArray, vectors: FloatArray, place: Path) -> Iterator[Made]:
    """A folder of Qdrant's local mode."""
    with _served(f"qdrant:{place}/own", ids, vectors) as made:
        made.server = lambda: _lying(place)
        yield made


@contextmanager
def pgvector(ids: IdArray, vectors: FloatArray, place: Path) -> Iterator[Made]:
    """PostgreSQL with pgvector, by the folder of its socket."""
    os.environ.setdefault("PGUSER", "postgres")
    folder = Path(postgres.socket_folder())
    with _served(f"pgvector:{folder}", ids, vectors) as made:
        made.server = lambda: _in_table(folder)
        yield made


ENGINES: dict[str, Callable[..., Any]] = {
    "exact": exact,
    "faiss": faiss,
    "milvus-lite": milvus_lite,
    "milvus standalone": milvus_standalone,
    "pgvector": pgvector,
    "qdrant local": qdrant_local,
}


@contextmanager
def _served(address: str, ids: IdArray, vectors: FloatArray) -> Iterator[Made]:
    before = _now()
    index = laid_out_first(address, DIM).changed((ids, vectors), _NONE)
    yield Made(index, _files(vectors), before)


def _now() -> tuple[float, int]:
    return time.perf_counter(), _memory()


def _memory() -> int:
    """Bytes that only this process and those that it started have."""
    own = psutil.Process()
    return sum(one.memory_full_info().uss for one in (own, *own.children(recursive=True)))


def _lying(place: Path) -> int:
    return sum(one.stat().st_size for one in place.rglob("*") if one.is_file())


def _in_table(folder: Path) -> int:
    import psycopg

    with psycopg.connect(host=str(folder), dbname="postgres") as driver:
        query = "SELECT pg_total_relation_size(%s::regclass)"
        ((size,),) = driver.execute(query, [LOCAL_NAME]).fetchall()
    return int(size)


def _files(vectors: FloatArray) -> int:
    """Bytes of the files of vectors and ids."""
    return 2 * vectors.size + 8 * len(vectors)


class Asked(NamedTuple):
    """What is asked, and what comparing all vectors finds."""

    queries: FloatArray
    nearest: IdArray
    filters: list[tuple[IdArray, IdArray]]


def asked(laid: tuple[IdArray, FloatArray], queries: FloatArray, filters: list[IdArray]) -> Asked:
    """The truth, by all scores at once."""
    ids, vectors = laid
    scores, found = queries @ vectors.T, []
    for number, allow in enumerate(filters):
        own = np.searchsorted(ids, allow)
        best = np.argsort(-scores[number % len(queries)][own], kind="stable")[:K]
        found.append((allow, allow[best]))
    return Asked(queries, ids[np.argsort(-scores, axis=1, kind="stable")[:, :K]], found)


def measured(name: str, laid: tuple[IdArray, FloatArray], asked: Asked) -> Row:
    """What an index finds and takes."""
    ids, vectors = laid
    queries = asked.queries
    found, took, walls = list[IdArray](), list[float](), list[float]()
    with (
        tempfile.TemporaryDirectory() as place,
        ENGINES[name](ids, vectors, Path(place)) as made,
    ):
        made.index.search(queries[:1], K)
        for query in queries:
            cpu, wall = time.process_time(), time.perf_counter()
            found.append(made.index.search(query[None], K)[1])
            took.append(time.process_time() - cpu)
            walls.append(time.perf_counter() - wall)
        share = recall.share(np.concatenate(found), asked.nearest)
        right = _filtered(made.index, asked)
        sizes = made.here, made.server(), _memory() - made.before
    times = 1e3 * float(np.median(walls)), 1e3 * float(np.median(took))
    return Row(share, *times, made.built, *sizes, right)


def shown(name: str, row: Row) -> str:
    """A row of the table."""
    sizes = " | ".join(f"{one / 1e6:.0f}" for one in (row.here, row.there, row.memory))
    return (
        f"| {name} | {row.recall:.4f} | {row.p50:.1f} | {row.cpu:.1f} | {row.built:.0f} | {sizes} "
        f"| {row.filters} |"
    )


def save(name: str, row: Row, count: int) -> None:
    """Put what is known of a server into the page about scaling."""
    data = capacity.read()
    data["backends"][SAVED[name]] = {
        "disk bytes": round((row.here + row.there) / count),
        "memory bytes": round(row.memory / count),
        "search": f"{row.p50:.1f} of vectors alone; {row.recall:.4f}",
        "at": f"{count:,} vectors",
    }
    capacity.write(data)


def _filtered(index: VectorIndex, asked: Asked) -> str:
    """How many filters found nothing else, and how many exactly what comparing all does."""
    clean = same = 0
    for number, (allow, right) in enumerate(asked.filters):
        query = asked.queries[number % len(asked.queries)][None]
        own = index.search(query, K, allow=allow)[1][0]
        clean += bool(np.isin(own[own >= 0], allow).all() and (own >= 0).sum() == right.size)
        same += set(own.tolist()) == set(right.tolist())
    return f"{clean}, {same} of {len(asked.filters)}"


def random_filters(ids: IdArray, count: int) -> list[IdArray]:
    """Runs of rows, scattered ones, and all but some, of all shares."""
    random = np.random.default_rng(5)
    filters = []
    for number in range(count):
        share = random.random() ** 3
        if number % 3 == 0:
            start = random.integers(0, len(ids))
            filters.append(ids[start : start + 1 + int(share * len(ids))])
        elif number % 3 == 1:
            filters.append(ids[random.random(len(ids)) < share])
        else:
            filters.append(ids[random.random(len(ids)) >= share / 20])
    return [one for one in filters if len(one)]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(ENGINES), metavar="NAME")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--filters", type=int, default=1_000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    world = World(DIM)
    vectors = np.concatenate(list(world.photos(options.rows))).astype(np.float16).astype(np.float32)
    ids = 2 * np.arange(1, len(vectors) + 1)
    queries, filters = world.texts(options.queries), random_filters(ids, options.filters)
    print(f"{len(ids)} vectors of {DIM} dimensions, {len(queries)} queries, for {K} hits")
    print(
        "| index | recall@10 | p50 ms | CPU ms here | to lay out, s | MB here | MB on the server | "
        "MB of memory | filters: nothing else, the same |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    wanted = asked((ids, vectors), queries, filters)
    for name in options.names:
        try:
            row = measured(name, (ids, vectors), wanted)
            print(shown(name, row), flush=True)
            if options.save and name in SAVED:
                save(name, row, len(ids))
        except (ImportError, StoreError) as error:
            print(f"| {name} | passed over: {error} |", flush=True)


if __name__ == "__main__":
    main()
