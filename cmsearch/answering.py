"""One call of a search on what a store shows: each direction through both stages, then merged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import product
from time import perf_counter

import numpy as np

from cmsearch import locators
from cmsearch.alike import Alike
from cmsearch.composition import Sum, cosines, standard, toward
from cmsearch.exclusion import barred
from cmsearch.hubness import Banks
from cmsearch.matching import Matcher
from cmsearch.measured import Stages, defaults
from cmsearch.ranking import Ranking, SecondStage, candidates, depth_of, stages
from cmsearch.relevance import relevance
from cmsearch.retrieval import DECIMALS, Answer, Retriever, order
from cmsearch.store import Store, View
from cmsearch.types import Composition, Encoder, Filter, Hit, Modality, Reranker, Space

KINDS = {
    "caption": "text",
    "page": "image",
    "passage": "text",
    "subtitle": "text",
    "transcript": "audio",
}
"""The modality of each kind that can be asked for by its name."""
SPARE = 16
"""Answers looked at beyond those wanted, in case some are folded into others."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search is to give: `k` hits of a kind that pass a filter, ordered as `ranking` says.

    `deadline` is the time of `time.perf_counter` at which the ranking's budget is spent.
    """

    target: str = "any"
    k: int = 10
    where: Filter = field(default_factory=Filter)
    ranking: Ranking = field(default_factory=Ranking)
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What searching needs, besides the view that is searched."""

    store: Store
    retriever: Retriever
    banks: Banks
    alike: Alike
    encoder: Callable[[Space], Encoder]
    reranker: Callable[[str], Reranker]


