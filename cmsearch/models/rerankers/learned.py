"""`learned`: a small network that `cmsearch fit --reranker` trained on the captions of an index.

It looks at the tokens of texts and pictures that the index keeps, and at no file. It is one file of
safetensors: plain numbers, the space whose tokens it reads, and a card that says what it was
learned from and what it gained.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief
from cmsearch.models import spaces, tensorfile
from cmsearch.models.rerankers.crossing import PLACES, Numbers, Tokens, judged, layers, stacked
from cmsearch.types import Candidates, EncodedQuery, FloatArray, Modality, Space

FORMAT = "cmsearch-reranker 1"
MAX_BYTES = 2**24
MAX_WIDTH = 512
MAX_LAYERS = 4
MAX_VALUE = 1e4
"""No number of a network is larger; those that were trained are below 100."""
MAX_SCALE = 2.0
SECONDS = 0.0005
"""About what a candidate takes on one core, fetching its tokens included."""
_DIRECTIONS = {
    "text→image": (Modality.TEXT, Modality.IMAGE),
    "image→text": (Modality.IMAGE, Modality.TEXT),
}


@dataclass(frozen=True)
class Learned:
    """A network for the tokens of `space`, and what it knows of itself.

    `scales` has by direction what a judgement of 1 adds to a cosine; a direction that isn't there
    was not found to gain.
    """

    space: Space
    numbers: Numbers
    scales: Mapping[str, float]
    card: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides what it computes; not of the card."""
        about = [FORMAT, spaces.described(self.space), sorted(self.scales.items())]
        found = hashlib.sha256(json.dumps(about).encode())
        for name in sorted(self.numbers):
            found.update(name.encode() + b"\0" + self.numbers[name].astype("<f4").tobytes())
        return found.hexdigest()


class LearnedReranker:
    """Scores texts with pictures by what the network judges; to be added to cosines as it is."""

    def __init__(self, learned: Learned) -> None:
        self.learned = learned
        self.space = learned.space
        self.directions = frozenset(_DIRECTIONS[name] for name in learned.scales)
        self._scales = {_DIRECTIONS[name]: value for name, value in learned.scales.items()}

    def cost(self, n: int) -> float:
        """Seconds for n candidates."""
        return n * SECONDS

    def score(self, query: EncodedQuery, candidates: Candidates) -> FloatArray:
        """What the network adds `(n,)`; 0 without tokens on either side, or in a direction in
        which it was not found to gain.

        Raises `ModelError` for tokens of another encoder.
        """
        scores = np.zeros(len(candidates.items), np.float32)
        if query.tokens is None or query.weights is None or not len(scores):
            return scores
        own = query.tokens, query.weights
        kinds = np.array(
            [self._scales.get((query.modality, item.modality), 0.0) for item in candidates.items],
            np.float32,
        )
        rows = np.flatnonzero(kinds)
        if not len(rows):
            return scores
        stored = candidates.tokens()
        scores[rows] = kinds[rows] * self._judged(
            query.modality, own, [stored[row] for row in rows.tolist()]
        )
        return scores

    def _judged(self, asked: Modality, query: Tokens, items: list[Tokens]) -> FloatArray:
        dim = self.learned.space.dim
        if query[0].shape[1] != dim or any(one.shape[1] != dim for one, _ in items):
            raise ModelError(
                f"The reranker reads tokens of {dim} dimensions, as the model has that it was "
                "learned with. Search without it: --rerank none."
            )
        one, many = stacked([query]), stacked(items)
        texts, pictures = (one, many) if asked is Modality.TEXT else (many, one)
        with np.errstate(all="ignore"):  # a file from elsewhere may hold any numbers
            found = judged(self.learned.numbers, *texts, *pictures)
        if not np.isfinite(found).all():
            raise ModelError(
                "The numbers of the reranker are too large to compute with. Learn it anew with "
                "`cmsearch fit --reranker`, or search with --rerank none."
            )
        return found


def load(model: str, *, device: str | None = None, download: bool = False) -> LearnedReranker:
    """The reranker in the file `model`; it computes in NumPy, on any device.

    Raises `UnknownModelError` without a name, and `ModelUnavailableError`.
    """
    if not model:
        raise UnknownModelError(
            "A learned reranker is named by its file, as learned:mine.safetensors; `cmsearch fit "
            "--reranker --export FILE` writes one. That of an index is used by itself."
        )
    try:
        return LearnedReranker(read(Path(model).expanduser()))
    except RuntimeError as error:
        raise UnknownModelError(f"The home directory in {model!r} is unknown.") from error


def pack(learned: Learned) -> bytes:
    """The file of a reranker; the same one gives the same bytes."""
    about = {
        "space": spaces.described(learned.space),
        "scales": dict(learned.scales),
        "card": dict(learned.card),
    }
    return tensorfile.pack(learned.numbers, FORMAT, about)


def unpack(data: bytes, name: str) -> Learned:
    """The reranker of `pack`; it may come from anywhere, and is checked number by number.

    Raises `ModelUnavailableError`, which calls it by `name`.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        numbers, about = tensorfile.unpack(data, FORMAT)
        scales = {str(key): float(value) for key, value in dict(about["scales"]).items()}
        found = Learned(spaces.parsed(about["space"]), numbers, scales, dict(about["card"]))
        _check(found)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelUnavailableError(
            f"{name} is no reranker as `cmsearch fit --reranker` makes them: {brief(error)}"
        ) from error
    return found


def read(path: Path) -> Learned:
    """The reranker in a file; raises `ModelUnavailableError`."""
    return unpack(tensorfile.read(path, MAX_BYTES, "reranker"), str(path))


def _check(found: Learned) -> None:
    """Raises `ValueError` for what `fit` would not have written."""
    numbers, dim = found.numbers, found.space.dim
    width, heads, depth = (
        numbers["out.weight"].size,
        numbers["layers.0.scale"].size,
        layers(numbers),
    )
    if not (0 < depth <= MAX_LAYERS and 0 < width <= MAX_WIDTH and heads and width % heads == 0):
        raise ValueError("it has other layers than are made here")
    shapes = shapes_of(dim, width, heads, depth)
    if {name: one.shape for name, one in numbers.items()} != shapes:
        raise ValueError("its tensors aren't those of such a network")
    if any(one.dtype != np.float32 for one in numbers.values()):
        raise ValueError("its numbers are in float32")
    if not all((np.abs(one) <= MAX_VALUE).all() for one in numbers.values()):  # no NaN is
        raise ValueError("not all of its numbers are finite and of a usual size")
    if not found.scales or not found.scales.keys() <= _DIRECTIONS.keys():
        raise ValueError("it names directions that there aren't")
    if not all(math.isfinite(one) and 0 < one <= MAX_SCALE for one in found.scales.values()):
        raise ValueError(f"what it adds is between 0 and {MAX_SCALE}")


def shapes_of(dim: int, width: int, heads: int, depth: int) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a network."""
    linear = {"words": (width, dim), "cells": (width, dim), "out": (1, width)}
    normal = ["norm"]
    found: dict[str, tuple[int, ...]] = {"places": (PLACES, width)}
    for number in range(depth):
        name = f"layers.{number}."
        found[f"{name}scale"] = (heads,)
        normal += [f"{name}asking", f"{name}shown"]
        linear |= {f"{name}{part}": (width, width) for part in ("query", "key", "value")}
        linear[f"{name}up"] = 2 * width, 3 * width + heads
        linear[f"{name}down"] = width, 2 * width
    for name in normal:
        found |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    for name, shape in linear.items():
        found |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return found
