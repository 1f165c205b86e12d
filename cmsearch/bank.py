"""A bank of captions about nothing in particular, to know how well chance matches a collection."""

from __future__ import annotations

import base64
from importlib.resources import files

import numpy as np

from cmsearch.protocols import Encoder
from cmsearch.queries import encode_queries
from cmsearch.types import FloatArray

SIZE = 150


def captions() -> list[str]:
    """`SIZE` captions of everyday photographs, written for cmsearch, spread over the whole list."""
    text = files("cmsearch").joinpath("data/captions.txt").read_text(encoding="utf-8")
    lines = text.splitlines()
    return lines[:: max(1, len(lines) // SIZE)][:SIZE]


def encoded(encoder: Encoder) -> FloatArray:
    """The captions as queries `(n, dim)`."""
    queries, _ = encode_queries(encoder, captions(), None)
    return np.stack([query.parts[0].vector for query in queries])


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
    sound: FloatArray = vectors[np.abs((vectors**2).sum(1) - 1) < 0.02]
    return sound
