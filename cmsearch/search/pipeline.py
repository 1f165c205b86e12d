"""One call of a search: what the stores of each space find, merged, judged and made hits."""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import inf
from time import perf_counter
from typing import Any

from cmsearch.common import stopping
from cmsearch.errors import QueryError
from cmsearch.search.hits import SPARE, Hits
from cmsearch.search.hybrid.captions_and_words import MATCHES
from cmsearch.search.merge.collapse import Comparison
from cmsearch.search.merge.relevance import aim
from cmsearch.search.merge.things import as_things, merged, named_first
from cmsearch.search.rank.second_stage import FUSIONS, Ranking, depth_of, stages
from cmsearch.search.rank.stages import StageSettings
from cmsearch.search.shared_space import Asked, Found, Member, Request, SharedSpace
from cmsearch.types import ComposedQuery, Hit, Modality

MOST_GIVEN = 10_000
"""Items that were given before which a search reckons with at first."""
_AskedEverywhere = Sequence[Asked]
"""One query, as it is asked in each space."""


class Search:
    """Answers queries on what stores show: those that share a space as one, and what the spaces
    find as one list.
    """

    def __init__(self, spaces: Sequence[Sequence[Member]], request: Request) -> None:
        """Each of `spaces` has the members that share one."""
        self._request = request
        self._spaces = [SharedSpace(members, request) for members in spaces]
        members = sorted((own for each in spaces for own in each), key=lambda own: own.place)
        comparison = Comparison([(own.caches.near_duplicates, own.view) for own in members])
        stores = [own.store for own in members]
        are_named = any(own.pool for own in members)
        self._hits = Hits(stores, comparison, are_named=are_named)

    def hits(self, queries: Sequence[Sequence[ComposedQuery]]) -> list[list[Hit]]:
        """The hits of each query; `queries` are in each of the spaces as vectors of it."""
        rows = [space.asked(own) for space, own in zip(self._spaces, queries, strict=True)]
        asked: list[_AskedEverywhere] = list(zip(*rows, strict=True))
        answers: dict[int, list[Hit]] = {}
        # Most of what was given is among the best again, with its captions; if it is more, deeper.
        most = max((len(own[0].query.given) for own in asked), default=0)
        depth = self._request.k + min(most, MOST_GIVEN)
        depth += SPARE if self._request.ranking.fold else 0
        while len(answers) < len(asked):  # again and deeper where too many were folded
            stopping.check()
            open_ = [row for row in range(len(asked)) if row not in answers]
            ends = self._answers([asked[row] for row in open_], depth)
            answers |= {
                row: hits for row, (hits, is_all) in zip(open_, ends, strict=True) if is_all
            }
            depth *= 4
        return [answers[row] for row in range(len(asked))]

    def _answers(
        self, asked: Sequence[_AskedEverywhere], depth: int
    ) -> list[tuple[list[Hit], bool]]:
        """The hits of each query among the best `depth` of each direction at least, and whether
        more depth would give no more.
        """
        columns = zip(*asked, strict=True)
        found = [space.found(own, depth) for space, own in zip(self._spaces, columns, strict=True)]
        answers = []
        for own, results in zip(asked, zip(*found, strict=True), strict=True):
            stopping.check()
            answers.append(self._best(own[0].query, results, depth))
        return answers

    def _best(
        self, query: ComposedQuery, results: Sequence[Found], depth: int
    ) -> tuple[list[Hit], bool]:
        """The hits among what was found in all spaces, and whether there are no more."""
        request = self._request
        found = merged([own for each in results for own in each.directions], depth)
        if request.target == "any" and request.ranking.fold:
            found = as_things(found)
        named = sorted((pair for each in results for pair in each.named), key=lambda pair: pair[0])
        found = named_first([own for _, own in named], found)
        chosen, is_all = self._hits.best(found, request.ranking, request.k, aim(query), query.given)
        return chosen, is_all or all(each.is_all for each in results)


def deadline(budget: float | None) -> float | None:
    """When a budget of seconds that begins now is spent."""
    return None if budget is None else perf_counter() + budget


def check_ranking(ranking: Any) -> None:
    """Raise `QueryError` for what is no ranking, or has values that none can have."""
    if not isinstance(ranking, Ranking):
        raise QueryError(f"ranking is a cmsearch.Ranking, not {type(ranking).__name__}.")
    if not isinstance(ranking.rerank, str):
        raise QueryError(f"rerank is the name of a reranker, not {ranking.rerank!r}.")
    if ranking.stages is not None and not isinstance(ranking.stages, StageSettings):
        raise QueryError(
            f"stages are cmsearch.search.rank.stages.StageSettings, not {ranking.stages!r}."
        )
    for kind, known in (("match", MATCHES), ("fusion", FUSIONS)):
        value = getattr(ranking, kind)
        if not isinstance(value, str) or value not in known:
            raise QueryError(f"There is no {kind} {value!r}; it is one of {', '.join(known)}.")
    ways = ranking.without
    if not isinstance(ways, Set | list | tuple) or not all(isinstance(way, str) for way in ways):
        raise QueryError(f"without is a set of names of ways, such as 'words', not {ways!r}.")
    for name, most in (("min_relevance", 1.0), ("budget", inf)):
        value = getattr(ranking, name)
        if value is not None and not (isinstance(value, int | float) and 0 <= value <= most):
            raise QueryError(f"{name} is a number from 0 to {most:g}, not {value!r}.")
    depth_of(ranking, stages(ranking, {}, Modality.TEXT, Modality.IMAGE))  # raises for wrong ones
