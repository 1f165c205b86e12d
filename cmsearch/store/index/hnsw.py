"""The approximate index: an HNSW graph in FAISS, kept as plain arrays that are checked when read.

FAISS's own format is not read: a damaged or a crafted file of it can lead anywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import FloatArray, IdArray

FACTORY = "HNSW32,SQfp16"
_NEIGHBOURS = 32
RECALL = 0.97
"""The share of the true ten nearest that the approximate index has to find when it is tuned."""
_DEPTHS = (32, 64, 128, 256, 512, 1024)
_HELD_OUT = 256


def flat(vectors: FloatArray) -> Any:
    """A FAISS index that compares every vector `(n, dim)`."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    return index


def graph(vectors: FloatArray) -> Any:
    """A FAISS graph of `vectors (n, dim)` whose `efSearch` finds `RECALL` of the true nearest.

    It is tuned on vectors that are held out of it, and added once it is tuned. They are moved away
    from the others as far as queries of another modality are: a graph finds those less easily.
    """
    import faiss

    vectors = np.ascontiguousarray(vectors, np.float32)
    index = faiss.index_factory(vectors.shape[1], FACTORY, faiss.METRIC_INNER_PRODUCT)
    held_out = min(_HELD_OUT, len(vectors) // 2)
    rest, last = vectors[:-held_out], vectors[-held_out:]
    queries = _moved_away(last)
    index.train(rest)
    index.add(rest)
    truth = flat(rest).search(queries, 10)[1]
    faiss.downcast_index(index).hnsw.efSearch = _tuned(index, queries, truth)
    index.add(last)
    return index


def _moved_away(vectors: FloatArray) -> FloatArray:
    """Unit vectors with a cosine of about 0.45 to the given ones, in directions of chance."""
    noise = np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    moved: FloatArray = vectors + 2 * noise
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return moved


def _tuned(index: Any, queries: FloatArray, truth: IdArray) -> int:
    import faiss

    for depth in _DEPTHS:
        params = faiss.SearchParametersHNSW(efSearch=depth)
        found = index.search(queries, truth.shape[1], params=params)[1]
        hits = [np.isin(row, right).sum() for row, right in zip(found, truth, strict=True)]
        if sum(hits) >= RECALL * truth.size:
            break
    return depth


def links(index: Any) -> NDArray[np.int32]:
    """A graph without its vectors: its entry, its depth, the rows' levels, and all links."""
    import faiss

    hnsw = faiss.downcast_index(index).hnsw
    levels, neighbors = (faiss.vector_to_array(part) for part in (hnsw.levels, hnsw.neighbors))
    return np.concatenate([[hnsw.entry_point, hnsw.efSearch], levels, neighbors]).astype(np.int32)


def from_links(links: NDArray[np.int32], codes: NDArray[np.uint8], dim: int) -> Any:
    """The graph of `links` over float16 vectors of dimension `dim`, given as their bytes.

    Raises `ValueError` where a link would lead out of it.
    """
    import faiss

    index = faiss.IndexHNSWSQ(
        dim, faiss.ScalarQuantizer.QT_fp16, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
    )
    hnsw, rows = index.hnsw, codes.size // (2 * dim)
    if len(links) < 2 + rows:
        raise ValueError("it is too short")
    entry, depth = int(links[0]), int(links[1])
    levels, neighbors = links[2 : 2 + rows], links[2 + rows :]
    per_level = faiss.vector_to_array(hnsw.cum_nneighbor_per_level).astype(np.int64)
    offsets = _checked_offsets(levels, neighbors, entry, per_level)
    for name, values in (("levels", levels), ("neighbors", neighbors), ("offsets", offsets)):
        faiss.copy_array_to_vector(np.ascontiguousarray(values), getattr(hnsw, name))
    hnsw.entry_point, hnsw.max_level = entry, int(levels[entry]) - 1
    hnsw.efSearch = min(max(depth, _DEPTHS[0]), _DEPTHS[-1])
    storage = faiss.downcast_index(index.storage)
    faiss.copy_array_to_vector(np.ascontiguousarray(codes), storage.codes)
    index.ntotal = storage.ntotal = rows
    index.is_trained = storage.is_trained = True
    return index


def _checked_offsets(
    levels: NDArray[np.int32],
    neighbors: NDArray[np.int32],
    entry: int,
    per_level: NDArray[np.int64],
) -> NDArray[np.uint64]:
    """Where the links of each row begin; raises `ValueError` where following one isn't safe.

    Row i has links on the levels 0 … `levels[i]` − 1, each to rows that have that level too.
    """
    rows = len(levels)
    if not 0 <= entry < rows or levels.min() < 1 or levels.max() >= len(per_level):
        raise ValueError("a level is out of range")
    if levels[entry] != levels.max():
        raise ValueError("its entry is not at the top")
    offsets = np.concatenate([[0], np.cumsum(per_level[levels])])
    if neighbors.shape != (offsets[-1],) or neighbors.min() < -1 or neighbors.max() >= rows:
        raise ValueError("a link is out of range")
    for level in range(1, int(levels.max())):
        own = offsets[:-1][levels > level]
        linked = neighbors[own[:, None] + np.arange(per_level[level], per_level[level + 1])]
        if (levels[linked[linked >= 0]] <= level).any():
            raise ValueError(f"a link of level {level} leads below it")
    return offsets.astype(np.uint64)
