"""The second stage of a search: which corrections and rerankers run, and how deep they look."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cmsearch.errors import QueryError
from cmsearch.models.plugins import rerankers
from cmsearch.search.rank.stages import UNMEASURED, StageSettings, Table
from cmsearch.types import TOWER, Modality

RERANKERS = ("auto", "attention", "none")
FUSIONS = ("auto", "sum")
DEPTH = 100
MODEL_DEPTH = 32
"""Candidates that a model of its own looks at, unless told otherwise."""
ALIKE = ("st",)
"""Models that compare two texts, or two pictures, too. All read the files of pictures."""
OWN = "learned"
"""The reranker that was learned from the index itself; `learned:FILE` is one of another."""


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
    vector of each picture and its nearest caption. Other things are found by their own vectors and,
    with `all` and `words`, by the exact words of what they say and of their paths.
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
    without: frozenset[str] = frozenset()
    """The names of ways whose evidence doesn't count, as the `stages` of hits name them."""
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
    plain = replace(measured, attention=None, model="", weights={})
    if ranking.rerank == "none":
        return plain
    if ranking.rerank == "attention":
        return replace(plain, attention=measured.attention or UNMEASURED)
    if kind in rerankers:
        is_own = target is TOWER[target] and (target is not query or kind in ALIKE)
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
