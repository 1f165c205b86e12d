"""Fuses a picture and a text of one space into one vector, each attending to the other's tokens.

The network was trained by `cmsearch.learning.training.fusion`; here it runs in NumPy, so that no
query waits for torch. Where none was trained the weighted sum stands in for it, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cmsearch.common.numbers import softmax
from cmsearch.types import MAX_TOKENS, FloatArray

HEADS = 4
WIDTH = 128
"""Numbers for each token within a network that is trained now; half where vectors have fewer."""
MAX_WIDTH = 1024
MOST = 1e4
"""No number that is learned is nearly as large; with larger ones sums might not be finite."""
TEMPERATURE = 0.05
"""Of the attention that is shown where no network was trained; by the cosines themselves."""
SIDES = ("image", "text")
EPSILON = 1e-5  # what torch's layer norms add to a variance
Tensors = Mapping[str, FloatArray]
"""A network's weights by name, as torch's `state_dict` has them."""


class Parts(NamedTuple):
    """n pictures, or n texts: `vectors (n, dim)`, and `tokens (n, t, dim)` with their
    `weights (n, t)`, 0 where a row has fewer than t.
    """

    vectors: FloatArray
    tokens: FloatArray
    weights: FloatArray


class Fusions(NamedTuple):
    """n pairs fused: as `Fused` has each, with a first axis of n."""

    vectors: FloatArray
    shares: FloatArray
    added: FloatArray
    by_image: FloatArray
    by_text: FloatArray


@dataclass(frozen=True, slots=True)
class Fused:
    """A picture and a text as one vector, and what each attends to in the other."""

    vector: FloatArray
    """A unit vector `(dim,)`: the sum of both times their shares, and of what the network adds."""
    shares: FloatArray
    """The shares `(2,)` of the picture and the text, which add up to 1."""
    added: float
    """The length of the vector that the network makes of what they say together, before all is
    brought to unit length; 0 without a network.
    """
    by_image: FloatArray
    """Attention `(1 + s, 1 + t)` of the picture as a whole and its s tokens to the text as a whole
    and its t tokens; rows add up to 1.
    """
    by_text: FloatArray
    """The attention `(1 + t, 1 + s)` the other way."""
    is_trained: bool
    """Whether a network joined them, and not their weighted sum."""


class Network:
    """Cross-attention between the tokens of both sides (Vaswani et al. 2017; as co-attention in
    ViLBERT, Lu et al. 2019). What the two wholes have seen decides on their shares, and gates what
    of each goes into a vector that is added (Arevalo et al. 2017).

    The tokens of a side are its vector, as a whole, and behind it its tokens.
    """

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def fuse(self, images: Parts, texts: Parts, priors: FloatArray) -> Fusions:
        """N pairs as vectors; `priors (n, 2)` are the shares of their weighted sum, all above 0."""
        rows = {"image": _whole(images), "text": _whole(texts)}
        states = {side: self._into(side, rows[side][0]) for side in SIDES}
        seen, by_image = self._attended("image", states["image"], states["text"], rows["text"][1])
        read, by_text = self._attended("text", states["text"], states["image"], rows["image"][1])
        both = np.concatenate([seen[:, 0], read[:, 0]], axis=1)
        shares = softmax(np.log(priors) + self._linear("shares", both))
        own = [self._linear("own_image", images.vectors), self._linear("own_text", texts.vectors)]
        gated: FloatArray = _sigmoid(self._linear("gates", both)) * np.concatenate(own, axis=1)
        added = self._linear("out", gated)
        total = shares[:, :1] * images.vectors + shares[:, 1:] * texts.vectors + added
        return Fusions(_unit(total), shares, np.linalg.norm(added, axis=1), by_image, by_text)

    def _into(self, side: str, tokens: FloatArray) -> FloatArray:
        return self._norm(f"{side}.norm", self._linear(f"{side}.into", tokens))

    def _attended(
        self, side: str, own: FloatArray, other: FloatArray, present: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The states of one side after attending to the other's, and the attention `(n, s, t)`."""
        query, key, value = (
            _heads(self._linear(f"{side}.{name}", rows))
            for name, rows in (("query", own), ("key", other), ("value", other))
        )
        scores = query @ key.swapaxes(2, 3) / math.sqrt(query.shape[3])
        attention = softmax(np.where(present[:, None, None], scores, -np.inf))
        found = (attention @ value).swapaxes(1, 2).reshape(own.shape)
        states = own + self._linear(f"{side}.found", found)
        wide = _gelu(self._linear(f"{side}.wide", self._norm(f"{side}.last", states)))
        means: FloatArray = attention.mean(1)
        return states + self._linear(f"{side}.narrow", wide), means

    def _linear(self, name: str, rows: FloatArray) -> FloatArray:
        found: FloatArray = rows @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]
        return found

    def _norm(self, name: str, rows: FloatArray) -> FloatArray:
        centred = rows - rows.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        found: FloatArray = scaled * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return found


