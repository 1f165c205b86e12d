"""The second stage of a search: which corrections and rerankers run, and what they add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter

import numpy as np

from cmsearch.errors import ModelError, QueryError
from cmsearch.models.encodings import checked
from cmsearch.models.plugins import rerankers
from cmsearch.protocols import Encoder, Reranker
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.attention import Tokens, attend
from cmsearch.search.rank.hubness import Banks, nearest_neighbour_bias
from cmsearch.search.rank.stages import UNMEASURED, StageSettings, Table
from cmsearch.search.retrieve.nearest import DECIMALS, Candidate, order
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import TOWER, Candidates, EncodedQuery, FloatArray, Modality, Role

RERANKERS = ("auto", "attention", "none")
FUSIONS = ("auto", "sum")
DEPTH = 100
MODEL_DEPTH = 32
"""Candidates that a model of its own looks at, unless told otherwise."""
MODEL_SHARE = 0.5
"""What such a model's probability of a match counts beside cosines; not measured."""
OWN = "learned"
"""The reranker that was learned from the index itself; `learned:FILE` is one of another."""
ATTENTION_SECONDS = 0.0003
"""About what attention takes for a candidate, fetching its tokens included."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How a search orders what it finds."""

    rerank: str = "auto"
    """What reorders the best candidates. `auto` runs what was measured to help and what was learned
    from the index; `learned` likewise, and fails if nothing was learned; `learned:FILE` runs what
    another index learned; `attention` and `none` say themselves; any other name, such as `itm`, is
    that of a model.
    """
    depth: int | None = None
    """How many candidates are reranked. None takes 100, and 32 for a model as large as `itm`."""
    correct: bool = True
    """Whether hubness is corrected where that was measured to help."""
    match: str = "all"
    """By what a text finds pictures: `picture` compares what they show, `caption` what their
    captions say, `words` the exact words of captions and paths, `all` these three, and `fused` one
    vector of each picture and its nearest caption.
    """
    min_relevance: float = 0.0
    """Hits of a relevance that is known to be lower are left out."""
    budget: float | None = None
    """Seconds that the search may take; a stage that would take longer isn't begun."""
    fold: bool = True
    """Whether near-duplicates become one hit."""
    diverse: bool = False
    """Whether hits come to the front that are unlike those before them."""
    fusion: str = "auto"
    """How a picture and a text of one query are joined: `auto` uses the network that `cmsearch fit
    --fusion` has learned, if there is one; `sum` adds them.
    """
    stages: StageSettings | None = None
    """The stages that run in place of what `rerank` and `correct` say; None leaves it to these."""


def stages(ranking: Ranking, table: Table, query: Modality, target: Modality) -> StageSettings:
    """What runs in a direction, with the `table` of what does by default.

    Speech is ranked as text is, and shots as pictures are: they come from the same towers. Raises
    `QueryError` for a reranker that isn't known.
    """
    if ranking.stages is not None:
        return ranking.stages
    measured = table.get((query, TOWER[target]), StageSettings())
    if not ranking.correct:
        measured = replace(measured, hubness=None)
    if ranking.rerank == "auto":
        return measured
    kind = ranking.rerank.partition(":")[0]
    if kind == OWN:  # learned on top of what runs by default
        return replace(measured, model=ranking.rerank if query is not target else "")
    plain = replace(measured, attention=None, model="")
    if ranking.rerank == "none":
        return plain
    if ranking.rerank == "attention":
        return replace(plain, attention=measured.attention or UNMEASURED)
    if kind in rerankers.rows():
        is_own = target is TOWER[target] is not query  # models read the files of pictures
        return replace(plain, model=ranking.rerank if is_own else "")
    names = ", ".join([*RERANKERS, *sorted(rerankers.rows())])
    raise QueryError(f"There is no reranker {ranking.rerank!r}; it is one of {names}.")


def depth_of(ranking: Ranking, run: StageSettings) -> int:
    """How many candidates the stages look at. Raises `QueryError` for what is no such number."""
    if ranking.depth is None:
        return MODEL_DEPTH if run.model and not is_learned(run.model) else DEPTH
    if not isinstance(ranking.depth, int) or ranking.depth < 1:
        raise QueryError(f"depth is a number of candidates and at least 1, not {ranking.depth!r}.")
    return ranking.depth


def is_learned(model: str) -> bool:
    """Whether a model is a small one that was learned from an index, this one or another."""
    return model.partition(":")[0] == OWN


