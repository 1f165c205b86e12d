"""Vectors and tokens as the bytes that a catalog keeps."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from cmsearch.common.numbers import are_unit
from cmsearch.types import MAX_TOKENS, FloatArray, IdArray


def pack_tokens(tokens: FloatArray, weights: FloatArray) -> bytes:
    """Tokens `(t, dim)` as bytes: per token a float16 scale, a float16 weight and int8 values.

    Tokens of weight 0 are filling and are left out; of the others at most `MAX_TOKENS` are kept.
    """
    kept = np.flatnonzero(weights > 0)[:MAX_TOKENS]
    scales = (np.abs(tokens[kept]).max(1, initial=0) / 127).astype("<f2")
    values = np.round(tokens[kept] / np.maximum(scales[:, None], 1e-7)).clip(-127, 127)
    heads = np.stack([scales, weights[kept].astype("<f2")], 1).astype("<f2").view(np.int8)
    return np.concatenate([heads, values.astype(np.int8)], 1).tobytes()


def unpack_tokens(blob: bytes, dim: int) -> tuple[FloatArray, FloatArray]:
    """The tokens `(t, dim)` and weights `(t,)` of `pack_tokens`."""
    rows = np.frombuffer(blob, np.int8).reshape(-1, dim + 4)
    heads = np.ascontiguousarray(rows[:, :4]).view("<f2").astype(np.float32)
    return rows[:, 4:] * heads[:, :1], heads[:, 1]


def unpack_all_tokens(blobs: Sequence[bytes], dim: int) -> list[tuple[FloatArray, FloatArray]]:
    """The same of many; raises `TypeError` and `ValueError` for what `pack_tokens` doesn't give."""
    if not all(isinstance(blob, bytes) for blob in blobs):
        raise TypeError("an embedding is blobs of the lengths that its space says")
    if any(len(blob) % (dim + 4) for blob in blobs):
        raise ValueError("tokens are as long as an embedding, with a scale and a weight")
    tokens, weights = unpack_tokens(b"".join(blobs), dim)
    if not (np.isfinite(tokens).all() and np.isfinite(weights).all()):
        raise ValueError("an embedding is finite numbers, as many as its space has dimensions")
    ends = np.cumsum([0, *(len(blob) // (dim + 4) for blob in blobs)]).tolist()
    return [(tokens[start:end], weights[start:end]) for start, end in pairwise(ends)]


def pack(vectors: FloatArray) -> str:
    """Vectors `(n, dim)` as text: base64 of their float16 values."""
    return base64.b64encode(vectors.astype("<f2").tobytes()).decode()


def unpack(text: str, dim: int) -> FloatArray:
    """The vectors `(n, dim)` of `pack`; none where the text isn't one of them."""
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), "<f2").astype(np.float32)
        vectors = values.reshape(-1, dim)
    except ValueError:
        return np.empty((0, dim), np.float32)
    sound: FloatArray = vectors[are_unit(vectors)]
    return sound


def shaped(rows: Sequence[Any], dim: int) -> list[Any]:
    """The rows of which the vector is the bytes of `dim` numbers."""
    return [row for row in rows if isinstance(row[1], bytes) and len(row[1]) == 2 * dim]


def matrix(rows: Sequence[Any], dim: int) -> tuple[IdArray, FloatArray]:
    """Rows of (id, vector's bytes) as ids `(n,)` and vectors `(n, dim)`, without damaged ones."""
    ids = np.array([row[0] for row in rows], np.int64)
    halves = np.frombuffer(b"".join(row[1] for row in rows), "<f2").reshape(len(ids), dim)
    vectors = halves.astype(np.float32)
    sound = are_unit(vectors)
    return ids[sound], vectors[sound]
