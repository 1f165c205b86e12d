"""The metrics of retrieval: recall, MRR and nDCG over a gold standard."""

# Tested by tests/unit/cmsearch/learning/test_evaluate.py

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.files import read_file
from cmsearch.errors import MediaError
from cmsearch.types import IdArray

CUTOFFS = (1, 5, 10)
BOOTSTRAP = 1000
CERTAIN = 2.0
"""Standard errors by which something has to be better to be certainly so."""
MAX_BYTES = 256 * 2**20
"""The largest file of pairs, or of queries."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A caption and the picture that it describes."""

    image: str
    """The path of the picture, from the store's root."""
    caption: str
    """The caption."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over queries, with its 95 % bootstrap interval."""

    value: float
    """The mean."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""


def read_gold(path: Path, root: Path) -> list[Gold]:
    """The pairs of a `captions.jsonl`, whose paths are relative to its own folder.

    Raises `MediaError`.
    """
    gold = []
    try:
        lines = read_file(path, MAX_BYTES).decode().splitlines()
        for line in filter(str.strip, lines):
            pair = json.loads(line)
            image = (path.parent / pair["image"]).resolve().relative_to(root.resolve())
            if not pair["caption"].strip():
                raise ValueError("an empty caption")
            gold.append(Gold(image.as_posix(), pair["caption"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MediaError(
            f'{path} is not a file of lines {{"image": …, "caption": …}} about pictures in {root}: '
            f"{error}."
        ) from error
    return gold


def ndcg(relevant: NDArray[np.bool_], k: int, count: int | None = None) -> float:
    """nDCG@k of a ranking with binary relevance (Järvelin and Kekäläinen 2002); `count` is how many
    are relevant, where the ranking may not have all of them.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = discounts[: min(k, int(relevant.sum()) if count is None else count)].sum()
    gain = (relevant[:k] * discounts[: len(relevant[:k])]).sum()
    return float(gain / ideal) if ideal else 0.0


def bpref(relevant: NDArray[np.bool_], wrong: NDArray[np.bool_], count: int) -> float:
    """How seldom what was judged wrong comes before what is relevant, of which there are `count`,
    whatever nobody judged between them (bpref, Buckley and Voorhees 2004).
    """
    before = np.minimum(np.cumsum(wrong), count)
    most = max(1, min(count, int(wrong.sum())))
    return float((1 - np.minimum(before[relevant], most) / most).sum()) / count


def are_certain(gains: NDArray[np.float64], groups: IdArray) -> bool:
    """Whether the mean of gains `(n,)` is certainly above 0, by `CERTAIN` standard errors over
    groups `(n,)` of gains that depend on each other.
    """
    of_groups = np.bincount(groups, gains - gains.mean())
    error = float(np.sqrt((of_groups**2).sum())) / len(gains)
    return bool(gains.mean() > CERTAIN * error)


def measure(values: NDArray[np.float64]) -> Measure:
    """The mean of a value for each query, with its interval."""
    random = np.random.default_rng(0)
    samples = random.integers(0, len(values), (BOOTSTRAP, len(values)))
    low, high = np.percentile(values[samples].mean(axis=1), [2.5, 97.5])
    return Measure(float(values.mean()), float(low), float(high))
