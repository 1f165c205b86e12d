"""Words as the tokens of a text: which they are, and the vector that each has by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.types import FloatArray

PROMPT = "a photo of a"
"""What a word stands after to get a vector of its own, as in the prompts of zero-shot classes."""
_KNOWN = 10_000
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

Word = TypeVar("Word", bound=Hashable)


def content_words(text: str) -> list[str]:
    """The words of a text, each once and in order, without the function words of English."""
    words = dict.fromkeys(_WORD.findall(text))
    return [word for word in words if word.lower().replace("’", "'") not in FUNCTION_WORDS]


class WordTokens(Generic[Word]):
    """Words' vectors as the tokens of texts; a word is encoded once, as long as it is remembered.

    `encode` gives the vectors `(n, dim)` of n words in whatever form the encoder has them. May be
    called from several threads.
    """

    def __init__(self, encode: Callable[[Sequence[Word]], FloatArray], dim: int) -> None:
        self._encode = encode
        self._dim = dim
        self._known: dict[Word, FloatArray] = {}

    def of(
        self,
        texts: Sequence[Sequence[tuple[Word, float]]],
        most: int,
        encode: Callable[[Sequence[Word]], FloatArray] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Tokens `(n, t, dim)` and weights `(n, t)` of n texts, each its words with their weights.

        Of each text the `most` heaviest words, in its order. New words are encoded by `encode` if
        it is given.
        """
        kept = [heaviest(words, most) for words in texts]
        asked = list(dict.fromkeys(word for words in kept for word, _ in words))
        vectors = self._vectors(asked, encode or self._encode)
        length = max(1, *(len(words) for words in kept))
        tokens = np.zeros((len(kept), length, self._dim), np.float32)
        weights = np.zeros((len(kept), length), np.float32)
        for row, words in enumerate(kept):
            for column, (word, weight) in enumerate(words):
                tokens[row, column], weights[row, column] = vectors[word], weight
        return tokens, weights

    def knows(self, texts: Sequence[Sequence[tuple[Word, float]]], most: int) -> bool:
        """Whether `of` would encode no word."""
        known = self._known
        return all(word in known for words in texts for word, _ in heaviest(words, most))

    def _vectors(
        self, words: Sequence[Word], encode: Callable[[Sequence[Word]], FloatArray]
    ) -> dict[Word, FloatArray]:
        known = self._known
        new = [word for word in words if word not in known]
        found = {word: known[word] for word in words if word in known}
        if new:
            found |= dict(zip(new, encode(new), strict=True))
            # A new dictionary, since other threads may be reading the old one.
            self._known = dict([*known.items(), *((word, found[word]) for word in new)][-_KNOWN:])
        return found


def heaviest(words: Sequence[tuple[Word, float]], most: int) -> list[tuple[Word, float]]:
    """The `most` heaviest words, in their order, without those that weigh nothing."""
    order = sorted(range(len(words)), key=lambda place: -words[place][1])
    return [words[place] for place in sorted(order[:most]) if words[place][1] > 0]
