"""The network of a learned reranker in NumPy: words look at the tokens of a picture, and judge.

It begins with what attention finds: the similarities of words and tokens steer where a word looks,
and what it found there is compared with the word (Parikh et al. 2016, a decomposable attention
model). `cmsearch.learning.training.crossing` is the same in torch, to be trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cmsearch.common.numbers import softmax
from cmsearch.types import FloatArray

PLACES = 10
"""Tokens of a text and of a picture that it looks at; as many as a store keeps."""
LIMIT = 20.0
"""No judgement is further from 0."""
SHARPNESS = 10.0
"""Similarities reach from -1 to 1; times this they are of the size of other logits."""
_EPSILON = 1e-5
Numbers = Mapping[str, FloatArray]
"""The tensors of the network by their names in torch."""
Tokens = tuple[FloatArray, FloatArray]
"""Vectors `(t, dim)` and weights `(t,)`."""


def judged(
    net: Numbers, words: FloatArray, weights: FloatArray, cells: FloatArray, present: FloatArray
) -> FloatArray:
    """How much better or worse n texts and pictures fit than the first stage says `(n,)`.

    In units of a logit, from -`LIMIT` to `LIMIT`. Of texts it reads words `(n, w, dim)` and their
    weights `(n, w)`, of pictures tokens `(n, t, dim)` and which of them are `present (n, t)`, by a
    weight above 0. An n of 1 on either side stands for each of the other's. A text or a picture
    without any gets 0.
    """
    similar = words @ cells.swapaxes(-1, -2)
    size = np.float32(np.sqrt(words.shape[-1]))
    seen = _linear(net, "cells", cells * size) + net["places"][: cells.shape[-2]]
    read = _linear(net, "words", words * size)
    shut = np.where(present > 0, np.float32(0), np.float32(-1e9))[..., None, None, :]
    for number in range(layers(net)):
        read = read + _layer(net, f"layers.{number}.", read, seen, similar, shut)
    told = _linear(net, "out", _normal(net, "norm", read))[..., 0]
    total = weights.sum(-1, keepdims=True)
    mean = (told * weights / np.maximum(total, 1e-9)).sum(-1)
    any_ = (present > 0).any(-1) & (total[..., 0] > 0)
    found: FloatArray = np.where(any_, LIMIT * np.tanh(mean / LIMIT), 0).astype(np.float32)
    return found


def layers(net: Numbers) -> int:
    """How many layers a network has."""
    return sum(name.endswith(".scale") for name in net)


def stacked(rows: Sequence[Tokens]) -> Tokens:
    """The tokens of n texts or pictures, filled up to `(n, t, dim)`, and their weights `(n, t)`.

    Of each the `PLACES` heaviest, in their order, with unit vectors.
    """
    kept = [_heaviest(*row) for row in rows]
    longest = max([1, *(len(weights) for _, weights in kept)])
    tokens = np.zeros((len(kept), longest, rows[0][0].shape[1]), np.float32)
    present = np.zeros((len(kept), longest), np.float32)
    for place, (own, weights) in enumerate(kept):
        tokens[place, : len(own)], present[place, : len(own)] = own, weights
    lengths = np.linalg.norm(tokens, axis=-1, keepdims=True)
    return tokens / np.maximum(lengths, 1e-6), present


def _heaviest(tokens: FloatArray, weights: FloatArray) -> Tokens:
    chosen = np.sort(np.argsort(-weights, kind="stable")[:PLACES])
    return tokens[chosen], np.maximum(weights[chosen], 0)


def _layer(
    net: Numbers,
    name: str,
    read: FloatArray,
    seen: FloatArray,
    similar: FloatArray,
    shut: FloatArray,
) -> FloatArray:
    """What a layer adds to the words `(n, w, width)`."""
    asking, shown = _normal(net, f"{name}asking", read), _normal(net, f"{name}shown", seen)
    scale = net[f"{name}scale"]
    query, key, value = (
        _heads(_linear(net, f"{name}{part}", rows), len(scale))
        for part, rows in (("query", asking), ("key", shown), ("value", shown))
    )
    near = SHARPNESS * similar[..., None, :, :]
    logits = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
    attention = softmax(logits + scale[:, None, None] * near + shut)
    found = (attention @ value).swapaxes(-2, -3)
    found = found.reshape(*found.shape[:-2], -1)
    matched = (attention * near).sum(-1).swapaxes(-1, -2)
    wide = np.broadcast_to(asking, found.shape)
    compared = np.concatenate([wide, found, wide * found, matched], axis=-1)
    inner = np.maximum(_linear(net, f"{name}up", compared), 0)
    return _linear(net, f"{name}down", inner)


def _linear(net: Numbers, name: str, rows: FloatArray) -> FloatArray:
    found: FloatArray = rows @ net[f"{name}.weight"].T + net[f"{name}.bias"]
    return found


def _normal(net: Numbers, name: str, rows: FloatArray) -> FloatArray:
    """Layer normalisation (Ba et al. 2016)."""
    centred = rows - rows.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + _EPSILON)
    found: FloatArray = centred / deviation * net[f"{name}.weight"] + net[f"{name}.bias"]
    return found


def _heads(rows: FloatArray, count: int) -> FloatArray:
    """`(…, t, width)` as `(…, heads, t, width / heads)`."""
    return rows.reshape(*rows.shape[:-1], count, -1).swapaxes(-2, -3)
