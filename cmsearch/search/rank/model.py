"""What a model says that looks at a query and each candidate together."""

# Tested by tests/unit/cmsearch/search/rank/test_second_stage.py

from __future__ import annotations

from dataclasses import replace

from cmsearch.search.rank.attention import of_tokens, query_tokens
from cmsearch.search.rank.request import Column, Direction, StageRequest
from cmsearch.search.rank.second_stage import ALIKE, is_learned
from cmsearch.search.rank.stages import StageSettings
from cmsearch.types import Candidates, EncodedQuery, FloatArray

SHARE = 0.5
"""What a model's probability of a match counts beside cosines; not measured."""


def model(request: StageRequest, candidates: Candidates) -> Column:
    """What the reranker of a direction adds to the cosines of candidates, by each part of a query.

    One that was learned from an index says it in the units of cosines.
    """
    direction, reranker = request.direction, request.direction.reranker

    def of_part(part: EncodedQuery, run: StageSettings) -> FloatArray | None:
        if reranker is None or not run.model:
            return None
        if not direction.has_time(reranker.cost(len(candidates.items))):
            return None
        is_own = is_learned(run.model)
        is_known = (part.modality, candidates.items[0].modality) in reranker.directions
        if not is_known and (is_own or run.model.partition(":")[0] in ALIKE):
            return None
        if not is_own:
            return SHARE * reranker.score(part, candidates)
        return reranker.score(_tokened(direction, part), candidates)

    column = request.summed(direction.model, candidates, of_part)
    return of_tokens(column, candidates) if is_learned(direction.model) else column


def _tokened(direction: Direction, query: EncodedQuery) -> EncodedQuery:
    tokens = query_tokens(direction.encoder(), query)
    return query if tokens is None else replace(query, tokens=tokens[0], weights=tokens[1])
