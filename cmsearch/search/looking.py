"""What each word of a query looks at in a picture."""

# Tested by tests/unit/cmsearch/search/test_explain.py

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cmsearch.protocols import Encoder
from cmsearch.search.rank.attention import Tokens, attention_map, centred
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.second_stage import Ranking, stages
from cmsearch.search.rank.stages import defaults
from cmsearch.search.regions import REGIONS, SIDE
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import FloatArray, Modality, Role


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a query, and where it looks in a picture."""

    text: str
    """The word."""
    weight: float
    """Its share of the query's words, which sum to 1."""
    similarity: float
    """The mean of its similarities to the picture's tokens, weighted by `attention`. They are its
    cosines, less what the prompt that it stands in has of them where attention takes that off.
    """
    attention: FloatArray
    """How much it attends to each of the picture's tokens `(t,)`, which `REGIONS` names; it sums
    to 1.
    """


@runtime_checkable
class Regional(Protocol):
    """What an encoder offers beside the protocol `Encoder` if its tokens can be shown.

    The tokens of a picture are then the cells that `REGIONS` names, with or without the last.
    """

    def words(self, batch: Sequence[Any], role: Role) -> list[list[str]]:
        """The word that each token of n prepared texts stands for."""
        ...

    def crop(self) -> tuple[float, float] | None:
        """Width and height of the part in the middle that the cells cover, in short sides of the
        picture; None for the whole.
        """
        ...


def looking(encoder: Encoder, store: Store, view: View, query: str, picture: Tokens) -> list[Word]:
    """The words of a query, and what they find among a picture's tokens; none without regions."""
    named = _named_tokens(encoder, query)
    if not named or len(picture[0]) not in (SIDE**2, len(REGIONS)):
        return []
    table = defaults(encoder.space.encoder, store.catalog.stages(view.space_id))
    vectors = np.stack([vector for _, vector, _ in named])
    weights = np.array([weight for _, _, weight in named], np.float32)
    chosen = stages(Ranking(rerank="attention"), table, Modality.TEXT, Modality.IMAGE).attention
    assert chosen is not None, "attention was asked for by its name"
    vectors, weights = centred((vectors, weights), chosen, Banks(store), encoder)
    attention = attention_map((vectors, weights), picture, chosen.temperature)
    similarities = (attention * (vectors @ picture[0].T)).sum(1)
    rows = zip(named, weights / weights.sum(), similarities, attention, strict=True)
    return [
        Word(text, float(weight), float(similarity), row)
        for (text, _, _), weight, similarity, row in rows
    ]


def _named_tokens(encoder: Encoder, query: str) -> list[tuple[str, FloatArray, float]]:
    """The words of a text with their vectors `(dim,)` and weights, as the reranker takes them."""
    # An encoder may leave them out of queries.
    return named_words(encoder, query, Role.QUERY) or named_words(encoder, query, Role.DOCUMENT)


def named_words(encoder: Encoder, query: str, role: Role) -> list[tuple[str, FloatArray, float]]:
    """The words of a text with their vectors and weights, if the encoder gives them in a role."""
    if not isinstance(encoder, Regional):
        return []
    batch = [encoder.prepare(piece, Modality.TEXT) for piece in encoder.split(query)]
    encoding = encoder.encode(batch, Modality.TEXT, role)
    if encoding.tokens is None or encoding.weights is None:
        return []
    return [
        (text, encoding.tokens[row, column], float(encoding.weights[row, column]))
        for row, words in enumerate(encoder.words(batch, role))
        for column, text in enumerate(words)
    ]
