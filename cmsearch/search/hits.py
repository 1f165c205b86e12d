"""Hits of candidates: those that are relevant enough, folded, spread, and said how relevant."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cmsearch.common import locators
from cmsearch.search.merge.collapse import NearDuplicates
from cmsearch.search.merge.relevance import relevance
from cmsearch.search.query.compose import QueryVector, cosines
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.retrieve.nearest import Candidate
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import FloatArray, Hit, Modality

SPARE = 16
"""Candidates looked at beyond those wanted, in case some are folded into others."""
_Folded = tuple[Candidate, list[Candidate]]


class Hits:
    """Makes hits of the candidates of one view of a store."""

    def __init__(self, store: Store, view: View, near_duplicates: NearDuplicates) -> None:
        self._store = store
        self._view = view
        self._near_duplicates = near_duplicates

    def best(
        self,
        query: Mapping[Modality, QueryVector],
        candidates: Sequence[Candidate],
        ranking: Ranking,
        k: int,
    ) -> tuple[list[Hit], bool]:
        """The k best as hits: those that are relevant enough, folded and spread as is wanted; and
        whether more candidates would give no others.
        """
        relevant = self._relevant(query, candidates, ranking.min_relevance)
        pairs: list[_Folded] = [(candidate, []) for candidate in relevant]
        if ranking.fold:
            pairs = self._folded(relevant, len(relevant) if ranking.diverse else k)
        if ranking.diverse:
            order = self._near_duplicates.spread(self._view, [own for own, _ in pairs])
            pairs = [pairs[place] for place in order]
        likely = self._relevances(query, [own for own, _ in pairs[:k]])
        rows = zip(pairs[:k], likely, strict=True)
        hits = [self._hit(rank, *pair, value) for rank, (pair, value) in enumerate(rows, 1)]
        # What comes after those that aren't relevant enough is less relevant still.
        return hits, len(pairs) >= k or len(relevant) < len(candidates)

    def _relevant(
        self,
        query: Mapping[Modality, QueryVector],
        candidates: Sequence[Candidate],
        least: float,
    ) -> Sequence[Candidate]:
        """Those that aren't known to be less relevant."""
        if not least:
            return candidates
        rows = zip(candidates, self._relevances(query, candidates), strict=True)
        return [own for own, value in rows if value is None or value >= least]

    def _folded(self, candidates: Sequence[Candidate], k: int) -> list[_Folded]:
        """At least the k best that stay, each with those folded into it, if there are as many."""
        length = k + SPARE
        while True:
            pairs = self._near_duplicates.folded(self._view, candidates[:length])
            if len(pairs) >= k or length >= len(candidates):
                return pairs
            length *= 2

    def _view_of(self, modality: Modality) -> View:
        """What shows the items of a modality: sounds have a view of another space."""
        sounds = self._view.sounds
        return sounds if modality is Modality.SOUND and sounds is not None else self._view

    def _relevances(
        self, query: Mapping[Modality, QueryVector], candidates: Sequence[Candidate]
    ) -> list[float | None]:
        relevances = []
        for candidate, row in zip(candidates, self._cosines(query, candidates), strict=True):
            modality = candidate.item.modality
            asked = query.get(modality)  # a store from elsewhere may say anything of its items
            background = self._view_of(modality).background
            likely = asked and relevance(background, asked, modality, row, candidate.stages)
            relevances.append(likely)
        return relevances

    def _cosines(
        self, query: Mapping[Modality, QueryVector], candidates: Sequence[Candidate]
    ) -> list[list[float]]:
        """The cosines of candidates to each part of a query."""
        values = [[candidate.cosine] for candidate in candidates]
        for modality, asked in query.items():
            own = [row for row, each in enumerate(candidates) if each.item.modality is modality]
            if len(asked.parts) > 1 and own:
                dim = self._view_of(modality).space.dim
                vectors = self._vectors([candidates[row] for row in own], dim)
                for row, to_parts in zip(own, cosines(asked.parts, vectors), strict=True):
                    values[row] = [float(value) for value in to_parts]
        return values

    def _vectors(self, candidates: Sequence[Candidate], dim: int) -> FloatArray:
        """The vectors `(n, dim)` of candidates; zeros for those that are damaged."""
        stored = items.vectors(self._store.catalog, (own.embedding for own in candidates), dim)
        none = np.zeros(dim, np.float32)
        rows = [stored.get(own.embedding, none) for own in candidates]
        return np.array(rows, np.float32).reshape(-1, dim)

    def _copies(self, candidate: Candidate, copies: Sequence[Candidate]) -> tuple[Path, ...]:
        """The files of what was folded into a candidate, each once; a film may have several."""
        own, *others = (each.item.about or each.item.path for each in (candidate, *copies))
        if candidate.item.modality is Modality.VIDEO:
            others = [path for path in others if path != own]
        return tuple(self._store.absolute(path) for path in dict.fromkeys(others))

    def _hit(
        self, rank: int, candidate: Candidate, copies: Sequence[Candidate], likely: float | None
    ) -> Hit:
        item = candidate.item
        start, end = locators.span(item.locator) or (None, None)
        return Hit(
            rank=rank,
            score=candidate.score,
            path=self._store.absolute(item.about or item.path),
            source=locators.source(item.path, item.locator),
            modality=item.modality,
            kind=item.kind,
            text=item.text,
            taken=item.taken,
            stages={"cosine": candidate.cosine, **candidate.stages},
            relevance=likely,
            copies=self._copies(candidate, copies),
            start=start,
            end=end,
            page=locators.page(item.locator),
            item=item.id,
            locator=item.locator,
        )