def wants_own(ranking: Ranking) -> bool:
    """Whether the reranker that was learned from the index itself may run."""
    named = ranking.rerank if ranking.stages is None else ranking.stages.model
    return named in ("auto", OWN)


class SecondStage:
    """What runs after the first stage among items of one modality."""

    def __init__(
        self,
        view: View,
        encoder: Encoder,
        banks: Banks,
        runs: Mapping[Modality, StageSettings],
        *,
        reranker: Reranker | None = None,
        deadline: float | None = None,
    ) -> None:
        """`runs` is what runs by the modality of a query's part; `deadline` is a time of
        `time.perf_counter`.
        """
        self._view = view
        self._encoder = encoder
        self._banks = banks
        self._runs = runs
        self._reranker = reranker
        self._deadline = deadline

    def reranked(
        self, query: QueryVector, answers: Sequence[Candidate], candidates: Candidates
    ) -> list[Candidate]:
        """The answers in their new order, with what each stage added to their scores.

        `candidates` are the best of the answers; the others stay behind them, in the order of the
        first stage.
        """
        depth = len(candidates.items)
        head, tail = answers[:depth], answers[depth:]
        if not head:
            return []
        added = self._added(query, candidates)
        totals = np.array([answer.cosine for answer in head]) + sum(added.values())
        best = sorted(
            (
                answer._replace(
                    score=round(float(totals[row]), DECIMALS),
                    stages={
                        name: round(float(rows[row]), DECIMALS) for name, rows in added.items()
                    },
                )
                for row, answer in enumerate(head)
            ),
            key=order,
        )
        down = max(0.0, tail[0].score - best[-1].score + 10**-DECIMALS) if tail else 0.0
        return best + [answer._replace(score=answer.score - down) for answer in tail]

    def _added(self, query: QueryVector, candidates: Candidates) -> dict[str, FloatArray]:
        """What each stage adds to the candidates' scores, by its name, each `(n,)`."""
        added: dict[str, FloatArray] = {}
        for part, share in zip(query.parts, query.shares, strict=True):
            for name, values in self._of_part(part, candidates):
                if not np.isfinite(values).all():
                    raise ModelError(f"{name} gave scores that aren't finite. Leave it out.")
                added[name] = added.get(name, 0) + share * values
        return added

    def _of_part(
        self, part: EncodedQuery, candidates: Candidates
    ) -> Iterator[tuple[str, FloatArray]]:
        run, n = self._runs[part.modality], len(candidates.items)
        if run.hubness is not None:
            bank = self._banks.without(self._view, self._encoder, part)
            bias = nearest_neighbour_bias(candidates.vectors(), bank, run.hubness.k)
            yield "hubness", -run.hubness.strength * bias
        if run.attention is not None and self._has_time(n * ATTENTION_SECONDS):
            tokens = self._tokens(part)
            if tokens is not None:
                attended = attend(tokens, candidates.tokens(), run.attention.temperature)
                yield "attention", run.attention.share * attended
        if run.model and self._reranker and self._has_time(self._reranker.cost(n)):
            way = part.modality, candidates.items[0].modality
            if not is_learned(run.model):
                matched = self._reranker.score(part, candidates)
                yield run.model.partition(":")[0], MODEL_SHARE * matched
            elif way in self._reranker.directions:
                yield OWN, self._reranker.score(self._tokened(part), candidates)

    def _tokened(self, query: EncodedQuery) -> EncodedQuery:
        found = self._tokens(query)
        return query if found is None else replace(query, tokens=found[0], weights=found[1])

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
        checked(self._encoder, found, len(prepared))
        if found.tokens is None or found.weights is None:
            return None
        return np.concatenate(list(found.tokens)), np.concatenate(list(found.weights))


def candidates(store: Store, dim: int, answers: Sequence[Candidate]) -> Candidates:
    """What a second stage looks at; their contents are read from the catalog when asked for."""
    ids = [answer.embedding for answer in answers]
    stored = cache(lambda: items.contents(store.catalog, ids, dim))
    return Candidates(
        [answer.item for answer in answers],
        np.array([answer.cosine for answer in answers], np.float32),
        [store.absolute(answer.item.about or answer.item.path) for answer in answers],
        vectors=lambda: np.stack([stored()[one][0] for one in ids]),
        tokens=lambda: [stored()[one][1] for one in ids],
    )
