"""Texts that are no captions, encoded by a store's own model to be learned from."""

# Tested by tests/unit/cmsearch/learning/test_marked.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from cmsearch.models.loading import load_encoder
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.search.query import encode
from cmsearch.search.rank.attention import Tokens, query_tokens
from cmsearch.types import EncodedQuery, FloatArray, Space


class TextEncoder:
    """Encodes texts as queries in a space, by its encoder without an adapter, which leaves texts as
    they are. It is loaded at the first of them, on a `device` as torch names them; raises
    `ModelError`.
    """

    def __init__(self, space: Space, device: str | None) -> None:
        self._space = space
        self._device = device

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """Unit vectors `(n, dim)`."""
        return np.stack([one.vector for one in self._encoded(texts)])

    def tokens(self, texts: Mapping[int, str]) -> dict[int, Tokens]:
        """By their keys the tokens of those texts that the encoder gives some of."""
        if not texts:
            return {}
        rows = zip(texts, self._encoded(list(texts.values())), strict=True)
        found = {row: query_tokens(self._encoder, one) for row, one in rows}
        return {row: tokens for row, tokens in found.items() if tokens is not None}

    def _encoded(self, texts: Sequence[str]) -> list[EncodedQuery]:
        found, _ = encode.encode_queries(self._encoder, list(texts), None)
        return [query.parts[0] for query in found]

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(model_name(self._space), device=self._device, space=self._space)