class Answering:
    """Answers queries on one view of a store."""

    def __init__(self, tools: Tools, view: View, wanted: Wanted) -> None:
        assert view.space is not None, "a store that has served a space serves one"
        self._tools = tools
        self._store = tools.store
        self._view = view
        self._space = view.space
        self._wanted = wanted
        kept = tools.store.catalog.setting(f"stages {view.space_id}")
        self._table = defaults(view.space.encoder, kept)

    def hits(self, asked: Sequence[Composition]) -> list[list[Hit]]:
        """The hits of each query."""
        bars = [barred(self._store, self._view, query) for query in asked]
        pairs = list(zip(asked, bars, strict=True))
        found: dict[int, list[Hit]] = {}
        depth = self._wanted.k + SPARE if self._wanted.ranking.fold else self._wanted.k
        while len(found) < len(asked):  # again and deeper for those of which too many were folded
            open_ = [row for row in range(len(asked)) if row not in found]
            ends = self._found([pairs[row] for row in open_], depth)
            found |= {row: hits for row, (hits, is_all) in zip(open_, ends, strict=True) if is_all}
            depth *= 4
        return [found[row] for row in range(len(asked))]

    def _found(
        self, asked: Sequence[tuple[Composition, Collection[int]]], depth: int
    ) -> list[tuple[list[Hit], bool]]:
        """The hits of each query among the best `depth` of each direction at least, and whether
        more depth would give no more.
        """
        searched = [
            modality
            for modality, index in self._view.indexes.items()
            if KINDS.get(self._wanted.target, self._wanted.target) in ("any", modality)
            and len(index)
        ]
        sums = [
            {one: toward(query, self._view.background, one) for one in searched}
            for query, _ in asked
        ]
        directions: list[list[list[Answer]]] = [[] for _ in asked]
        short = [True] * len(asked)
        for modality, rows in product(searched, _like([query for query, _ in asked])):
            queries = [sums[row][modality] for row in rows]
            found = self._direction(queries, modality, [asked[row][1] for row in rows], depth)
            for row, query, answers in zip(rows, queries, found, strict=True):
                scale = standard(query, self._view.background, modality)
                is_alone = len(searched) == 1
                directions[row].append(answers if is_alone else _standardised(answers, scale))
                short[row] &= len(answers) < depth
        chosen = [
            self._chosen(query, _merged(own, depth))
            for query, own in zip(sums, directions, strict=True)
        ]
        return [
            (hits, is_all or is_short)
            for (hits, is_all), is_short in zip(chosen, short, strict=True)
        ]

    def _direction(
        self,
        queries: Sequence[Sum],
        modality: Modality,
        bars: Sequence[Collection[int]],
        k: int,
    ) -> list[list[Answer]]:
        """At least the k best answers to each query in one modality, through both stages.

        As many as were looked at: those beyond the k best have a part in standardising.
        """
        wanted = self._wanted
        ranking, where = wanted.ranking, wanted.where
        runs = {
            part.modality: stages(ranking, self._table, part.modality, modality)
            for query in queries
            for part in query.parts
        }
        kind = wanted.target if wanted.target in KINDS else None
        asks_texts = modality is Modality.IMAGE and kind is None and Modality.TEXT in runs
        is_matched = asks_texts and ranking.match != "picture"
        looked_at = max(depth_of(ranking, run) for run in runs.values())
        is_ranked = any(run != Stages() for run in runs.values())
        depth = max(k, looked_at) if is_ranked or is_matched else k
        found = self._tools.retriever.search(
            self._view, queries, modality, kind, depth, where, bars
        )
        if is_ranked:
            found = self._reranked(queries, found, runs, looked_at)
        if is_matched:
            matcher = Matcher(self._store, self._view, self._tools.retriever)
            # A fusion of longer rankings would order those at their beginnings differently.
            length = looked_at if ranking.match == "all" else depth
            found = matcher.fused(queries, found, ranking.match, length, where, bars)
        return found

    def _reranked(
        self,
        queries: Sequence[Sum],
        found: Sequence[Sequence[Answer]],
        runs: Mapping[Modality, Stages],
        depth: int,
    ) -> list[list[Answer]]:
        model = next((run.model for run in runs.values() if run.model), None)
        second = SecondStage(
            self._view,
            self._tools.encoder(self._space),
            self._tools.banks,
            runs,
            reranker=self._tools.reranker(model) if model else None,
            deadline=self._wanted.deadline,
        )
        return [
            second.reranked(
                query, answers, candidates(self._store, self._space.dim, answers[:depth])
            )
            for query, answers in zip(queries, found, strict=True)
        ]

    def _chosen(
        self, query: Mapping[Modality, Sum], answers: Sequence[Answer]
    ) -> tuple[list[Hit], bool]:
        """The k best as hits: those that are relevant enough, folded and spread as is wanted; and
        whether more answers would give no others.
        """
        ranking, k = self._wanted.ranking, self._wanted.k
        relevant = answers
        if ranking.min_relevance:
            known = zip(answers, self._relevances(query, answers), strict=True)
            least = ranking.min_relevance
            relevant = [answer for answer, one in known if one is None or one >= least]
        pairs: list[tuple[Answer, list[Answer]]] = [(answer, []) for answer in relevant]
        if ranking.fold:
            pairs = self._folded(relevant, len(relevant) if ranking.diverse else k)
        if ranking.diverse:
            order = self._tools.alike.spread(self._view, [answer for answer, _ in pairs])
            pairs = [pairs[place] for place in order]
        likely = self._relevances(query, [answer for answer, _ in pairs[:k]])
        rows = zip(pairs[:k], likely, strict=True)
        hits = [self._hit(rank, *pair, one) for rank, (pair, one) in enumerate(rows, 1)]
        # What comes after answers that aren't relevant enough is less relevant still.
        return hits, len(pairs) >= k or len(relevant) < len(answers)

    def _folded(self, answers: Sequence[Answer], k: int) -> list[tuple[Answer, list[Answer]]]:
        """At least the k best answers that stay, each with those folded into it, if there are."""
        length = k + SPARE
        while True:
            pairs = self._tools.alike.folded(self._view, answers[:length])
            if len(pairs) >= k or length >= len(answers):
                return pairs
            length *= 2

    def _relevances(
        self, query: Mapping[Modality, Sum], answers: Sequence[Answer]
    ) -> list[float | None]:
        background = self._view.background
        found = []
        for answer, row in zip(answers, self._cosines(query, answers), strict=True):
            modality = answer.item.modality
            asked = query.get(modality)  # a store from elsewhere may say anything of its items
            likely = asked and relevance(background, asked, modality, row, answer.stages)
            found.append(likely)
        return found

    def _cosines(
        self, query: Mapping[Modality, Sum], answers: Sequence[Answer]
    ) -> list[list[float]]:
        """The cosines of answers to each part of a query."""
        parts = next((one.parts for one in query.values()), ())
        if len(parts) <= 1:
            return [[answer.cosine] for answer in answers]
        dim = self._space.dim
        found = self._store.catalog.vectors((answer.embedding for answer in answers), dim)
        gone = np.zeros(dim, np.float32)
        vectors = [found.get(one.embedding, gone) for one in answers]
        rows = cosines(parts, np.array(vectors, np.float32).reshape(-1, dim))
        return [[float(one) for one in row] for row in rows]

    def _hit(
        self, rank: int, answer: Answer, copies: Sequence[Answer], likely: float | None
    ) -> Hit:
        item = answer.item
        start, end = locators.span(item.locator) or (None, None)
        return Hit(
            rank=rank,
            score=answer.score,
            path=self._store.absolute(item.about or item.path),
            source=locators.source(item.path, item.locator),
            modality=item.modality,
            kind=item.kind,
            text=item.text,
            taken=item.taken,
            stages={"cosine": answer.cosine, **answer.stages},
            relevance=likely,
            copies=tuple(self._store.absolute(one.item.about or one.item.path) for one in copies),
            start=start,
            end=end,
            page=locators.page(item.locator),
        )


def deadline(budget: float | None) -> float | None:
    """When a budget of seconds that begins now is spent."""
    return None if budget is None else perf_counter() + budget


def _like(asked: Sequence[Composition]) -> list[list[int]]:
    """The places of queries, by the modalities that they have parts of: what runs depends on them.

    So a query in a list gets what it gets alone.
    """
    groups: dict[frozenset[Modality], list[int]] = {}
    for row, query in enumerate(asked):
        groups.setdefault(frozenset(part.modality for part in query.parts), []).append(row)
    return list(groups.values())


def _merged(directions: Sequence[Sequence[Answer]], depth: int) -> list[Answer]:
    """The answers of all directions, as far as they would be the same with more depth.

    A direction that has `depth` answers may have more, which would come after that one.
    """
    ends = {id(own[depth - 1]) for own in directions if len(own) >= depth}
    found: list[Answer] = []
    # Merging, unlike sorting, keeps the order of those in one direction that tie.
    for answer in merge(*directions, key=order):
        found.append(answer)
        if id(answer) in ends:
            break
    return found


def _standardised(answers: Sequence[Answer], scale: tuple[float, float]) -> list[Answer]:
    """The answers, best first, with scores that compare with those of other directions.

    Those are the standardised cosines, given out in the order that the second stage has made.
    """
    mean, deviation = scale
    best = sorted((answer.cosine for answer in answers), reverse=True)
    return [
        answer._replace(score=round((cosine - mean) / deviation, DECIMALS))
        for answer, cosine in zip(answers, best, strict=True)
    ]
