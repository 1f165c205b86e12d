"""What a stage is asked, and what a way finds."""

# Tested by tests/unit/cmsearch/search/rank/test_second_stage.py

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.errors import ModelError
from cmsearch.protocols import Encoder, Reranker
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.banks import Banks, pooled
from cmsearch.search.rank.stages import StageSettings
from cmsearch.search.retrieve.nearest import Candidate, NearestRequest, Retriever
from cmsearch.store.catalog.fulltext import RankedRows
from cmsearch.store.catalog.word_counts import WordCounts
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Candidates, EncodedQuery, Filter, FloatArray, Modality

Column = NDArray[np.floating[Any]]
"""What a stage says of n candidates `(n,)`: NaN where it has nothing to say."""
FEW = 32
"""Of fewer things each is as unlikely to be meant, and as rare, as one of so many."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What is counted over all stores that are searched as one, so that their evidence is that of
    one store.
    """

    sizes: Mapping[Modality, int]
    """How many items of each modality there are."""
    words: WordCounts
    """How many rows have a word."""
    banks: Sequence[tuple[Banks, View]]
    """What hubness is measured with, of the stores of one space."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a search reads of one store."""

    store: Store
    view: View
    models: Models
    retriever: Retriever
    banks: Banks
    rows: dict[str, RankedRows] = field(default_factory=dict)
    """By text the rows that have its words, which the directions of one search share."""
    pool: Pool | None = None
    """Of all stores that are searched; None where this is the only one."""
    place: int = 0
    """Which of these it is."""

    def size(self, modality: Modality) -> int:
        """How many items of a modality are searched, in all stores."""
        return self.pool.sizes[modality] if self.pool else len(self.view.indexes[modality])

    def bank(self, encoder: Encoder, query: EncodedQuery) -> FloatArray:
        """The queries `(m, dim)` that measure hubness, without this one, of all stores."""
        members = self.pool.banks if self.pool else [(self.banks, self.view)]
        return pooled(members, encoder, query)

    def words(self) -> WordCounts:
        """How many rows have a word, in all stores."""
        return self.pool.words if self.pool else WordCounts([self.store.catalog])

    def nearest(
        self, queries: Sequence[QueryVector], request: NearestRequest
    ) -> list[list[Candidate]]:
        """For each query the items of this store that are wanted, the best first."""
        if request.modality not in self.view.indexes:
            return [[] for _ in queries]
        found = self.retriever.search(self.view, queries, request)
        return [self._own(each) for each in found]

    def these(self, query: QueryVector, numbers: Collection[int]) -> list[Candidate]:
        """The items of these numbers as candidates."""
        return self._own(self.retriever.these(self.view, query, numbers))

    def _own(self, candidates: list[Candidate]) -> list[Candidate]:
        if not self.place:
            return candidates
        return [own._replace(store=self.place) for own in candidates]


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """The items of one modality, asked for by queries whose parts have the same modalities."""

    source: Source
    modality: Modality
    kind: str | None
    """The only kind of items that is wanted, if it is one."""
    where: Filter
    ways: Collection[str]
    """The names of the ways that candidates are found by."""
    runs: Mapping[Modality, StageSettings]
    """What runs after the first stage, by the modality of a query's part."""
    depth: int
    """Each way finds this many, and the second stage looks at them; further ones only follow."""
    without: Collection[str] = ()
    """The names of ways whose evidence doesn't count."""
    reranker: Reranker | None = None
    deadline: float | None = None
    """The time of `time.perf_counter` at which the budget is spent."""

    @property
    def model(self) -> str:
        """The name of the reranker that runs, without that of its file; empty if none does."""
        names = (run.model for run in self.runs.values() if run.model)
        return next(names, "").partition(":")[0]

    def encoder(self) -> Encoder:
        """The encoder of the space, loaded at its first use."""
        space = self.source.view.space
        return self.source.models.encoder(space)

    def has_time(self, seconds: float) -> bool:
        """Whether something that takes so long would be done before the deadline."""
        return self.deadline is None or perf_counter() + seconds <= self.deadline


@dataclass(frozen=True, slots=True)
class Found:
    """The items that one way finds for one query, by their numbers, the best first.

    `values` is what the way says of each. `rarity`, from 0 to 1, is how few items match so well.
    `by` are the items that speak for others, where a hit tells which.
    """

    values: Mapping[int, float]
    rarity: float = 1.0
    by: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class StageRequest:
    """One query in a direction, the items that are neither found nor speak for others, and what
    each way found for it.
    """

    direction: Direction
    query: QueryVector
    excluded: Collection[int] = ()
    """The items that may neither be found nor speak for others."""
    found: Mapping[str, Found] = field(default_factory=dict)

    def said(self, way: str, candidates: Candidates) -> Column:
        """What a way says of those candidates that it found."""
        values = self.found[way].values if way in self.found else {}
        return np.array([values.get(item.id, np.nan) for item in candidates.items], np.float64)

    def summed(
        self,
        name: str,
        candidates: Candidates,
        of_part: Callable[[EncodedQuery, StageSettings], FloatArray | None],
    ) -> Column:
        """The sum over the query's parts, by their shares, of what `of_part` says of candidates.

        Raises `ModelError`, which calls the stage by its name, for numbers that aren't finite.
        """
        total: Any = None
        for part, share in zip(self.query.parts, self.query.shares, strict=True):
            values = of_part(part, self.direction.runs[part.modality])
            if values is None:
                continue
            if not np.isfinite(values).all():
                raise ModelError(f"{name} gave scores that aren't finite. Leave it out.")
            total = (0 if total is None else total) + share * values
        return missing(candidates) if total is None else np.asarray(total, np.float32)


Stage = Callable[[StageRequest, Candidates], Column]
"""A stage says one number of each candidate. It doesn't sort, cut or join."""


def missing(candidates: Candidates) -> Column:
    """The column of a stage that has nothing to say."""
    return np.full(len(candidates.items), np.nan, np.float32)
