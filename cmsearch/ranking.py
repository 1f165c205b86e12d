"""The second stage of a search: which corrections and rerankers run, and what they add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter

import numpy as np

from cmsearch.attention import Tokens, attend
from cmsearch.errors import QueryError
from cmsearch.hubness import nearest_neighbour_bias
from cmsearch.kreciprocal import k_reciprocal_distances
from cmsearch.registry import rerankers
from cmsearch.retrieval import DECIMALS, Answer, order
from cmsearch.store import Store, View
from cmsearch.types import (
    Candidates,
    EncodedQuery,
    Encoder,
    FloatArray,
    IdArray,
    Modality,
    Reranker,
    Role,
    Space,
)

RERANKERS = ("auto", "attention", "reciprocal", "none")
DEPTH = 100
MODEL_DEPTH = 32
"""Candidates that a model of its own looks at, unless told otherwise."""
MODEL_SHARE = 0.5
"""What such a model's probability of a match counts beside cosines; not measured."""
ATTENTION_SECONDS = 0.0003
"""About what attention takes for a candidate, fetching its tokens included."""
BANK = 2048
"""Queries at most that hubness is measured with."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a search orders what it finds.

    `rerank` is `auto` for what was measured to help, `attention`, `reciprocal` (a picture among
    pictures), `none`, or the name of a model as `load_reranker` takes it, such as `itm`. It looks
    at the best `depth` candidates: `DEPTH`, or `MODEL_DEPTH` for a model, if none is given. With a
    `budget` in seconds, a stage that can't be done in what is left of it is not begun. `correct`
    takes hubness away where that was measured to help. `match` says by what
    a text finds pictures: `picture` by what they show, `caption` by what their captions say,
    `words` by the exact words of captions and paths, or `all`. Hits that are known to be less
    relevant than `min_relevance` are left out. `stages` runs just these in place of `rerank` and
    `correct`.
    """

    rerank: str = "auto"
    depth: int | None = None
    correct: bool = True
    match: str = "all"
    min_relevance: float = 0.0
    budget: float | None = None
    stages: Stages | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """Attended similarities count `share` times as much as the first stage's cosine."""

    share: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Hubness:
    """Of the mean of an item's k best scores against the bank, `strength` is taken away."""

    strength: float
    k: int


@dataclass(frozen=True, slots=True)
class Stages:
    """What runs after the first stage in one direction."""

    attention: Attention | None = None
    hubness: Hubness | None = None
    reciprocal: bool = False
    model: str = ""


MEASURED: Mapping[tuple[str, Modality, Modality], Stages] = {
    ("lite", Modality.TEXT, Modality.IMAGE): Stages(attention=Attention(0.7, 0.03)),
    ("lite", Modality.IMAGE, Modality.TEXT): Stages(hubness=Hubness(0.75, 4)),
}
"""By encoder, query and target what was measured to help; docs/reranking.md has the figures."""
UNMEASURED = Attention(0.5, 0.05)
"""For `attention` by name where nothing was measured."""


def stages(ranking: Ranking, encoder: str, query: Modality, target: Modality) -> Stages:
    """What runs in a direction. Raises `QueryError` for a reranker that isn't known."""
    if ranking.stages is not None:
        return ranking.stages
    measured = MEASURED.get((encoder, query, target), Stages())
    if not ranking.correct:
        measured = replace(measured, hubness=None)
    if ranking.rerank == "auto":
        return measured
    plain = replace(measured, attention=None)
    if ranking.rerank == "none":
        return plain
    if ranking.rerank == "attention":
        return replace(plain, attention=measured.attention or UNMEASURED)
    if ranking.rerank == "reciprocal":
        return replace(plain, reciprocal=query is target is Modality.IMAGE)
    if ranking.rerank.partition(":")[0] in rerankers.rows():
        return replace(plain, model=ranking.rerank if query is not target else "")
    names = ", ".join([*RERANKERS, *sorted(rerankers.rows())])
    raise QueryError(f"There is no reranker {ranking.rerank!r}; it is one of {names}.")


def depth_of(ranking: Ranking, run: Stages) -> int:
    """How many candidates the stages look at. Raises `QueryError` for what is no such number."""
    if ranking.depth is None:
        return MODEL_DEPTH if run.model else DEPTH
    if not isinstance(ranking.depth, int) or ranking.depth < 1:
        raise QueryError(f"depth is a number of candidates and at least 1, not {ranking.depth!r}.")
    return ranking.depth


