"""Measuring retrieval: recall, MRR and nDCG of an engine on pairs of captions and pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from cmsearch.errors import QueryError
from cmsearch.learning.metrics import CUTOFFS, Gold, Measure, measure, ndcg
from cmsearch.learning.questions import Questions
from cmsearch.search.engine import Engine
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog import pairs
from cmsearch.types import Hit, IdArray

Query = TypeVar("Query")
Parts = Iterable[tuple[Engine, Collection[str]]]
"""Engines, each with the paths of the pictures that it is asked about."""
DEPTH = 1000
"""Hits that are looked at; a right one below counts as not found."""
BY_PICTURE = Ranking(match="picture", fold=False)
TIMED = 30
WAYS = {
    "default": Ranking(),
    **{way: Ranking(match=way) for way in ("picture", "caption", "words")},
}
"""The default, and each of its ways alone, by what the tables call them."""


@dataclass(frozen=True, slots=True)
class Direction:
    """The figures of one direction."""

    name: str
    """The direction: `text→image` or `image→text`."""
    queries: int
    """The number of queries."""
    measures: dict[str, Measure]
    """`recall@1`, `recall@5`, `recall@10`, `mrr` and `ndcg@10` by their names."""
    milliseconds: float
    """The median time of a single query on a warm engine."""
    ranks: tuple[int, ...]
    """The rank of the first right hit of each query, from 1; 0 if there is none."""
    gains: tuple[float, ...] = ()
    """nDCG@10 of each query."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """The figures of one way of ranking where some pictures have captions that speak for them."""

    name: str
    """The direction, `text→image`."""
    group: str
    """Of which pictures: `all`, the `captioned` ones, or the `bare` ones."""
    way: str
    """What ranked: the `default`, or one way of it alone."""
    queries: int
    """The number of queries."""
    measures: dict[str, Measure]
    """`recall@1`, `recall@5`, `recall@10` and `mrr` by their names."""
    ranks: tuple[int, ...]
    """The rank of the right picture of each query, from 1; 0 if it wasn't found."""


def evaluate(
    engine: Engine,
    gold: Sequence[Gold] | None = None,
    ranking: Ranking = BY_PICTURE,
    *,
    timed: int = TIMED,
) -> list[Direction]:
    """Both directions' figures on `gold`, or on the captions in the store.

    Text→image ranks every picture of the store for each caption, by the picture alone: captions
    have no part in it. Image→text ranks every caption of the store for each picture; any caption
    of the picture is right. The query's own vector is computed anew, and neither the query nor
    its picture's captions are part of any statistic that the ranking uses. The time is that of
    `timed` queries of each direction, which are asked once more. Raises `QueryError`.
    """
    gold = given_or_own(engine, gold)
    captions = [pair.caption for pair in gold]
    right = [pair.image for pair in gold]
    images = sorted(set(right))
    files = [engine.store.absolute(image) for image in images]
    return [
        _direction(
            "text→image",
            captions,
            right,
            lambda some: engine.search(some, target="image", k=DEPTH, ranking=ranking),
            lambda image, hit: hit.path == engine.store.absolute(image),
            timed,
        ),
        _direction(
            "image→text",
            files,
            images,
            lambda some: engine.search(image=some, target="caption", k=DEPTH, ranking=ranking),
            lambda image, hit: hit.path == engine.store.absolute(image),
            timed,
        ),
    ]


def evaluate_parts(parts: Parts, gold: Sequence[Gold], *, timed: int = TIMED) -> list[Direction]:
    """The same figures by the picture alone, where each engine is asked about its own pictures.

    The time is that of the first engine.
    """
    found, rows, images = list[list[Direction]](), list[int](), list[str]()
    for engine, own in parts:
        some = [row for row, pair in enumerate(gold) if pair.image in own]
        if some:
            asked = [gold[row] for row in some]
            found.append(evaluate(engine, asked, timed=0 if found else timed))
            rows += some
            images += sorted({pair.image for pair in asked})
    orders = np.argsort(rows), np.argsort(images)
    return [
        _joined(own, order) for own, order in zip(zip(*found, strict=True), orders, strict=True)
    ]


