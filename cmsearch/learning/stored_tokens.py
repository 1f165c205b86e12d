"""The tokens of what is learned from: those that a store keeps, and of texts that it hasn't."""

# Tested by tests/unit/cmsearch/learning/test_fit_reranker.py

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cmsearch.learning.attended import Attended
from cmsearch.learning.examples import Examples, Source
from cmsearch.search.rank.attention import Tokens
from cmsearch.search.rank.stages import defaults
from cmsearch.store.catalog import items
from cmsearch.types import FloatArray, IdArray, Modality


def tokens_of(source: Source, ids: IdArray) -> list[Tokens]:
    """The tokens that a store keeps of embeddings."""
    found = items.contents(source.store.catalog, ids.tolist(), source.space.dim)
    return [found[one][1] for one in ids.tolist()]


def tokens_of_texts(
    source: Source, found: Examples, rows: IdArray, others: Mapping[int, Tokens]
) -> list[Tokens]:
    """The tokens of texts by their rows: those of `others`, which are no captions, are given; one
    that isn't has none.
    """
    captions = rows[~np.isin(rows, list(found.others))]
    stored = dict(zip(captions.tolist(), tokens_of(source, found.texts[captions]), strict=True))
    none = np.zeros((0, source.space.dim), np.float32), np.zeros(0, np.float32)
    return [stored.get(row) or others.get(row, none) for row in rows.tolist()]


def second_stage(
    source: Source,
    found: Examples,
    kept: str | None,
    prompt: Callable[[], FloatArray] | None,
    others: Mapping[int, Tokens] | None = None,
) -> Attended | None:
    """The attention that runs by default when a text asks for pictures, if it does, where a space
    has `kept` these stages.

    `prompt` gives the vector of the prompt that words stand in; without it nothing is taken off
    words and texts. `others` are the tokens of texts by their rows that are no captions; without
    them there is no attention where there are such.
    """
    known = others or {}
    run = defaults(source.space.encoder, kept).get((Modality.TEXT, Modality.IMAGE))
    if run is None or run.attention is None or found.others.keys() - known.keys():
        return None
    settings = run.attention

    def pictures(rows: IdArray) -> list[Tokens]:
        return tokens_of(source, found.pictures[rows])

    def texts(rows: IdArray) -> list[Tokens]:
        return tokens_of_texts(source, found, rows, known)

    if prompt is None:
        return Attended(settings, texts, pictures)
    off = np.zeros(source.space.dim, np.float32)
    if settings.prompt:
        off = settings.prompt * prompt()

    def centred(rows: IdArray) -> list[Tokens]:
        return [(vectors - off, weights) for vectors, weights in texts(rows)]

    bank = source.store.catalog.bank(source.number, source.space.dim)
    return Attended(settings, centred, pictures, bank.sum(0) / max(len(bank), 1))