def summed(images: Parts, texts: Parts, priors: FloatArray) -> Fusions:
    """What stands in for a network: weighted sums, and the attention of cosines to each other."""
    seen, has_seen = _whole(images)
    read, has_read = _whole(texts)
    cosines = seen @ read.swapaxes(1, 2) / TEMPERATURE
    by_image = softmax(np.where(has_read[:, None], cosines, -np.inf))
    by_text = softmax(np.where(has_seen[:, None], cosines.swapaxes(1, 2), -np.inf))
    total = priors[:, :1] * images.vectors + priors[:, 1:] * texts.vectors
    none = np.zeros(len(total), np.float32)
    return Fusions(_unit(total), priors / priors.sum(1, keepdims=True), none, by_image, by_text)


def parts(vectors: Sequence[FloatArray], tokens: Sequence[tuple[FloatArray, FloatArray]]) -> Parts:
    """Vectors `(dim,)` with the tokens `(t, dim)` and weights `(t,)` of each, as one; of more
    tokens than a store keeps, the first.
    """
    padded = np.zeros((len(tokens), MAX_TOKENS, len(vectors[0])), np.float32)
    weights = np.zeros((len(tokens), MAX_TOKENS), np.float32)
    for row, (some, own) in enumerate(tokens):
        count = min(len(some), MAX_TOKENS)
        padded[row, :count], weights[row, :count] = some[:count], own[:count]
    return Parts(np.array(vectors, np.float32), padded, weights)


def shapes(dim: int, width: int) -> dict[str, tuple[int, ...]]:
    """The shape of each of a network's tensors, by its name."""
    linear: dict[str, tuple[int, ...]] = {
        **{f"{side}.into": (width, dim) for side in SIDES},
        **{
            f"{side}.{name}": (width, width)
            for side in SIDES
            for name in ("query", "key", "value", "found")
        },
        **{f"{side}.wide": (2 * width, width) for side in SIDES},
        **{f"{side}.narrow": (width, 2 * width) for side in SIDES},
        **{f"own_{side}": (width, dim) for side in SIDES},
        "gates": (2 * width, 2 * width),
        "shares": (2, 2 * width),
        "out": (dim, 2 * width),
    }
    norms = [f"{side}.{name}" for side in SIDES for name in ("norm", "last")]
    return (
        {f"{name}.weight": shape for name, shape in linear.items()}
        | {f"{name}.bias": shape[:1] for name, shape in linear.items()}
        | {f"{name}.{kind}": (width,) for name in norms for kind in ("weight", "bias")}
    )


def check(tensors: Tensors, dim: int) -> None:
    """Raises `ValueError` for tensors that are no network for vectors of `dim` numbers."""
    first = tensors.get("gates.bias")
    width = 0 if first is None or first.ndim != 1 else len(first) // 2
    if not 0 < width <= MAX_WIDTH or width % HEADS:
        raise ValueError(f"its fusion has a width of at most {MAX_WIDTH}, in {HEADS} heads")
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != shapes(dim, width):
        raise ValueError(f"its fusion's numbers aren't those of {dim} dimensions")
    if any(tensor.dtype != np.float32 for tensor in tensors.values()):
        raise ValueError("its fusion is in float32")
    if not all((np.abs(tensor) <= MOST).all() for tensor in tensors.values()):
        raise ValueError("not all of its fusion's numbers are finite, and such as are learned")


def _whole(some: Parts) -> tuple[FloatArray, FloatArray]:
    """The tokens `(n, 1 + t, dim)` with the vector as the first, and which are there."""
    rows = np.concatenate([some.vectors[:, None], some.tokens], axis=1)
    first = np.ones((len(rows), 1), bool)
    return rows, np.concatenate([first, some.weights > 0], axis=1)


def _heads(rows: FloatArray) -> FloatArray:
    """From `(n, t, width)` to `(n, heads, t, width / heads)`."""
    return rows.reshape(*rows.shape[:2], HEADS, -1).swapaxes(1, 2)


def _sigmoid(rows: FloatArray) -> FloatArray:
    found: FloatArray = (0.5 + 0.5 * np.tanh(rows / 2)).astype(np.float32)
    return found


def _gelu(rows: FloatArray) -> FloatArray:
    """By its approximation with a hyperbolic tangent, which NumPy has."""
    inner = math.sqrt(2 / math.pi) * (rows + 0.044715 * rows**3)
    found: FloatArray = 0.5 * rows * (1 + np.tanh(inner))
    return found


def _unit(rows: FloatArray) -> FloatArray:
    found: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return found