def _joined(parts: Sequence[Direction], order: IdArray) -> Direction:
    """The figures of queries that were asked in parts, in the order that they have together."""
    ranks = np.concatenate([own.ranks for own in parts])[order].tolist()
    gains = np.concatenate([own.gains for own in parts])[order].tolist()
    return _summed(parts[0].name, parts[0].milliseconds, tuple(ranks), tuple(gains))


def evaluate_mixed(
    parts: Parts, questions: Questions, rankings: Mapping[str, Ranking] = WAYS
) -> list[Mixed]:
    """The figures of text→image where captions speak for pictures, by ranking and by group.

    Each engine is asked about its own pictures. Each ranking is that of a search, without the
    folding of near-duplicates. Groups without a question are left out.
    """
    ranks = {way: np.zeros(len(questions.rows), np.int64) for way in rankings}
    for engine, own in parts:
        rows = [row for row, one in enumerate(questions.rows) if one.image in own]
        for way, ranking in rankings.items():
            ranks[way][rows] = ranks_of(engine, questions.about(own), ranking)
    captioned = np.array([one.is_captioned for one in questions.rows])
    groups = {"all": captioned | ~captioned, "captioned": captioned, "bare": ~captioned}
    found = []
    for way, places in ranks.items():
        for group, chosen in groups.items():
            if chosen.any():
                own_ranks = tuple(places[chosen].tolist())
                figures = _measures(own_ranks)
                found.append(Mixed("text→image", group, way, len(own_ranks), figures, own_ranks))
    return found


def ranks_of(engine: Engine, questions: Questions, ranking: Ranking) -> list[int]:
    """The rank of the right picture of each question, from 1; 0 if it wasn't found."""
    ranks = []
    asked = questions.hits(engine, replace(ranking, fold=False), DEPTH)
    for question, hits in zip(questions.rows, asked, strict=True):
        right = engine.store.absolute(question.image)
        ranks.append(next((hit.rank for hit in hits if hit.path == right), 0))
    return ranks


def given_or_own(engine: Engine, gold: Sequence[Gold] | None) -> Sequence[Gold]:
    """The pairs, or else the captions in the store; raises `QueryError` where there are none."""
    if gold is None:
        gold = [Gold(*pair) for pair in pairs.captions(engine.store.catalog)]
    if not gold:
        raise QueryError("There are no captions to measure with. Give some with --captions FILE.")
    return gold


def _direction(
    name: str,
    queries: Sequence[Query],
    images: Sequence[str],
    ask: Callable[[Sequence[Query]], list[list[Hit]]],
    is_right: Callable[[str, Hit], bool],
    timed: int,
) -> Direction:
    """Ask every query at once for the figures, and some one by one for the time."""
    relevant = [
        np.array([is_right(image, hit) for hit in hits], bool)
        for image, hits in zip(images, ask(queries), strict=True)
    ]
    ranks = tuple(int(row.argmax()) + 1 if row.any() else 0 for row in relevant)
    median = _median_milliseconds(queries[:timed], ask)
    return _summed(name, median, ranks, tuple(ndcg(row, 10) for row in relevant))


def _summed(
    name: str, milliseconds: float, ranks: tuple[int, ...], gains: tuple[float, ...]
) -> Direction:
    measures = {**_measures(ranks), "ndcg@10": measure(np.array(gains))}
    return Direction(name, len(ranks), measures, milliseconds, ranks, gains)


def _measures(ranks: Sequence[int]) -> dict[str, Measure]:
    """Recall and MRR by their names, of the ranks of the first right hits."""
    places = np.array(ranks)
    values = {f"recall@{k}": (places > 0) & (places <= k) for k in CUTOFFS}
    values["mrr"] = np.where(places > 0, 1 / np.maximum(places, 1), 0)
    return {name: measure(own.astype(float)) for name, own in values.items()}


def _median_milliseconds(
    queries: Sequence[Query], ask: Callable[[Sequence[Query]], list[list[Hit]]]
) -> float:
    """How long it takes to ask one of them; not a number where there is none."""
    times = []
    for query in queries:
        start = time.perf_counter()
        ask([query])
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000 if times else float("nan")
