"""Adapters: what was learned from pairs of pictures and captions, on top of an encoder.

An adapter moves the vectors of pictures towards where their captions lie, and may have a network
that fuses a picture and a text. It is one file of safetensors: plain numbers, the space that it is
on top of, and a card that says what it was learned from and what it gained.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.common.files import check_no_link, replace_file
from cmsearch.errors import ModelUnavailableError, brief
from cmsearch.models import fusion_network, spaces, tensorfile
from cmsearch.types import FloatArray, Space

FORMAT = "cmsearch-adapter 1"
MAX_BYTES = 2**28
MAX_INPUTS = 65_536
_FUSION = "fusion."
"""What the names of a network's tensors begin with in the file."""


@dataclass(frozen=True)
class Adapter:
    """A map of pictures in the space `base`.

    It reads `inputs (n, d)`: the base's vectors, and behind them the encoder's features if it was
    learned with them. `weight (d, dim)` and `bias (dim,)` predict a picture's mean caption, of
    which `share` is taken and the rest of the base's own vector. One of share 0 moves nothing, and
    predicts nothing: its weight is `(d, 0)`. `fusion` are the tensors of a network of
    `cmsearch.models.fusion_network`, or none.
    """

    base: Space
    weight: FloatArray
    bias: FloatArray
    share: float
    card: Mapping[str, Any] = field(default_factory=dict)
    fusion: fusion_network.Tensors = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides what it computes; not of the card."""
        width = [] if self.share else [len(self.weight)]  # which has no numbers then
        head = json.dumps([FORMAT, spaces.described(self.base), self.share, *width])
        rows = [self.weight, self.bias, *(self.fusion[name] for name in sorted(self.fusion))]
        numbers = (one.astype("<f4").tobytes() for one in rows)
        return hashlib.sha256(b"\0".join([head.encode(), *numbers])).hexdigest()

    @property
    def space(self) -> Space:
        """The space that it maps into."""
        return replace(self.base, adapter=self.digest)

    def apply(self, inputs: FloatArray) -> FloatArray:
        """Unit vectors `(n, dim)` for inputs `(n, d)`."""
        own = inputs[:, : self.base.dim]
        if not self.share:
            return own
        return blended(own, inputs @ self.weight + self.bias, self.share)


def unmoving(base: Space, width: int) -> Adapter:
    """An adapter that leaves the vectors of pictures as they are, and reads `width` numbers."""
    return Adapter(base, np.zeros((width, 0), np.float32), np.zeros(0, np.float32), 0.0)


def blended(own: FloatArray, predicted: FloatArray, share: float) -> FloatArray:
    """Unit vectors `(n, dim)`: a share of the predicted directions, the rest of the own ones."""
    norms = np.linalg.norm(predicted, axis=1, keepdims=True)
    total = (1 - share) * own + share * predicted / np.maximum(norms, 1e-6)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    found: FloatArray = np.where(length > 1e-6, total / np.maximum(length, 1e-6), own)
    return found


def inputs(vectors: FloatArray, features: FloatArray | None) -> FloatArray:
    """What an adapter reads `(n, d)`, rounded to the float16 values that a store keeps."""
    rows = vectors if features is None else np.concatenate([vectors, features], axis=1)
    kept: FloatArray = rows.astype(np.float16).astype(np.float32)
    return kept


def pack(adapter: Adapter) -> bytes:
    """The file of an adapter; the same adapter gives the same bytes."""
    about = {
        "base": spaces.described(adapter.base),
        "share": adapter.share,
        "card": dict(adapter.card),
    }
    fusion = {_FUSION + name: tensor for name, tensor in adapter.fusion.items()}
    tensors = {"weight": adapter.weight, "bias": adapter.bias, **fusion}
    return tensorfile.pack(tensors, FORMAT, about)


def unpack(data: bytes, name: str) -> Adapter:
    """The adapter of `pack`; it may come from anywhere, and is checked number by number.

    Raises `ModelUnavailableError`, which calls it by `name`.
    """
    try:
        tensors, about = tensorfile.unpack(data, FORMAT)
        adapter = Adapter(
            spaces.parsed(about["base"]),
            tensors["weight"],
            tensors["bias"],
            float(about["share"]),
            dict(about["card"]),
            {
                name.removeprefix(_FUSION): tensor
                for name, tensor in tensors.items()
                if name.startswith(_FUSION)
            },
        )
        _check(adapter, set(tensors))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelUnavailableError(
            f"{name} is no adapter as `cmsearch fit` makes them: {brief(error)}"
        ) from error
    return adapter


def read(path: Path) -> Adapter:
    """The adapter in a file; raises `ModelUnavailableError`."""
    return unpack(tensorfile.read(path, MAX_BYTES, "adapter"), str(path))


def write(path: Path, data: bytes) -> None:
    """Write a file of `pack` beside its place and rename it; raises `ModelUnavailableError`."""
    try:
        check_no_link(path)
        replace_file(path, data)
    except OSError as error:
        raise ModelUnavailableError(f"{path} can't be written: {error.strerror}.") from error


def _check(adapter: Adapter, names: set[str]) -> None:
    """Raises `ValueError` for what `fit` would not have written."""
    weight, bias, dim = adapter.weight, adapter.bias, adapter.base.dim
    names = {name for name in names if not name.startswith(_FUSION)}
    if names != {"weight", "bias"} or weight.dtype != np.float32 or bias.dtype != np.float32:
        raise ValueError("it consists of a weight and a bias in float32")
    columns = dim if adapter.share else 0
    if weight.ndim != 2 or weight.shape[1] != columns or bias.shape != (columns,):
        raise ValueError(f"its numbers aren't those of {dim} dimensions")
    if not dim <= len(weight) <= MAX_INPUTS:
        raise ValueError("it reads a vector, and perhaps features behind it")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError("not all of its numbers are finite")
    if not (math.isfinite(adapter.share) and 0 <= adapter.share <= 1):
        raise ValueError("its share is between 0 and 1")
    if adapter.base.adapter is not None or adapter.base.encoder == "adapter":
        raise ValueError("it is on top of another adapter")
    if adapter.fusion:
        fusion_network.check(adapter.fusion, dim)
