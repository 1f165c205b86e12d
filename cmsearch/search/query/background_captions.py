"""A bank of captions about nothing in particular, to know how well chance matches a collection."""

# Tested by tests/unit/cmsearch/store/index/test_background.py

from __future__ import annotations

from importlib.resources import files

import numpy as np

from cmsearch.common.processors import cpu_count, threads
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
    """The captions as queries `(n, dim)`, in the batches of the encoder on as many threads."""
    form, texts = encoder.capabilities, captions()
    count = max(1, min(cpu_count(), form.workers))
    step = -(-len(texts) // (form.batch_size * count)) * form.batch_size
    shares = [texts[start : start + step] for start in range(0, len(texts), step)]
    with threads(count) as pool:
        found = pool.map(lambda share: encode_queries(encoder, share, None)[0], shares)
        return np.stack([query.parts[0].vector for queries in found for query in queries])
