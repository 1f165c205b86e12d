"""Finding a picture by what it shows, by what its captions say, and by exact words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import log
from typing import NamedTuple

import numpy as np

from cmsearch.search.hybrid.rrf import rrf
from cmsearch.search.query.compose import QueryVector, standard
from cmsearch.search.retrieve.nearest import DECIMALS, Candidate, Retriever, order
from cmsearch.store.catalog import fulltext, items
from cmsearch.store.catalog.fulltext import Match, Scope
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, Modality

MATCHES = ("all", "picture", "caption", "words", "fused")
CAPTIONS = 2.0
"""How much the ranking by captions counts beside that by pictures."""
LEAST_SHARE = 0.5
"""What the words that are found have to weigh among all of the query's."""
WORDS = 8.0
"""How much more than a picture's own ranking that of exact words counts, if they are rare."""


class Ways(NamedTuple):
    """The photographs that one query finds, by each way: photo items by id, the best first.

    `captions` has with each the cosine of its best caption, `words` how its words matched.
    """

    captions: Mapping[int, float]
    words: Mapping[int, Match]
    rarity: float


class CaptionsAndWords:
    """Joins to what the pictures show what was written about them."""

    def __init__(self, store: Store, view: View, retriever: Retriever) -> None:
        self._catalog = store.catalog
        self._view = view
        self._retriever = retriever

    def fused(
        self,
        queries: Sequence[QueryVector],
        pictures: Sequence[Sequence[Candidate]],
        how: str,
        k: int,
        where: Filter,
        barred: Sequence[Collection[int]],
    ) -> list[list[Candidate]]:
        """For each query the pictures that `how` finds, by reciprocal rank fusion if several do.

        The `k` best of each ranking are fused; after them come the other pictures in their order.
        """
        captions: list[dict[int, float]] = [{} for _ in queries]
        if how in ("all", "caption") and Modality.TEXT in self._view.indexes:
            captions = self.by_captions(queries, k, where, barred)
        fused = []
        for query, shown, spoken, bars in zip(queries, pictures, captions, barred, strict=True):
            words = self._by_words(query, k, where, bars) if how in ("all", "words") else []
            matched = {one.item: one for one in words if one.share >= LEAST_SHARE}
            rarity = 1.0 if how == "words" else self._rarity(words, k)
            ways = Ways(spoken, matched, rarity)
            shown = shown if how in ("all", "picture") else []
            best = self._joined(query, shown[:k], ways)
            fused.append([*best, *beyond(best, shown[k:])])
        return fused

    def by_captions(
        self,
        queries: Sequence[QueryVector],
        k: int,
        where: Filter,
        barred: Sequence[Collection[int]],
    ) -> list[dict[int, float]]:
        """For each query the photo items of its k best captions, with their cosines.

        A caption has to be nearer to the query than the best of unrelated texts usually are: with
        few captions there is always a best one, and it needn't be about what is asked for.
        """
        found = self._retriever.search(
            self._view, queries, Modality.TEXT, "caption", k, where, barred
        )
        paths = {hit.item.about for hits in found for hit in hits if hit.item.about}
        space = self._view.space_id
        images = items.images_at(self._catalog, space, paths)
        pictured = items.of_embeddings(self._catalog, images.values())
        photos = {
            path: pictured[number].id for path, number in images.items() if number in pictured
        }
        best: list[dict[int, float]] = []
        for query, hits, bars in zip(queries, found, barred, strict=True):
            least = standard(query, self._view.background, Modality.TEXT)[0]
            own: dict[int, float] = {}
            for hit in hits:
                photo = photos.get(hit.item.about or "")
                if photo is not None and photo not in bars and hit.cosine > least:
                    own.setdefault(photo, hit.cosine)
            best.append(own)
        return best

    def _by_words(
        self, query: QueryVector, k: int, where: Filter, barred: Collection[int]
    ) -> list[Match]:
        """Photo items with the words of what is looked for, and not those of what is subtracted."""
        scope = Scope(self._view.space_id, Modality.IMAGE, None, where)
        texts = query.texts()
        away: set[int] = set()
        for text, weight in texts:
            if weight < 0:
                away |= items.about_same(self._catalog, fulltext.items_with(self._catalog, text))
        left_out = away.union(barred)
        text = " ".join(text for text, weight in texts if weight > 0)
        found = fulltext.match(self._catalog, text, k + len(left_out), scope)
        return [one for one in found if one.item not in left_out][:k]

    def _rarity(self, words: Sequence[Match], k: int) -> float:
        """From 0 to 1, how few pictures have all the words that the best one has."""
        total = max(len(self._view.indexes[Modality.IMAGE]), 2)
        same = sum(one.share >= words[0].share for one in words) if words else total
        if len(words) >= k:  # there are more, of which the captions are counted one by one
            same = max(same, fulltext.rows_with(self._catalog, words[0].words))
        return max(0.0, log(total / same) / log(total))

    def _joined(
        self, query: QueryVector, shown: Sequence[Candidate], ways: Ways
    ) -> list[Candidate]:
        if not ways.captions and not ways.words:
            return list(shown)
        best_share = max((one.share for one in ways.words.values()), default=0.0)
        words = WORDS * query.written * ways.rarity * best_share**2
        weights = [1.0, CAPTIONS, words]
        known = {answer.item.id: answer for answer in shown}
        known |= self.answers(query, {*ways.captions, *ways.words} - known.keys())
        by_words = sorted(  # ties by path: those of BM25 come by row
            (number for number in ways.words if number in known),
            key=lambda number: (
                -ways.words[number].score,
                known[number].item.path,
            ),
        )
        rankings = [[answer.item.id for answer in shown], list(ways.captions), by_words]
        joined = []
        for number, score in rrf(rankings, weights):
            if number not in known:
                continue
            answer = known[number]
            stages = dict(answer.stages)
            if number in ways.captions:
                stages["caption"] = ways.captions[number]
            if number in ways.words:
                stages["words"] = ways.words[number].share
            joined.append(answer._replace(score=round(score, DECIMALS), stages=stages))
        return sorted(joined, key=order)

    def answers(self, query: QueryVector, wanted: set[int]) -> dict[int, Candidate]:
        """Photo items that the pictures' own ranking didn't have, with their cosines."""
        numbers = items.embeddings_of(self._catalog, self._view.space_id, wanted)
        found = items.of_embeddings(self._catalog, numbers.values())
        contents = items.contents(self._catalog, sorted(found), self._view.space.dim)
        answers = {}
        for number, item in found.items():
            cosine = round(float(np.dot(contents[number][0], query.vector)), DECIMALS)
            answers[item.id] = Candidate(item, number, cosine, cosine, {})
        return answers


def beyond(best: Sequence[Candidate], others: Sequence[Candidate]) -> list[Candidate]:
    """Those of the others that aren't among the best, with scores that are no higher."""
    there = {answer.item.id for answer in best}
    left = [answer for answer in others if answer.item.id not in there]
    down = max(0.0, left[0].score - best[-1].score) if best and left else 0.0
    return [answer._replace(score=round(answer.score - down, DECIMALS)) for answer in left]
