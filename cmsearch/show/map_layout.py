"""Laying vectors out in two dimensions, so that what is alike lies together."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from cmsearch.errors import CmsearchError
from cmsearch.types import FloatArray

Points = NDArray[np.float64]
Report = Callable[[int, int], None]
"""Told how many steps of how many are done."""

WIDTH = 1.6
"""Of the area that is filled, whose height is 1: about that of a screen."""
COMPONENTS = 50
PERPLEXITY = 30
SEED = 0
_FEW = 8
"""Vectors of which neighbourhoods say nothing: they are laid out by their principal components."""
_EARLY, _LATE, _SPREADING = 250, 500, 100
_ALONE = 2000
"""Vectors that one thread lays out: the others would wait for each other longer than they work."""
_SHARE = 0.55
"""Of the area that pictures are to cover."""
_EVEN = 0.4
"""From 0, the places as they come, to 1, where each column and row of the area has as many."""


def arrange(vectors: FloatArray, report: Report = lambda done, total: None) -> tuple[Points, float]:
    """Places `(n, 2)` of n vectors `(n, dim)` from 0 to `WIDTH` and 1, and the side of a square.

    Squares of that side around the places hardly overlap, and none leaves the area. By t-SNE (van
    der Maaten and Hinton 2008) through openTSNE, from the 50 principal components and their exact
    neighbours, starting at the first two components (Kobak and Berens 2019); then what overlaps is
    moved apart. The same vectors give the same places. Raises `CmsearchError` without openTSNE.
    """
    check_extra()
    if len(vectors) == 0:
        return np.zeros((0, 2)), 1.0
    reduced = _components(vectors.astype(np.float64))
    total = _EARLY + _LATE + _SPREADING
    places = reduced[:, :2].copy()
    if len(vectors) > _FEW:
        places = _tsne(reduced, lambda done: report(done, total))
    found = _spread(_filled(places), lambda done: report(_EARLY + _LATE + done, total))
    report(total, total)
    return found


def check_extra() -> None:
    """Raise `CmsearchError` if the libraries of the extra `map` are not here."""
    if not find_spec("openTSNE"):
        raise CmsearchError("The map needs cmsearch[map]: pip install 'cmsearch[map]'.")


def _components(vectors: Points) -> Points:
    """The first principal components `(n, at least 2)`, each with the sign of its largest value."""
    centred = vectors - vectors.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    found = centred @ axes[:, : -COMPONENTS - 1 : -1]
    found = np.pad(found, ((0, 0), (0, max(0, 2 - found.shape[1]))))
    largest = np.abs(found).argmax(0)
    signed: Points = found * np.where(found[largest, np.arange(found.shape[1])] < 0, -1, 1)
    return signed


def _tsne(reduced: Points, report: Callable[[int], None]) -> Points:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    jobs = -1 if len(reduced) > _ALONE else 1
    perplexity = min(PERPLEXITY, (len(reduced) - 1) / 3)
    near = PrecomputedNeighbors(*_neighbours(reduced, int(3 * perplexity)))
    affinities = PerplexityBasedNN(knn_index=near, perplexity=perplexity, n_jobs=jobs)
    start = reduced[:, :2] * 1e-4 / max(float(reduced[:, 0].std()), 1e-12)
    rng = np.random.default_rng(SEED)
    start = start + rng.normal(0, 1e-6, start.shape)  # equal pictures would stay on one spot
    embedding = TSNEEmbedding(start, affinities, n_jobs=jobs, random_state=SEED)
    for before, steps, options in (
        (0, _EARLY, {"exaggeration": 12, "momentum": 0.5}),
        (_EARLY, _LATE, {"momentum": 0.8}),
    ):
        embedding = embedding.optimize(
            n_iter=steps,
            callbacks=[lambda step, error, now, before=before: report(before + step)],
            callbacks_every_iters=25,
            **options,
        )
    return np.asarray(embedding, np.float64)


def _neighbours(rows: Points, count: int) -> tuple[NDArray[np.int64], Points]:
    """The nearest `count` others of each row `(n, count)`, and how far they are."""
    import faiss

    data = np.ascontiguousarray(rows, np.float32)
    index = faiss.IndexFlatL2(data.shape[1])
    index.add(data)
    squares, found = index.search(data, count + 1)
    # Of rows that are equal, another one may come before the row itself.
    is_self = found == np.arange(len(data))[:, None]
    is_self[~is_self.any(1), -1] = True
    shape = (len(data), count)
    distances = np.sqrt(np.maximum(squares[~is_self], 0)).reshape(shape).astype(np.float64)
    return found[~is_self].reshape(shape).astype(np.int64), distances


def _filled(places: Points) -> Points:
    """The places stretched to the area, and more where they are dense: it has little to waste."""
    low, high = places.min(0), places.max(0)
    span = high - low
    shares = np.where(span > 1e-12, (places - low) / np.where(span > 1e-12, span, 1), 0.5)
    ranks = places.argsort(0, kind="stable").argsort(0) / max(len(places) - 1, 1)
    filled: Points = ((1 - _EVEN) * shares + _EVEN * ranks) * (WIDTH, 1)
    return filled


def _spread(places: Points, report: Callable[[int], None]) -> tuple[Points, float]:
    """The places moved apart until squares hardly overlap, and the side of the squares.

    The squares grow to their size while they are moved, the way of the smaller overlap.
    """
    from scipy.spatial import cKDTree

    side = float(np.sqrt(_SHARE * WIDTH / len(places)))
    rng = np.random.default_rng(SEED)
    places = places + rng.normal(0, side * 1e-3, places.shape)
    for step in range(_SPREADING):
        now = side * min(1.0, 0.3 + 1.2 * step / _SPREADING)
        pairs = cKDTree(places).query_pairs(now, p=np.inf, output_type="ndarray")
        if len(pairs) == 0 and now == side:
            break
        places = places + _moves(places, pairs, now)
        report(step + 1)
    low, high = places.min(0) - side / 2, places.max(0) + side / 2
    scale = float(min((WIDTH, 1) / (high - low)))
    places = (places - (low + high) / 2) * scale + (WIDTH / 2, 0.5)
    return places, side * scale


def _moves(places: Points, pairs: NDArray[np.intp], side: float) -> Points:
    """By how much each place has to be moved, shared by the two of a pair."""
    first, second = pairs.T
    apart = places[second] - places[first]
    overlap = side - np.abs(apart)
    along = overlap.argmin(1)
    rows = np.arange(len(pairs))
    push = np.zeros_like(apart)
    push[rows, along] = 0.35 * overlap[rows, along] * np.where(apart[rows, along] < 0, -1, 1)
    moves = np.zeros_like(places)
    for axis in (0, 1):
        moves[:, axis] = np.bincount(second, push[:, axis], len(places)) - np.bincount(
            first, push[:, axis], len(places)
        )
    return moves
