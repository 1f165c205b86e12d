"""What a store's ranking gives for the captions and pictures of pairs, as a reranker learns it."""

# Tested by tests/unit/cmsearch/learning/test_fit_reranker.py

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cmsearch.errors import QueryError
from cmsearch.learning.examples import Examples, Source
from cmsearch.learning.ridge import Pairs
from cmsearch.learning.stored_tokens import tokens_of, tokens_of_texts
from cmsearch.learning.training.reranker import Lists, Material
from cmsearch.models.rerankers.crossing import stacked
from cmsearch.models.spaces import model_name
from cmsearch.search.rank.attention import Tokens, attend
from cmsearch.search.rank.banks import SIZE
from cmsearch.search.rank.second_stage import DEPTH
from cmsearch.search.rank.stages import Hubness, StageSettings, Table
from cmsearch.types import FloatArray, IdArray, Modality

OTHER = {Modality.TEXT: Modality.IMAGE, Modality.IMAGE: Modality.TEXT}
_AT_ONCE = 256


class Ranker:
    """Ranks the texts and pictures of pairs as a search by default does, without words.

    `vectors (n, dim)` are those of the pictures, `table` says what runs after the first stage, and
    `wrong (w, 2)` which pairs of a picture's row and a text's are known to be none.
    """

    def __init__(
        self,
        pairs: Pairs,
        vectors: FloatArray,
        material: Material,
        table: Table,
        wrong: IdArray,
    ) -> None:
        self._vectors = {Modality.TEXT: pairs.texts, Modality.IMAGE: vectors}
        self._tokens: dict[Modality, list[Tokens]] = {
            Modality.TEXT: list(zip(material.words, material.weights, strict=True)),
            Modality.IMAGE: list(zip(material.cells, material.present, strict=True)),
        }
        self._table = table
        self._right, self._wrong = (
            np.sort(links[:, 1] * len(vectors) + links[:, 0]) for links in (pairs.links, wrong)
        )

    def lists(
        self, asked: Modality, queries: IdArray, among: IdArray, *, taught: bool = False
    ) -> Lists:
        """The best `DEPTH` of the rows `among` for rows of queries; each has a right one there.

        Where lists are `taught` with, a right one takes the last place if none is in the list.
        """
        parts = [
            self._first(asked, queries[start : start + _AT_ONCE], among, taught)
            for start in range(0, len(queries), _AT_ONCE)
        ]
        candidates, scores, beyond = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        run = self._table.get((asked, OTHER[asked]), StageSettings())
        if run.attention is not None:
            scores = scores + run.attention.share * self._attended(
                asked, queries, candidates, run.attention.temperature
            )
        if run.hubness is not None:
            scores = scores - self._biases(asked, queries, candidates, run.hubness)
        order = np.argsort(-scores, axis=1, kind="stable")
        candidates, scores = (np.take_along_axis(one, order, 1) for one in (candidates, scores))
        codes = self._codes(asked, queries[:, None], candidates)
        right, wrong = (np.isin(codes, known) for known in (self._right, self._wrong))
        return Lists(asked, queries, candidates, scores, right, beyond, wrong)

    def _first(
        self, asked: Modality, queries: IdArray, among: IdArray, taught: bool
    ) -> tuple[IdArray, FloatArray, NDArray[np.float64]]:
        """Candidates and cosines `(q, c)`, and the ranks `(q,)` of the best right ones."""
        cosines = self._vectors[asked][queries] @ self._vectors[OTHER[asked]][among].T
        right = np.isin(self._codes(asked, queries[:, None], among[None]), self._right)
        best = np.where(right, cosines, -np.inf)
        ranks = 1.0 + (cosines > best.max(1, keepdims=True)).sum(1)
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :DEPTH]
        if taught:
            missing = ~np.take_along_axis(right, order, 1).any(1)
            order[missing, -1] = best[missing].argmax(1)
        return among[order], np.take_along_axis(cosines, order, 1), ranks

    def _codes(self, asked: Modality, queries: IdArray, candidates: IdArray) -> IdArray:
        """A number for each pair of a text and a picture."""
        texts, pictures = (queries, candidates) if asked is Modality.TEXT else (candidates, queries)
        codes: IdArray = texts * len(self._vectors[Modality.IMAGE]) + pictures
        return codes

    def _attended(
        self, asked: Modality, queries: IdArray, candidates: IdArray, temperature: float
    ) -> FloatArray:
        own, others = self._tokens[asked], self._tokens[OTHER[asked]]
        return np.stack(
            [
                attend(own[query], [others[one] for one in row], temperature)
                for query, row in zip(queries.tolist(), candidates.tolist(), strict=True)
            ]
        )

    def _biases(
        self, asked: Modality, queries: IdArray, candidates: IdArray, hubness: Hubness
    ) -> FloatArray:
        """What hubness takes away, measured with up to `SIZE` rows that are not the query."""
        rows = np.random.default_rng(0).permutation(len(self._vectors[asked]))[:SIZE]
        some, place = np.unique(candidates, return_inverse=True)
        place = place.reshape(candidates.shape)
        k = min(hubness.k, len(rows) - 1)
        cosines = self._vectors[OTHER[asked]][some] @ self._vectors[asked][rows].T
        best = np.argsort(-cosines, axis=1)[:, : k + 1]
        values, ids = np.take_along_axis(cosines, best, 1), rows[best]
        own = ids[place] == queries[:, None, None]
        own[..., -1] |= ~own.any(-1)  # without the query itself, or else without the last
        means = np.where(own, 0, values[place]).sum(-1) / max(k, 1)
        bias: FloatArray = np.float32(hubness.strength) * means
        return bias


def material(
    source: Source, found: Examples, others: Mapping[int, Tokens] | None = None
) -> Material:
    """The tokens that a store keeps of the pairs' captions and pictures, with those of `others` by
    their rows, which are no captions. Raises `QueryError` where its encoder gives none.
    """
    tokens = {
        "texts": tokens_of_texts(source, found, np.arange(len(found.texts)), others or {}),
        "pictures": tokens_of(source, found.pictures),
    }
    kinds = {kind: stacked(own) for kind, own in tokens.items()}
    for kind, (_, weights) in kinds.items():
        if not weights.any():
            raise QueryError(
                f"{model_name(source.base)} gives no tokens of {kind}, which a reranker learns "
                "from, or they were imported without. Index with a model that gives some, as "
                "`cmsearch models` lists them; or encode what was imported with `cmsearch index "
                "--complete`."
            )
    return Material(*kinds["texts"], *kinds["pictures"])
