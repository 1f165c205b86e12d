"""What an encoder gave, checked before it is stored or searched with."""

from __future__ import annotations

import numpy as np

from cmsearch.common.numbers import are_unit
from cmsearch.errors import ModelError
from cmsearch.protocols import Encoder
from cmsearch.types import Encoding, FloatArray, Modality, Role


def checked(encoder: Encoder, encoding: Encoding, rows: int) -> Encoding:
    """The encoding, if it is what an encoder promises; one by somebody else may have a mistake.

    Raises `ModelError` for other numbers of vectors, and for numbers that are none.
    """
    vectors = encoding.vectors
    if vectors.shape != (rows, encoder.space.dim) or not are_unit(vectors).all():
        raise ModelError(
            f"The encoder {encoder.space.encoder} did not give {rows} vectors of length 1 and "
            f"dimension {encoder.space.dim}. {_ADVICE}"
        )
    beside = (encoding.tokens, encoding.weights, encoding.features)
    if not all(np.isfinite(one).all() for one in beside if one is not None):
        raise ModelError(
            f"The encoder {encoder.space.encoder} gave numbers that aren't finite. {_ADVICE}"
        )
    return encoding


def document_tokens(encoder: Encoder, text: str) -> tuple[FloatArray, FloatArray] | None:
    """The tokens `(t, dim)` and weights `(t,)` of a text as a store keeps them, if there are any:
    an encoder may leave them out of queries, for their cost.
    """
    prepared = [encoder.prepare(piece, Modality.TEXT) for piece in encoder.split(text)]
    encoding = encoder.encode(prepared, Modality.TEXT, Role.DOCUMENT)
    checked(encoder, encoding, len(prepared))
    if encoding.tokens is None or encoding.weights is None:
        return None
    return np.concatenate(list(encoding.tokens)), np.concatenate(list(encoding.weights))


_ADVICE = (
    "Its weights may be damaged: fetch or install them again, or take another model (--model NAME)."
)
