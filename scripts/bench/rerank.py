"""Time what looks at the best of 100,000 stored items, on one thread: attention at 50 of them, and
a learned reranker at 100.

    python -m scripts.bench.rerank STORE [--items 100000] [--queries 30]

STORE is a directory that keeps the store for the next time. Its items have random unit vectors of
384 dimensions and 10 tokens each, which are as much work as real ones but harder to find.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cmsearch.learning.training.crossing import HEADS, LAYERS, WIDTH
from cmsearch.models.rerankers.learned import Learned, LearnedReranker, shapes_of
from cmsearch.search.direction import joined
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import Direction, Source, StageRequest
from cmsearch.search.rank.second_stage import OWN
from cmsearch.search.rank.stages import Attention, StageSettings
from cmsearch.search.retrieve.nearest import (
    EVERYTHING,
    Candidate,
    NearestRequest,
    Retriever,
)
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import EncodedQuery, Encoding, FloatArray, Modality, Part
from tests.builders import asset, serve, space

DIM, TOKENS, WORDS = 384, 10, 6
RUNS = {50: StageSettings(attention=Attention(2.0, 0.05)), 100: StageSettings(model=OWN)}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> None:
    if not ONE_THREAD.items() <= os.environ.items():  # read once, when NumPy and FAISS are loaded
        command = [sys.executable, "-m", "scripts.bench.rerank", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **ONE_THREAD})
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=30)
    arguments = parser.parse_args()
    folder = arguments.store / str(arguments.items)
    folder.mkdir(parents=True, exist_ok=True)
    with Store(folder / DIRECTORY, folder) as store:
        if store.space is None:
            _fill(store, arguments.items)
        _measure(store, arguments.queries)


def _fill(store: Store, count: int) -> None:
    """Write all items in one transaction, and lay them out in files."""
    start = time.perf_counter()
    random = np.random.default_rng(0)
    part = Part(Modality.IMAGE, "photo", None)
    number = serve(store.catalog, DIM)
    with store.catalog.writing() as writer:
        for row in range(count):
            path = f"{row // 1000:03}/{row:06}.jpg"
            rows = _unit(random.normal(size=(1 + TOKENS, DIM)))
            encoding = Encoding(rows[:1], rows[None, 1:], np.ones((1, TOKENS), np.float32))
            place = writer.put_asset(asset(path))
            writer.add_item(place, number, NewItem(part, None, path, encoding))
    written = time.perf_counter()
    store.publish()
    print(f"made a store of {count} items in {written - start:.0f} s")
    print(f"published it in {time.perf_counter() - written:.0f} s")


def _measure(store: Store, count: int) -> None:
    source = Source(store, store.view(), Models(store), Retriever(store), Banks(store))
    learned = LearnedReranker(_learned())
    for depth, run in RUNS.items():
        runs = {Modality.TEXT: run}
        direction = Direction(
            source, Modality.IMAGE, None, EVERYTHING, ("picture",), runs, depth, depth, learned
        )
        random = np.random.default_rng(1)
        first, rerank = [], []
        for query in [_query(random) for _ in range(count + 3)]:
            start = time.perf_counter()
            nearest = _first(source, query, depth)
            middle = time.perf_counter()
            ranked = joined([StageRequest(direction, query)], nearest)
            first.append(middle - start)
            rerank.append(time.perf_counter() - middle)
            assert len(ranked) == depth and len(ranked[0].stages) == 1
        _print("first stage", first[3:])
        _print(f"{run.model or 'attention'}, {depth}", rerank[3:])
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")


def _first(source: Source, query: QueryVector, depth: int) -> list[Candidate]:
    wanted = NearestRequest(Modality.IMAGE, depth)
    return source.retriever.search(source.view, [query], wanted)[0]


def _learned() -> Learned:
    """A network of the size that `cmsearch fit --reranker` makes, with numbers by chance."""
    random = np.random.default_rng(2)
    shapes = shapes_of(DIM, WIDTH, HEADS, LAYERS)
    numbers = {
        name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()
    }
    return Learned(space(DIM), numbers, {"text→image": 0.1})


def _query(random: np.random.Generator) -> QueryVector:
    rows = _unit(random.normal(size=(1 + WORDS, DIM)))
    part = EncodedQuery(Modality.TEXT, "", rows[0], rows[1:], np.ones(WORDS, np.float32))
    return QueryVector(part.vector, (part,), (1.0,), (1.0,))


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return unit


def _print(name: str, seconds: Sequence[float]) -> None:
    times = sorted(1000 * one for one in seconds)
    print(f"{name:12} median {statistics.median(times):6.1f} ms, slowest {times[-1]:6.1f} ms")


if __name__ == "__main__":
    main()
