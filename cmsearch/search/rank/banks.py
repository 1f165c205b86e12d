"""The queries that hubness is measured with, and what texts have in common."""

# Tested by tests/unit/cmsearch/search/rank/test_hubness.py

from __future__ import annotations

import threading
from collections.abc import Sequence
from math import ceil

import numpy as np

from cmsearch.models.encoders.words import PROMPT
from cmsearch.models.encodings import checked
from cmsearch.protocols import Banked, Encoder
from cmsearch.store.catalog import embeddings, samples
from cmsearch.store.store import Store
from cmsearch.store.view import Basis, View
from cmsearch.types import EncodedQuery, FloatArray, IdArray, Modality, Role, Space

SIZE = 2048
"""At most this many queries measure hubness."""
ENOUGH = 64
"""A store with fewer items of its own adds others to the bank."""


class Banks:
    """The other queries that hubness is measured with, remembered while the basis is the same.

    They are the items of the view's basis that are of the query's modality; with fewer than
    `ENOUGH` of these also the encoder's own (see `Banked`), or else, for a text, the captions that
    come with cmsearch. Safe from threads.
    """

    def __init__(self, store: Store) -> None:
        self._catalog = store.catalog
        self._lock = threading.Lock()
        self._sampled: dict[tuple[int, Basis, Modality], tuple[IdArray, FloatArray]] = {}
        self._usual: dict[tuple[int, Basis], FloatArray] = {}
        self._prompts: dict[Space, FloatArray] = {}

    def without(self, view: View, encoder: Encoder, query: EncodedQuery) -> FloatArray:
        """Queries `(m, dim)` of the modality of `query`, and not itself."""
        return pooled([(self, view)], encoder, query)

    def own(self, view: View, query: EncodedQuery, most: int) -> FloatArray:
        """At most so many of the store itself."""
        ids, vectors = self._sample(view, view.space.dim, query.modality)
        same = embeddings.with_digest(self._catalog, view.space_id, query.digest)
        return vectors[:most][~np.isin(ids[:most], same)]

    def usual(self, view: View, encoder: Encoder) -> FloatArray:
        """The mean vector `(dim,)` of the captions that come with cmsearch; 0 where none are kept.

        A cosine less that with it is how much nearer an item is to a text than to any text.
        """
        key = (view.space_id, view.basis)
        with self._lock:
            if key not in self._usual:
                bank = self._catalog.bank(view.space_id, encoder.space.dim)
                self._usual = {key: bank.sum(0) / max(len(bank), 1)}
            return self._usual[key]

    def prompt(self, encoder: Encoder) -> FloatArray:
        """The vector `(dim,)` of the prompt that words stand in, without a word."""
        with self._lock:
            if encoder.space not in self._prompts:
                prepared = [encoder.prepare(PROMPT, Modality.TEXT)]
                encoding = encoder.encode(prepared, Modality.TEXT, Role.QUERY)
                self._prompts = {encoder.space: checked(encoder, encoding, 1).vectors[0]}
            return self._prompts[encoder.space]

    def _sample(self, view: View, dim: int, modality: Modality) -> tuple[IdArray, FloatArray]:
        key = (view.space_id, view.basis, modality)
        with self._lock:
            if key not in self._sampled:
                last = view.basis.last
                sample = samples.sample(self._catalog, view.space_id, modality, dim, SIZE, last)
                kept = {old: rows for old, rows in self._sampled.items() if old[:2] == key[:2]}
                self._sampled = {**kept, key: sample}
            return self._sampled[key]

    def given(self, view: View, encoder: Encoder, modality: Modality) -> FloatArray:
        """Those that come with the encoder, or else with cmsearch."""
        given = encoder.bank(modality) if isinstance(encoder, Banked) else ()
        if len(given) or modality is not Modality.TEXT:
            return np.asarray(given, np.float32).reshape(-1, encoder.space.dim)
        return self._catalog.bank(view.space_id, encoder.space.dim)


def pooled(
    members: Sequence[tuple[Banks, View]], encoder: Encoder, query: EncodedQuery
) -> FloatArray:
    """The bank of `Banks.without` of stores in one space as if they were one: each gives as large a
    share of it as it has of all items.
    """
    sizes = [len(view.indexes.get(query.modality, ())) for _, view in members]
    total = max(sum(sizes), 1)
    found = [
        banks.own(view, query, SIZE if len(members) == 1 else ceil(SIZE * size / total))
        for (banks, view), size in zip(members, sizes, strict=True)
    ]
    if sum(map(len, found)) < ENOUGH:
        banks, view = members[0]
        found.append(banks.given(view, encoder, query.modality))
    return found[0] if len(found) == 1 else np.concatenate(found)
