"""Tokens as the bytes that a catalog keeps."""

from __future__ import annotations

import numpy as np

from cmsearch.types import MAX_TOKENS, FloatArray


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
