"""Finding a page of a document by what it says, besides how it looks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import sqrt

from cmsearch.common import locators
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.retrieve.nearest import DECIMALS, Candidate, Retriever, order
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, Item, Modality

PASSAGES = 1000
"""Passages that are looked at, of all documents: some hundred pages."""
BEHIND = 1.0
"""Standard deviations that a passage has to be nearer than a picture to count as much."""
Key = tuple[str, int]
"""A page: the path of its file, and its number."""
Scale = Callable[[float], float]


class DocumentPages:
    """Joins the passages of pages to how they look."""

    def __init__(self, store: Store, view: View, retriever: Retriever) -> None:
        self._catalog = store.catalog
        self._view = view
        self._retriever = retriever

    def ranked(
        self,
        queries: Sequence[QueryVector],
        pages: Sequence[Sequence[Candidate]],
        where: Filter,
        barred: Sequence[Collection[int]],
    ) -> list[list[Candidate]]:
        """For each query that is a text its pages by their look or by their best passage, whichever
        says more; the others as they were.

        Both are measured by the best that captions of other things find here, in standard
        deviations; these are the scores of the answers then.
        """
        if Modality.TEXT not in self._view.indexes:
            return [list(own) for own in pages]
        found = self._retriever.search(
            self._view, queries, Modality.TEXT, "passage", PASSAGES, where, barred
        )
        rows = zip(queries, pages, found, barred, strict=True)
        return [
            self._joined(query, own, passages, bars) if query.written == 1 else list(own)
            for query, own, passages, bars in rows
        ]

    def _joined(
        self,
        query: QueryVector,
        pages: Sequence[Candidate],
        passages: Sequence[Candidate],
        barred: Collection[int],
    ) -> list[Candidate]:
        looks_of, says_of = self._scales(query)
        # What a second stage made of the order is kept: the best cosine is given to the first.
        looks = sorted((answer.cosine for answer in pages), reverse=True)
        known = {
            _key(answer.item): answer._replace(score=looks_of(cosine))
            for answer, cosine in zip(pages, looks, strict=True)
        }
        said = _best(passages)
        for key, answer in self._seen(query, said.keys() - known.keys()).items():
            known[key] = answer._replace(score=looks_of(answer.cosine))
        joined = []
        for key, answer in known.items():
            if answer.item.id in barred:
                continue
            score, stages = answer.score, dict(answer.stages)
            if key in said:
                score = max(score, says_of(said[key]))
                stages["passage"] = said[key]
            joined.append(answer._replace(score=round(score, DECIMALS), stages=stages))
        return sorted(joined, key=order)

    def _scales(self, query: QueryVector) -> tuple[Scale, Scale]:
        """What cosines of pictures, and of passages, say beside what chance would find.

        Where that isn't known, as in an index of few things, they are compared as they are.
        """
        bank = self._view.background.get("bank", {})
        if Modality.IMAGE not in bank or Modality.TEXT not in bank:
            return (lambda cosine: cosine), (lambda cosine: cosine)
        total, spread = sum(query.shares), sqrt(sum(share**2 for share in query.shares))

        def scale(modality: Modality, behind: float) -> Scale:
            mean, deviation = bank[modality]
            return lambda cosine: (cosine - total * mean) / (spread * deviation) - behind

        return scale(Modality.IMAGE, 0), scale(Modality.TEXT, BEHIND)

    def _seen(self, query: QueryVector, wanted: Collection[Key]) -> dict[Key, Candidate]:
        """The pages that the ranking by looks didn't have, with their cosines."""
        paths = sorted({path for path, _ in wanted})
        pages = items.of_embeddings(
            self._catalog, items.pages_of(self._catalog, self._view.space_id, paths)
        )
        own = {number: item for number, item in pages.items() if _key(item) in wanted}
        vectors = items.vectors(self._catalog, own, self._view.space.dim)
        found = {}
        for number, item in own.items():
            if number in vectors:  # else damaged
                cosine = round(float(vectors[number] @ query.vector), DECIMALS)
                found[_key(item)] = Candidate(item, number, cosine, cosine, {})
        return found


def _best(passages: Sequence[Candidate]) -> dict[Key, float]:
    """By page the cosine of its best passage; the best come first."""
    best: dict[Key, float] = {}
    for answer in passages:
        if locators.page(answer.item.locator) is not None:
            best.setdefault(_key(answer.item), answer.cosine)
    return best


def _key(item: Item) -> Key:
    return item.path, locators.page(item.locator) or 0
