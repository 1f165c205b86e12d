"""Late interaction: what each token of a query finds in an item when it may look where it wants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cmsearch.common.numbers import softmax
from cmsearch.models.encodings import document_tokens
from cmsearch.protocols import Encoder
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import Column, StageRequest
from cmsearch.search.rank.stages import Attention, StageSettings
from cmsearch.types import Candidates, EncodedQuery, FloatArray, Modality

SECONDS = 0.0003
"""About what attention takes for a candidate, fetching its tokens included."""
Tokens = tuple[FloatArray, FloatArray]
"""Vectors `(t, dim)` and weights `(t,)`."""


def attention(request: StageRequest, candidates: Candidates) -> Column:
    """What attention adds to the cosines of candidates, by each part of a query that has tokens."""
    direction = request.direction

    def of_part(part: EncodedQuery, run: StageSettings) -> FloatArray | None:
        settings, source = run.attention, direction.source
        if settings is None or not direction.has_time(len(candidates.items) * SECONDS):
            return None
        encoder = direction.encoder()
        tokens = query_tokens(encoder, part)
        if tokens is None:
            return None
        if part.modality is Modality.TEXT:
            tokens = centred(tokens, settings, source.banks, encoder)
        added = settings.share * attend(tokens, candidates.tokens(), settings.temperature)
        if part.modality is not Modality.TEXT or not settings.bank:
            return added
        usual = source.banks.usual(source.view, encoder)
        return added - settings.bank * (candidates.vectors() @ usual)

    return of_tokens(request.summed("attention", candidates, of_part), candidates)


def of_tokens(column: Column, candidates: Candidates) -> Column:
    """What is said by tokens, which says nothing of candidates that have none, as imported ones."""
    if not np.isnan(column).all():
        column[[not len(tokens) for tokens, _ in candidates.tokens()]] = np.nan
    return column


def centred(words: Tokens, settings: Attention, banks: Banks, encoder: Encoder) -> Tokens:
    """A text's words without a share of the prompt, which is in each of their vectors."""
    if not settings.prompt:
        return words
    vectors, weights = words
    return vectors - settings.prompt * banks.prompt(encoder), weights


def query_tokens(encoder: Encoder, query: EncodedQuery) -> Tokens | None:
    """The query's tokens; an encoder may give a text's only to documents, for their cost."""
    if query.tokens is not None and query.weights is not None:
        return query.tokens, query.weights
    if query.modality is not Modality.TEXT:
        return None
    return document_tokens(encoder, query.content)


def attend(query: Tokens, items: Sequence[Tokens], temperature: float) -> FloatArray:
    """The mean attended similarity `(n,)` of a query's tokens to each of n items.

    Scaled dot-product attention (Vaswani et al. 2017) of the query's tokens over an item's, where
    the item's tokens are keys and values: token w gives `softmax(s_w / temperature) · s_w`, with
    its similarities `s_w (t,)` to the item's tokens. As the temperature falls to 0 that is the best
    of them, ColBERT's late interaction (Khattab and Zaharia 2020). The query's weights say how much
    each of its tokens counts. A query or an item without tokens has 0.
    """
    vectors, weights = query
    total = float(weights.sum())
    if total <= 0 or not items:
        return np.zeros(len(items), np.float32)
    similarities = _similarities(vectors, items)
    attention = softmax(similarities / temperature)
    attended = (attention * np.where(np.isfinite(similarities), similarities, 0)).sum(-1)
    means: FloatArray = attended @ (weights / total)
    return means


def attention_map(query: Tokens, item: Tokens, temperature: float) -> FloatArray:
    """How much each of the query's w tokens attends to each of the item's t `(w, t)`.

    Rows sum to 1.
    """
    return softmax(_similarities(query[0], [item])[0] / temperature)


def _similarities(vectors: FloatArray, items: Sequence[Tokens]) -> FloatArray:
    """`(n, w, t)`, where an item with fewer tokens than the others has -inf."""
    longest = max(1, *(len(tokens) for tokens, _ in items))
    padded = np.zeros((len(items), longest, vectors.shape[1]), np.float32)
    present = np.zeros((len(items), longest), bool)
    for row, (tokens, weights) in enumerate(items):
        padded[row, : len(tokens)] = tokens
        present[row, : len(tokens)] = weights > 0
    flat = padded.reshape(-1, vectors.shape[1])
    similarities = (vectors @ flat.T).reshape(len(vectors), len(items), longest).swapaxes(0, 1)
    return np.where(present[:, None], similarities, -np.inf)
