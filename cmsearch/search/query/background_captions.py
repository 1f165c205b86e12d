"""A bank of captions about nothing in particular, to know how well chance matches a collection."""

# Tested by tests/unit/cmsearch/store/index/test_background.py

from __future__ import annotations

from importlib.resources import files

import numpy as np

from cmsearch.protocols import Encoder
from cmsearch.search.query.encode import encode_queries
from cmsearch.types import FloatArray

SIZE = 150


def captions() -> list[str]:
    """`SIZE` captions of everyday photographs, written for cmsearch, spread over the whole list."""
    text = files(__package__).joinpath("background_captions.txt").read_text(encoding="utf-8")
    lines = text.splitlines()
    return lines[:: max(1, len(lines) // SIZE)][:SIZE]


def encoded(encoder: Encoder) -> FloatArray:
    """The captions as queries `(n, dim)`."""
    queries, _ = encode_queries(encoder, captions(), None)
    return np.stack([query.parts[0].vector for query in queries])
