"""What attention adds where texts ask for pictures, as learning measures it."""

# Tested by tests/unit/cmsearch/learning/test_choosing.py

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from cmsearch.search.rank.attention import Tokens, attend
from cmsearch.search.rank.second_stage import DEPTH
from cmsearch.search.rank.stages import Attention
from cmsearch.types import FloatArray, IdArray

TokensOf = Callable[[IdArray], list[Tokens]]
"""The tokens of these rows of texts or of pictures."""


class Attended:
    """The second stage of pairs whose tokens are given, run as `settings` say.

    No vector has a part in it, so what it gives for a text and a picture is worked out once.
    """

    def __init__(
        self,
        settings: Attention,
        texts: TokensOf,
        pictures: TokensOf,
        usual: FloatArray | None = None,
    ) -> None:
        """`usual (dim,)` is the mean of unrelated texts, of which `settings` take a share off."""
        self.settings = settings
        self._texts = texts
        self._pictures = pictures
        self._usual = usual
        self._known: defaultdict[int, dict[int, float]] = defaultdict(dict)

    def among(self, texts: IdArray, pictures: IdArray) -> FloatArray:
        """What is added to the cosines of texts and pictures of these rows `(q, m)`."""
        shape = len(texts), len(pictures)
        return self._added(texts, np.broadcast_to(pictures, shape))

    def taken(self, vectors: FloatArray) -> FloatArray:
        """What is taken from the cosines of pictures with these vectors `(m,)` in its place."""
        if self._usual is None:
            return np.zeros(len(vectors), np.float32)
        found: FloatArray = self.settings.bank * (vectors @ self._usual)
        return found

    def reranked(
        self,
        scores: FloatArray,
        texts: IdArray,
        pictures: IdArray,
        part: float = 1.0,
        vectors: FloatArray | None = None,
    ) -> FloatArray:
        """The scores `(q, m)` with a part of what is added to the best `DEPTH` pictures of a text,
        whose `vectors` say what is taken, if they are given.

        The others stay behind them, as in a search.
        """
        if not part:
            return scores
        best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        near = np.take_along_axis(scores, best, 1) + part * self._added(texts, pictures[best])
        if vectors is not None:
            near -= self.taken(vectors)[best]
        found = scores - 10.0
        np.put_along_axis(found, best, near, 1)
        return found

    def forget(self) -> None:
        """Let what was worked out go, which takes memory."""
        self._known.clear()

    def _added(self, texts: IdArray, pictures: IdArray) -> FloatArray:
        """For texts `(q,)` and pictures of each `(q, k)`."""
        asked = list(zip(texts.tolist(), pictures.tolist(), strict=True))
        new = {
            text: [one for one in row if one not in self._known[text]]  # in the order of the row
            for text, row in asked
        }
        self._work_out({text: row for text, row in new.items() if row})
        rows = [[self._known[text][one] for one in row] for text, row in asked]
        return self.settings.share * np.array(rows, np.float32)

    def _work_out(self, new: dict[int, list[int]]) -> None:
        if not new:
            return
        shown = sorted({one for row in new.values() for one in row})
        items = dict(zip(shown, self._pictures(np.array(shown)), strict=True))
        queries = self._texts(np.array(list(new)))
        for (text, row), query in zip(new.items(), queries, strict=True):
            values = attend(query, [items[one] for one in row], self.settings.temperature)
            self._known[text].update(zip(row, values.tolist(), strict=True))
