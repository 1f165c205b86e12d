"""Finding pictures by one vector of each and its caption: for items that have both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from cmsearch.models.fusion_network import Parts, parts
from cmsearch.search.hybrid.captions_and_words import CaptionsAndWords, beyond
from cmsearch.search.query.compose import QueryVector, scales, standard
from cmsearch.search.query.fuse_image_text import ImageTextFuser
from cmsearch.search.retrieve.nearest import DECIMALS, Candidate, Retriever, order
from cmsearch.store.catalog import items, pairs
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import ComposedQuery, EncodedQuery, Filter, Modality

_SIDES = (Modality.IMAGE, Modality.TEXT)


class ImagesWithCaptions:
    """Scores pictures by what they show together with the caption that is nearest to the query.

    The two are joined as those of a query are: by the network that the store has learned, or by
    their weighted sum. A picture without captions counts by itself.
    """

    def __init__(
        self, store: Store, view: View, retriever: Retriever, joiner: ImageTextFuser
    ) -> None:
        self._catalog = store.catalog
        self._view = view
        self._dim = view.space.dim
        self._matcher = CaptionsAndWords(store, view, retriever)
        self._joiner = joiner
        nothing = np.zeros(self._dim, np.float32)
        both = ComposedQuery(tuple(EncodedQuery(side, "", nothing) for side in _SIDES), (1.0, 1.0))
        self._weights = scales(both, view.background, Modality.TEXT)

    def ranked(
        self,
        queries: Sequence[QueryVector],
        pictures: Sequence[Sequence[Candidate]],
        k: int,
        where: Filter,
        barred: Sequence[Collection[int]],
    ) -> list[list[Candidate]]:
        """For each query the `k` best `pictures` and those of the k best captions, by what both say
        together; after them come the other pictures in their order.
        """
        captions: Sequence[Mapping[int, float]] = [{} for _ in queries]
        if Modality.TEXT in self._view.indexes:
            captions = self._matcher.by_captions(queries, k, where, barred)
        ranked = []
        for query, shown, told in zip(queries, pictures, captions, strict=True):
            known = {answer.item.id: answer for answer in shown[:k]}
            known |= self._matcher.answers(query, set(told) - known.keys())
            best = sorted(self._scored(query, list(known.values())), key=order)
            ranked.append([*best, *beyond(best, shown[k:])])
        return ranked

    def _scored(self, query: QueryVector, answers: Sequence[Candidate]) -> list[Candidate]:
        """The answers with scores that compare, whether they have captions or none."""
        seen, read = (standard(query, self._view.background, side) for side in _SIDES)
        nearest = self._nearest(query, answers)
        alone = [answer for answer in answers if answer.item.id not in nearest]
        scored = [_scored(answer, answer.cosine, seen, {}) for answer in alone]
        both = [answer for answer in answers if answer.item.id in nearest]
        if not both:
            return scored
        captions = [nearest[answer.item.id] for answer in both]
        images = self._parts([answer.embedding for answer in both])
        texts = self._parts([embedding for embedding, _ in captions])
        found = self._joiner.fuse(images, texts, self._weights)
        cosines = (found.vectors @ query.vector).tolist()
        own = found.shares[:, :1] * images.vectors + found.shares[:, 1:] * texts.vectors
        shares = found.shares / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-6)
        for answer, cosine, share, (_, told) in zip(both, cosines, shares, captions, strict=True):
            scale = (
                float(share @ (seen[0], read[0])),
                float(np.hypot(*(share * (seen[1], read[1])))),
            )
            scored.append(_scored(answer, cosine, scale, {"caption": told, "fused": cosine}))
        return scored

    def _nearest(
        self, query: QueryVector, answers: Sequence[Candidate]
    ) -> dict[int, tuple[int, float]]:
        """By item of the answers its caption that is nearest to the query, and the cosine."""
        answered = {answer.item.id for answer in answers}
        captions = pairs.captions_of(self._catalog, self._view.space_id, answered)
        every = [one for own in captions.values() for one in own]
        vectors = items.vectors(self._catalog, every, self._dim)
        found = {}
        for item, own in captions.items():
            cosines = [(float(vectors[one] @ query.vector), one) for one in own if one in vectors]
            if cosines:
                cosine, embedding = max(cosines)
                found[item] = embedding, cosine
        return found

    def _parts(self, embeddings: Sequence[int]) -> Parts:
        stored = items.contents(self._catalog, embeddings, self._dim)
        rows = [stored[one] for one in embeddings]
        return parts([row[0] for row in rows], [row[1] for row in rows])


def _scored(
    answer: Candidate, cosine: float, scale: tuple[float, float], stages: Mapping[str, float]
) -> Candidate:
    """The answer ordered by how far its cosine is beyond what is usual, by mean and deviation."""
    score = round((cosine - scale[0]) / scale[1], DECIMALS)
    rounded = {name: round(value, DECIMALS) for name, value in stages.items()}
    return answer._replace(score=score, stages={**answer.stages, **rounded})
