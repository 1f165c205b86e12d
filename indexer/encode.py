"""Encoding batches of items."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cmsearch.models.encodings import checked
from cmsearch.protocols import Encoder
from cmsearch.types import Encoding, FloatArray, Modality, Role
from indexer.prepare import PreparedItem, tower


def encode_items(encoder: Encoder, items: Sequence[PreparedItem]) -> Iterator[Encoding]:
    """An encoding for each item; a text longer than the model takes has a row for each piece, a
    shot one for each of its pictures, unless the encoder takes film itself. A sound has its vector
    from the reading.
    """
    if not items:
        return
    if items[0].part.modality is Modality.SOUND:
        yield from (Encoding(np.stack(item.inputs())) for item in items)
        return
    modality = tower(encoder, items[0].part.modality)
    rows = [item.inputs() for item in items]
    flat = [row for own in rows for row in own]
    size = encoder.capabilities.batch_size
    found = [
        checked(encoder, encoder.encode(batch, modality, Role.DOCUMENT), len(batch))
        for batch in (flat[start : start + size] for start in range(0, len(flat), size))
    ]
    places = [(batch, row) for batch in found for row in range(len(batch.vectors))]
    start = 0
    for own in rows:
        yield _joined(places[start : start + len(own)])
        start += len(own)


def _joined(places: Sequence[tuple[Encoding, int]]) -> Encoding:
    """The given rows of encodings as one encoding."""

    def rows(name: str) -> FloatArray | None:
        if getattr(places[0][0], name) is None:
            return None
        picked = [getattr(batch, name)[row] for batch, row in places]
        if name == "vectors" or name == "features":
            return np.stack(picked)
        longest = max(len(value) for value in picked)
        filled = np.zeros((len(picked), longest, *picked[0].shape[1:]), np.float32)
        for target, value in zip(filled, picked, strict=True):
            target[: len(value)] = value
        return filled

    vectors = rows("vectors")
    assert vectors is not None
    return Encoding(vectors, rows("tokens"), rows("weights"), rows("features"))