class SecondStage:
    """What runs after the first stage in one direction, with what it needs of the store."""

    def __init__(
        self,
        store: Store,
        view: View,
        encoder: Encoder,
        run: Stages,
        depth: int,
        *,
        reranker: Reranker | None = None,
        deadline: float | None = None,
    ) -> None:
        """`deadline` is a time of `time.perf_counter`."""
        self._store = store
        self._encoder = encoder
        self._view = view
        self._run = run
        self._depth = depth
        self._reranker = reranker
        self._deadline = deadline
        self._sampled = cache(self._sample)  # the same for all queries of a call

    def reranked(self, query: EncodedQuery, answers: Sequence[Answer]) -> list[Answer]:
        """The answers in their new order, with what each stage added to their scores.

        What lies beyond the depth stays behind, in the order of the first stage.
        """
        head, tail = answers[: self._depth], answers[self._depth :]
        if not head:
            return []
        added = self._added(query, self._candidates(head))
        totals = np.array([answer.cosine for answer in head]) + sum(added.values())
        best = sorted(
            (
                answer._replace(
                    score=round(float(totals[row]), DECIMALS),
                    stages={name: float(values[row]) for name, values in added.items()},
                )
                for row, answer in enumerate(head)
            ),
            key=order,
        )
        down = max(0.0, tail[0].score - best[-1].score + 10**-DECIMALS) if tail else 0.0
        return best + [answer._replace(score=answer.score - down) for answer in tail]

    def _added(self, query: EncodedQuery, candidates: Candidates) -> dict[str, FloatArray]:
        """What each stage adds to the candidates' scores, by its name, each `(n,)`."""
        run, added = self._run, {}
        if run.hubness is not None:
            bias = nearest_neighbour_bias(candidates.vectors(), self._bank(query), run.hubness.k)
            added["hubness"] = -run.hubness.strength * bias
        n = len(candidates.items)
        if run.attention is not None and self._has_time(n * ATTENTION_SECONDS):
            tokens = self._tokens(query)
            if tokens is not None:
                attended = attend(tokens, candidates.tokens(), run.attention.temperature)
                added["attention"] = run.attention.share * attended
        if self._reranker is not None and self._has_time(self._reranker.cost(n)):
            matched = self._reranker.score(query, candidates)
            added[run.model.partition(":")[0]] = MODEL_SHARE * matched
        if run.reciprocal:
            vectors = np.concatenate([query.vector[None], candidates.vectors()])
            # In place of the cosines, which are a part of these distances.
            added["reciprocal"] = 1 - k_reciprocal_distances(vectors) - candidates.scores
        return added

    def _has_time(self, seconds: float) -> bool:
        return self._deadline is None or perf_counter() + seconds <= self._deadline

    def _tokens(self, query: EncodedQuery) -> Tokens | None:
        """The query's tokens; an encoder may give a text's only to documents, for their cost."""
        if query.tokens is not None and query.weights is not None:
            return query.tokens, query.weights
        if query.modality is not Modality.TEXT:
            return None
        pieces = self._encoder.split(query.content)
        prepared = [self._encoder.prepare(piece, Modality.TEXT) for piece in pieces]
        found = self._encoder.encode(prepared, Modality.TEXT, Role.DOCUMENT)
        if found.tokens is None or found.weights is None:
            return None
        return np.concatenate(list(found.tokens)), np.concatenate(list(found.weights))

    def _candidates(self, answers: Sequence[Answer]) -> Candidates:
        ids = [answer.embedding for answer in answers]
        dim = self._space.dim
        none = np.zeros((0, dim), np.float32), np.zeros(0, np.float32)
        gone = np.zeros(dim, np.float32), none  # deleted meanwhile: the search is done once more
        stored = cache(lambda: self._store.catalog.contents(ids, dim))
        return Candidates(
            [answer.item for answer in answers],
            np.array([answer.cosine for answer in answers], np.float32),
            [self._store.absolute(answer.item.about or answer.item.path) for answer in answers],
            vectors=lambda: np.stack([stored().get(one, gone)[0] for one in ids]),
            tokens=lambda: [stored().get(one, gone)[1] for one in ids],
        )

    @property
    def _space(self) -> Space:
        assert self._view.space is not None, "a view that was searched has a space"
        return self._view.space

    def _bank(self, query: EncodedQuery) -> FloatArray:
        """Other queries `(m, dim)` of the query's modality: the store's own items."""
        ids, vectors = self._sampled(query.modality)
        own = self._store.catalog.embeddings_with_digest(self._view.space_id, query.digest)
        return vectors[~np.isin(ids, own)]

    def _sample(self, modality: Modality) -> tuple[IdArray, FloatArray]:
        return self._store.catalog.sample(self._view.space_id, modality, self._space.dim, BANK)
