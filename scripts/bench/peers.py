"""Other libraries that search vectors, each with a recall of at least 0.99 if it can.

Those that aren't installed are passed over with a line: `pip install 'cmsearch[bench]'`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.types import FloatArray, IdArray

Search = Callable[[FloatArray, int], IdArray]
"""Gives for a query `(1, dim)` the rows `(1, k)`."""
DEPTHS = (32, 64, 128, 256, 512, 1024)
WANTED = 0.99


def measured(
    vectors: FloatArray, queries: FloatArray, truth: IdArray
) -> Iterator[tuple[str, dict[str, Any]]]:
    """By the name of each: what building takes, and the cheapest depth that finds enough of ten.

    Times are processor times, of one thread as far as a library can be told so.
    """
    for name, build in PEERS.items():
        before, start = time.process_time(), time.perf_counter()
        try:
            deepen, search = build(vectors)
        except ImportError as error:
            yield name, {"passed over": f"{error.name} isn't installed"}
            continue
        cpu, wall = time.process_time() - before, time.perf_counter() - start
        found = {"build CPU s": round(cpu, 1), "build wall s": round(wall, 1)}
        yield name, {**found, **_searched(deepen, search, queries, truth)}


def _searched(
    deepen: Callable[[int], None] | None, search: Search, queries: FloatArray, truth: IdArray
) -> dict[str, Any]:
    k = truth.shape[1]
    for depth in DEPTHS if deepen else (0,):
        if deepen:
            deepen(depth)
        took, walls, shares = [], [], []
        for query, own in zip(queries, truth, strict=True):
            cpu, wall = time.process_time(), time.perf_counter()
            rows = search(query[None], k)
            took.append(time.process_time() - cpu)
            walls.append(time.perf_counter() - wall)
            shares.append(np.isin(own, rows).mean())
        recall = float(np.mean(shares))
        if recall >= WANTED or depth in (0, DEPTHS[-1]):
            break
    return {
        "depth": depth or "exact",
        "recall": round(recall, 4),
        "p50 CPU ms": round(1e3 * float(np.median(took)), 2),
        "p50 wall ms": round(1e3 * float(np.median(walls)), 2),
    }


def _faiss(vectors: FloatArray) -> tuple[Callable[[int], None] | None, Search]:
    import faiss

    index = faiss.index_factory(vectors.shape[1], "HNSW32,SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 128
    index.train(vectors)
    index.add(vectors)

    def deepen(depth: int) -> None:
        index.hnsw.efSearch = depth

    return deepen, lambda query, k: index.search(query, k)[1]


def _hnswlib(vectors: FloatArray) -> tuple[Callable[[int], None] | None, Search]:
    import hnswlib  # type: ignore[import-not-found]

    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), M=32, ef_construction=128)
    index.set_num_threads(1)
    index.add_items(vectors, num_threads=1)
    return index.set_ef, lambda query, k: index.knn_query(query, k, num_threads=1)[0]


def _usearch(vectors: FloatArray) -> tuple[Callable[[int], None] | None, Search]:
    from usearch.index import Index  # type: ignore[import-not-found]

    index = Index(
        ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_add=128
    )
    index.add(np.arange(len(vectors)), vectors, threads=1)

    def deepen(depth: int) -> None:
        index.expansion_search = depth

    return deepen, lambda query, k: index.search(query[0], k, threads=1).keys


def _lancedb(vectors: FloatArray) -> tuple[Callable[[int], None] | None, Search]:
    import lancedb  # type: ignore[import-not-found]
    import pyarrow as pa  # type: ignore[import-not-found]

    place = tempfile.TemporaryDirectory()
    flat = pa.array(vectors.astype(np.float16).ravel())
    rows = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    data = pa.table({"number": np.arange(len(vectors)), "vector": rows})
    table = lancedb.connect(Path(place.name)).create_table("rows", data)

    def search(query: FloatArray, k: int) -> IdArray:
        own = table.search(query[0]).distance_type("dot").limit(k).select(["number"])
        found: IdArray = own.to_arrow()["number"].to_numpy()
        return found

    search.place = place  # type: ignore[attr-defined]  # until it was searched
    return None, search


def _qdrant_edge(vectors: FloatArray) -> tuple[Callable[[int], None] | None, Search]:
    import qdrant_edge as edge  # type: ignore[import-not-found]

    place, size = tempfile.TemporaryDirectory(), vectors.shape[1]
    graph = edge.HnswIndexConfig(32, 128, 1_000, max_indexing_threads=1)
    shape = edge.EdgeVectorParams(size, edge.Distance.Dot, hnsw_config=graph)
    config = edge.EdgeConfig(
        vectors=shape,
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1_000),
        max_search_threads=1,
    )
    shard = edge.EdgeShard.create(place.name, config)
    for start in range(0, len(vectors), 1_000):
        points = [
            edge.Point(start + number, row.tolist(), {})
            for number, row in enumerate(vectors[start : start + 1_000])
        ]
        shard.update(edge.UpdateOperation.upsert_points(points))
    shard.optimize()
    depths = [DEPTHS[0]]

    def search(query: FloatArray, k: int) -> IdArray:
        own = edge.SearchRequest(
            edge.Query.Nearest(query[0].tolist()),
            k,
            params=edge.SearchParams(hnsw_ef=depths[-1]),
        )
        return np.array([one.id for one in shard.search(own)])

    search.place = place  # type: ignore[attr-defined]  # until it was searched
    return depths.append, search


def _qdrant(vectors: FloatArray) -> tuple[Callable[[int], None] | None, Search]:
    from qdrant_client import QdrantClient, models  # type: ignore[import-not-found]

    client = QdrantClient(":memory:")
    shape = models.VectorParams(size=vectors.shape[1], distance=models.Distance.DOT)
    client.create_collection("rows", vectors_config=shape)
    client.upload_collection("rows", vectors=vectors, ids=range(len(vectors)))

    def search(query: FloatArray, k: int) -> IdArray:
        points = client.query_points("rows", query=query[0].tolist(), limit=k).points
        return np.array([one.id for one in points])

    return None, search


PEERS: dict[str, Callable[[FloatArray], tuple[Callable[[int], None] | None, Search]]] = {
    "FAISS HNSW32,SQfp16": _faiss,
    "hnswlib M 32": _hnswlib,
    "usearch f16, 32": _usearch,
    "LanceDB, without index": _lancedb,
    "Qdrant Edge, HNSW M 32": _qdrant_edge,
    "qdrant-client, local": _qdrant,
}
