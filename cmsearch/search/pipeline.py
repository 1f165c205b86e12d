"""One call of a search on what a store shows: each direction through both stages, then merged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from cmsearch.common import locators
from cmsearch.common.kinds import KINDS
from cmsearch.errors import QueryError
from cmsearch.protocols import Reranker
from cmsearch.search.hybrid import file_names
from cmsearch.search.hybrid.captions_and_words import CaptionsAndWords
from cmsearch.search.hybrid.document_pages import DocumentPages
from cmsearch.search.hybrid.image_with_caption import ImagesWithCaptions
from cmsearch.search.merge.collapse import Alike
from cmsearch.search.merge.directions import merged, standardised
from cmsearch.search.merge.relevance import relevance
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector, cosines, standard, toward
from cmsearch.search.query.for_sounds import heard, is_text
from cmsearch.search.query.fuse_image_text import ImageTextFuser, pair
from cmsearch.search.rank.hubness import Banks
from cmsearch.search.rank.second_stage import (
    OWN,
    Ranking,
    SecondStage,
    candidates,
    depth_of,
    stages,
    wants_own,
)
from cmsearch.search.rank.stages import StageSettings, defaults, topped
from cmsearch.search.retrieve.exclusion import barred
from cmsearch.search.retrieve.nearest import Candidate, Retriever
from cmsearch.store.catalog import files, items
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import ComposedQuery, Filter, FloatArray, Hit, Modality

SPARE = 16
"""Answers looked at beyond those wanted, in case some are folded into others."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a search is to give: `k` hits of a kind that pass a filter, ordered as `ranking` says.

    `deadline` is the time of `time.perf_counter` at which the ranking's budget is spent.
    """

    target: str = "any"
    k: int = 10
    where: Filter = field(default_factory=Filter)
    ranking: Ranking = field(default_factory=Ranking)
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Caches:
    """What searches of one store keep between calls. Safe from threads."""

    retriever: Retriever
    banks: Banks
    alike: Alike

    @classmethod
    def of(cls, store: Store) -> Caches:
        """Empty ones for a store."""
        return cls(Retriever(store), Banks(store), Alike(store))


class BarredQuery(NamedTuple):
    """A query, the items that it may not find, and how it is asked of sounds, if it is."""

    query: ComposedQuery
    bar: Collection[int]
    heard: ComposedQuery | None


class Search:
    """Answers queries on one view of a store."""

    def __init__(
        self, store: Store, models: Models, caches: Caches, view: View, wanted: Request
    ) -> None:
        self._store = store
        self._models = models
        self._caches = caches
        self._view = view
        self._space = view.space
        self._wanted = wanted
        kept = store.catalog.setting(f"stages {view.space_id}")
        self._table = defaults(view.space.encoder, kept)
        self._own = models.learned_reranker(view) if wants_own(wanted.ranking) else None
        if self._own is not None:
            self._table = topped(self._table, self._own.directions, OWN)

    def hits(self, asked: Sequence[ComposedQuery]) -> list[list[Hit]]:
        """The hits of each query."""
        pairs = [self._asked(*pair) for pair in zip(asked, self._heard(asked), strict=True)]
        found: dict[int, list[Hit]] = {}
        depth = self._wanted.k + SPARE if self._wanted.ranking.fold else self._wanted.k
        while len(found) < len(asked):  # again and deeper for those of which too many were folded
            open_ = [row for row in range(len(asked)) if row not in found]
            ends = self._found([pairs[row] for row in open_], depth)
            found |= {row: hits for row, (hits, is_all) in zip(open_, ends, strict=True) if is_all}
            depth *= 4
        return [found[row] for row in range(len(asked))]

    def _heard(self, asked: Sequence[ComposedQuery]) -> list[ComposedQuery | None]:
        """Each query as it is asked of sounds; None where it isn't, or can't be."""
        nobody = [None for _ in asked]
        sounds, is_needed = self._view.sounds, self._wanted.target == Modality.SOUND
        if is_needed and not all(map(is_text, asked)):
            raise QueryError("Sounds are found by texts, written or said, and not by pictures.")
        if sounds is None or not self._wants(Modality.SOUND):
            return list(nobody)
        if not any(map(is_text, asked)):
            return list(nobody)
        encoder = self._models.sound_encoder(sounds.space, is_needed=is_needed)
        return list(nobody) if encoder is None else heard(asked, encoder)

    def _asked(self, query: ComposedQuery, heard: ComposedQuery | None) -> BarredQuery:
        bar = barred(self._store, self._view, query)
        if heard is not None and self._view.sounds is not None:
            bar |= barred(self._store, self._view.sounds, heard)
        return BarredQuery(query, bar, heard)

    def _wants(self, modality: Modality) -> bool:
        """Whether items of a modality are asked for; sound is a part of what is heard."""
        target = KINDS.get(self._wanted.target, self._wanted.target)
        is_heard = modality is Modality.SOUND and self._wanted.target == Modality.SPEECH
        return target in ("any", modality) or is_heard

    def _view_of(self, modality: Modality) -> View:
        """What shows the items of a modality: sounds have a view of another space."""
        sounds = self._view.sounds
        return sounds if modality is Modality.SOUND and sounds is not None else self._view

    def _found(self, asked: Sequence[BarredQuery], depth: int) -> list[tuple[list[Hit], bool]]:
        """The hits of each query among the best `depth` of each direction at least, and whether
        more depth would give no more.
        """
        searched = [
            modality
            for modality, index in self._view.indexes.items()
            if self._wants(modality) and len(index)
        ]
        join = self._joiner([one.query for one in asked])
        sums = [self._sums(one, searched, join) for one in asked]
        directions: list[list[list[Candidate]]] = [[] for _ in asked]
        short = [True] * len(asked)
        directed = list(product(searched, _like([one.query for one in asked])))
        if of_sounds := [row for row, one in enumerate(asked) if one.heard is not None]:
            directed.append((Modality.SOUND, of_sounds))
        for modality, rows in directed:
            queries = [sums[row][modality] for row in rows]
            found = self._direction(queries, modality, [asked[row].bar for row in rows], depth)
            for row, query, answers in zip(rows, queries, found, strict=True):
                scale = standard(query, self._view_of(modality).background, modality)
                is_alone = len(sums[row]) == 1
                directions[row].append(
                    answers if is_alone else standardised(answers, scale, query.written == 1)
                )
                short[row] &= len(answers) < depth
        chosen = [
            self._chosen(query, file_names.first(self._named(one, query), merged(own, depth)))
            for one, query, own in zip(asked, sums, directions, strict=True)
        ]
        return [
            (hits, is_all or is_short)
            for (hits, is_all), is_short in zip(chosen, short, strict=True)
        ]

    def _named(self, asked: BarredQuery, query: Mapping[Modality, QueryVector]) -> list[Candidate]:
        """The files whose name is what is asked for, if exact words are looked at."""
        name = (
            file_names.asked(asked.query)
            if self._wanted.ranking.match in ("all", "words")
            else None
        )
        if name is None:
            return []
        catalog, wanted = self._store.catalog, self._wanted
        kind = wanted.target if wanted.target in KINDS else None
        paths = file_names.among(name, files.paths_with(catalog, name.stem))
        found = file_names.Scope(kind, wanted.where, asked.bar)
        return file_names.answers(self._caches.retriever, self._view, paths, query, found)

    def _sums(
        self, asked: BarredQuery, searched: Sequence[Modality], join: ImageTextFuser | None
    ) -> dict[Modality, QueryVector]:
        """A query as one vector for each modality that is searched, and for sounds."""
        background = self._view.background
        found = {one: toward(asked.query, background, one, join) for one in searched}
        if asked.heard is not None:
            own = self._view_of(Modality.SOUND).background
            found[Modality.SOUND] = toward(asked.heard, own, Modality.SOUND)
        return found

    def _joiner(self, asked: Sequence[ComposedQuery]) -> ImageTextFuser | None:
        """What joins a picture and a text, if there are both and a network was trained for it."""
        if self._wanted.ranking.fusion == "sum" or not any(map(pair, asked)):
            return None
        found = self._models.fuser(self._space)
        return found if found.tensors else None

    def _direction(
        self,
        queries: Sequence[QueryVector],
        modality: Modality,
        bars: Sequence[Collection[int]],
        k: int,
    ) -> list[list[Candidate]]:
        """At least the k best answers to each query in one modality, through both stages.

        As many as were looked at: those beyond the k best have a part in standardising.
        """
        wanted = self._wanted
        ranking, where = wanted.ranking, wanted.where
        if modality is Modality.SOUND:  # nothing more was measured to help here
            sounds = self._view_of(modality)
            return self._caches.retriever.search(sounds, queries, modality, None, k, where, bars)
        runs = {
            part.modality: stages(ranking, self._table, part.modality, modality)
            for query in queries
            for part in query.parts
        }
        kind = wanted.target if wanted.target in KINDS else None
        asks_texts = modality is Modality.IMAGE and kind is None and Modality.TEXT in runs
        is_matched = asks_texts and ranking.match != "picture"
        looked_at = max(depth_of(ranking, run) for run in runs.values())
        is_paired = is_matched and ranking.match == "fused"
        is_ranked = not is_paired and any(run != StageSettings() for run in runs.values())
        depth = max(k, looked_at) if is_ranked or is_matched else k
        found = self._caches.retriever.search(
            self._view, queries, modality, kind, depth, where, bars
        )
        if is_ranked:
            found = self._reranked(queries, found, runs, looked_at)
        if is_paired:
            joiner = self._models.fuser(self._space)
            pairing = ImagesWithCaptions(self._store, self._view, self._caches.retriever, joiner)
            found = pairing.ranked(queries, found, looked_at, where, bars)
        elif is_matched:
            matcher = CaptionsAndWords(self._store, self._view, self._caches.retriever)
            # A fusion of longer rankings would order those at their beginnings differently.
            length = looked_at if ranking.match == "all" else depth
            found = matcher.fused(queries, found, ranking.match, length, where, bars)
        elif kind == "page" and Modality.TEXT in runs and ranking.match != "picture":
            pager = DocumentPages(self._store, self._view, self._caches.retriever)
            found = pager.ranked(queries, found, where, bars)
        return found

    def _reranked(
        self,
        queries: Sequence[QueryVector],
        found: Sequence[Sequence[Candidate]],
        runs: Mapping[Modality, StageSettings],
        depth: int,
    ) -> list[list[Candidate]]:
        model = next((run.model for run in runs.values() if run.model), None)
        second = SecondStage(
            self._view,
            self._models.encoder(self._space),
            self._caches.banks,
            runs,
            reranker=self._reranker(model) if model else None,
            deadline=self._wanted.deadline,
        )
        return [
            second.reranked(
                query, answers, candidates(self._store, self._space.dim, answers[:depth])
            )
            for query, answers in zip(queries, found, strict=True)
        ]

    def _reranker(self, model: str) -> Reranker:
        if model != OWN:
            return self._models.reranker(model, self._space)
        if self._own is None:
            raise QueryError(
                "This index has no reranker of its own. Learn one with `cmsearch fit --reranker`, "
                "or name a file: learned:FILE."
            )
        return self._own

    def _chosen(
        self, query: Mapping[Modality, QueryVector], answers: Sequence[Candidate]
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
        pairs: list[tuple[Candidate, list[Candidate]]] = [(answer, []) for answer in relevant]
        if ranking.fold:
            pairs = self._folded(relevant, len(relevant) if ranking.diverse else k)
        if ranking.diverse:
            order = self._caches.alike.spread(self._view, [answer for answer, _ in pairs])
            pairs = [pairs[place] for place in order]
        likely = self._relevances(query, [answer for answer, _ in pairs[:k]])
        rows = zip(pairs[:k], likely, strict=True)
        hits = [self._hit(rank, *pair, one) for rank, (pair, one) in enumerate(rows, 1)]
        # What comes after answers that aren't relevant enough is less relevant still.
        return hits, len(pairs) >= k or len(relevant) < len(answers)

    def _folded(
        self, answers: Sequence[Candidate], k: int
    ) -> list[tuple[Candidate, list[Candidate]]]:
        """At least the k best answers that stay, each with those folded into it, if there are."""
        length = k + SPARE
        while True:
            pairs = self._caches.alike.folded(self._view, answers[:length])
            if len(pairs) >= k or length >= len(answers):
                return pairs
            length *= 2

    def _relevances(
        self, query: Mapping[Modality, QueryVector], answers: Sequence[Candidate]
    ) -> list[float | None]:
        found = []
        for answer, row in zip(answers, self._cosines(query, answers), strict=True):
            modality = answer.item.modality
            asked = query.get(modality)  # a store from elsewhere may say anything of its items
            background = self._view_of(modality).background
            likely = asked and relevance(background, asked, modality, row, answer.stages)
            found.append(likely)
        return found

    def _cosines(
        self, query: Mapping[Modality, QueryVector], answers: Sequence[Candidate]
    ) -> list[list[float]]:
        """The cosines of answers to each part of a query."""
        found = [[answer.cosine] for answer in answers]
        for modality, one in query.items():
            own = [row for row, answer in enumerate(answers) if answer.item.modality is modality]
            if len(one.parts) > 1 and own:
                dim = self._view_of(modality).space.dim
                rows = self._vectors([answers[row] for row in own], dim)
                for row, values in zip(own, cosines(one.parts, rows), strict=True):
                    found[row] = [float(value) for value in values]
        return found

    def _vectors(self, answers: Sequence[Candidate], dim: int) -> FloatArray:
        """The vectors `(n, dim)` of answers; zeros for those that are damaged."""
        found = items.vectors(self._store.catalog, (answer.embedding for answer in answers), dim)
        none = np.zeros(dim, np.float32)
        rows = [found.get(one.embedding, none) for one in answers]
        return np.array(rows, np.float32).reshape(-1, dim)

    def _copies(self, answer: Candidate, copies: Sequence[Candidate]) -> tuple[Path, ...]:
        """The files of what was folded into an answer, each once; a film may have several shots."""
        own, *others = (one.item.about or one.item.path for one in (answer, *copies))
        if answer.item.modality is Modality.VIDEO:
            others = [path for path in others if path != own]
        return tuple(self._store.absolute(path) for path in dict.fromkeys(others))

    def _hit(
        self, rank: int, answer: Candidate, copies: Sequence[Candidate], likely: float | None
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
            copies=self._copies(answer, copies),
            start=start,
            end=end,
            page=locators.page(item.locator),
            item=item.id,
            locator=item.locator,
        )


def deadline(budget: float | None) -> float | None:
    """When a budget of seconds that begins now is spent."""
    return None if budget is None else perf_counter() + budget


def _like(asked: Sequence[ComposedQuery]) -> list[list[int]]:
    """The places of queries, by the modalities that they have parts of: what runs depends on them.

    So a query in a list gets what it gets alone.
    """
    groups: dict[frozenset[Modality], list[int]] = {}
    for row, query in enumerate(asked):
        groups.setdefault(frozenset(part.modality for part in query.parts), []).append(row)
    return list(groups.values())
