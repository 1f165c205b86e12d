"""What people marked as right or wrong, as queries to measure with and as pairs to learn from."""

# Tested by tests/unit/cmsearch/learning/test_marked.py

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.text import storable
from cmsearch.errors import MediaError, QueryError
from cmsearch.learning.metrics import CUTOFFS, Measure, bpref, measure, ndcg
from cmsearch.search.marking import Marking
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.store import Store
from cmsearch.types import Hit, Mark, Modality, Query

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine

LEAST = 10
"""Queries with marks; fewer say nothing of others."""
DEPTH = 1000
"""Hits that are looked at; a right one below counts as not found."""
APART = Ranking(fold=False)
"""That of a search, with near-duplicates each for itself: each may have its own mark."""
_PICTURES = ("photo", "caption")


@dataclass(frozen=True, slots=True)
class MarkedQuery:
    """A query for a target with what was marked for it, as far as that is in the index now."""

    query: Query
    target: str
    right: tuple[Mark, ...]
    wrong: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class MarkedFigures:
    """The figures of the queries for a target, or of all, by the names of the measures."""

    name: str
    """`marks`, or with the target `marks→image`."""
    queries: int
    right: int
    """Marks of what is right, which are the relevant things (qrels)."""
    wrong: int
    """Marks of what is wrong."""
    measures: dict[str, Measure]
    milliseconds: float
    """The median time of a query."""


@dataclass(slots=True)
class _Row:
    """The measures of a query, by their names; `bpref` only where something is marked wrong."""

    asked: MarkedQuery
    seconds: float
    values: dict[str, float] = field(default_factory=dict)


def marked_queries(marks: Sequence[Mark]) -> list[MarkedQuery]:
    """The queries that can be asked, with their marks of what is there, in the order of these."""
    found: dict[tuple[Query, str], tuple[list[Mark], list[Mark]]] = {}
    for mark in marks:
        if mark.asked is not None and mark.items:
            right, wrong = found.setdefault((mark.asked, mark.target), ([], []))
            (right if mark.right else wrong).append(mark)
    return [
        MarkedQuery(query, target, tuple(right), tuple(wrong))
        for (query, target), (right, wrong) in found.items()
    ]


def evaluate_marks(engine: Engine) -> list[MarkedFigures]:
    """The figures of the queries of which something is marked right, all and by target.

    They are asked as a search does, each near-duplicate for itself. What is marked right is
    relevant, and nothing else is; where anything is searched for, a thing is its file. Raises
    `QueryError` where there are too few.
    """
    asked = [one for one in marked_queries(engine.marks()) if one.right]
    rows = list(_rows(engine, asked))
    if len(rows) < LEAST:
        raise QueryError(
            f"{len(rows)} queries of {engine.store.name} have a hit marked right that is in the "
            f"index now; at least {LEAST} are needed to say anything of others. Search, and mark "
            "hits with `cmsearch mark`."
        )
    figures = [_figures("marks", rows)]
    targets = dict.fromkeys(row.asked.target for row in rows)
    for target in targets if len(targets) > 1 else ():
        own = [row for row in rows if row.asked.target == target]
        if len(own) >= LEAST:
            figures.append(_figures(f"marks→{target}", own))
    return figures


class MarkedPairs(NamedTuple):
    """Pairs of a picture's path and a text: those marked right, and those marked wrong."""

    right: list[tuple[str, str]]
    wrong: list[tuple[str, str]]


def marked_pairs(store: Store) -> MarkedPairs:
    """The pictures of a store with the texts that they were marked for, each pair once.

    Queries of more than a text make none. What one mark says is right is not wrong.
    """
    right, wrong = dict[tuple[str, str], None](), dict[tuple[str, str], None]()
    for one in marked_queries(Marking(store).marks()):
        if (text := _text(one.query)) is not None:
            for pairs, marks in ((right, one.right), (wrong, one.wrong)):
                pairs |= dict.fromkeys((_path(store, mark), text) for mark in _pictures(marks))
    return MarkedPairs(list(right), [pair for pair in wrong if pair not in right])


def _pictures(marks: Sequence[Mark]) -> Iterator[Mark]:
    """The marks of pictures, and of captions, which count for theirs."""
    return (mark for mark in marks if mark.kind in _PICTURES)


def _path(store: Store, mark: Mark) -> str:
    """The path of a mark's file as the catalog has it."""
    return storable(mark.path.relative_to(store.root).as_posix())


def _text(query: Query) -> str | None:
    """The text that a query is; None for one of anything else."""
    if len(query.parts) != 1 or query.without or query.parts[0].modality is not Modality.TEXT:
        return None
    return str(query.parts[0].content)


def _rows(engine: Engine, asked: Sequence[MarkedQuery]) -> Iterator[_Row]:
    """What each query gives; those with a picture that can't be read any more are left out."""
    for one in asked:
        start = time.perf_counter()
        try:
            hits = engine.search(one.query, target=one.target, k=DEPTH, ranking=APART)
        except MediaError:
            continue
        row = _Row(one, time.perf_counter() - start)
        _judge(row, hits)
        yield row


def _judge(row: _Row, hits: Sequence[Hit]) -> None:
    """Fill in the measures of a query with these hits."""
    asked = row.asked
    things = list(dict.fromkeys(_thing(hit, asked.target) for hit in hits))
    right, wrong = (_things(marks, asked.target) for marks in (asked.right, asked.wrong))
    relevant = _among(things, right)
    found, count = np.cumsum(relevant), len(right)
    for k in CUTOFFS:
        within = int(found[min(k, len(found)) - 1]) if len(found) else 0
        row.values[f"recall@{k}"] = within / count
        row.values[f"precision@{k}"] = within / k
    row.values["mrr"] = 1 / (int(relevant.argmax()) + 1) if relevant.any() else 0.0
    row.values["ndcg@10"] = ndcg(relevant, 10, count)
    if wrong - right:
        row.values["bpref"] = bpref(relevant, _among(things, wrong - right), count)


def _thing(hit: Hit, target: str) -> Any:
    return hit.path if target == "any" else hit.item


def _things(marks: Sequence[Mark], target: str) -> set[Any]:
    if target == "any":
        return {mark.path for mark in marks}
    return {mark.items[0] for mark in marks}


def _among(things: Sequence[Any], chosen: Collection[Any]) -> NDArray[np.bool_]:
    return np.array([one in chosen for one in things], bool)


def _figures(name: str, rows: Sequence[_Row]) -> MarkedFigures:
    names = dict.fromkeys(name for row in rows for name in row.values)
    values = {one: [row.values[one] for row in rows if one in row.values] for one in names}
    return MarkedFigures(
        name,
        len(rows),
        sum(len(row.asked.right) for row in rows),
        sum(len(row.asked.wrong) for row in rows),
        {one: measure(np.array(own)) for one, own in values.items()},
        1000 * float(np.median([row.seconds for row in rows])),
    )
