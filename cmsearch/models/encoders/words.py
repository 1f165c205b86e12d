"""Words as the tokens of a text: which they are, and the vector that each has by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np

from cmsearch.types import FloatArray

PROMPT = "a photo of a"
"""What a word stands after to get a vector of its own, as in the prompts of zero-shot classes."""
_KNOWN = 10_000
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ENGLISH = """
a about above across after again against all along also although am among an and any anyone anything
are aren't around as at away be because been before behind being below beneath beside between beyond
both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each
either else every everyone everything few for from further had hadn't has hasn't have haven't having
he he's her here hers herself him himself his how however i i'm i've if in inside into is isn't it
it's its itself just let like may me might mine more most much must my myself near neither no nor
not of off on once one's only onto or other others our ours out outside over own per quite rather
same shall she she's should shouldn't since so some someone something such than that that's the
their theirs them themselves then there there's these they they're this those though through to
together too toward towards under until up upon us very was wasn't we we're were weren't what when
where whether which while who whom whose why will with within without won't would wouldn't yet you
you're your yours yourself
"""
_FUNCTION_WORDS = frozenset(_ENGLISH.split())

Word = TypeVar("Word", bound=Hashable)


def content_words(text: str) -> list[str]:
    """The words of a text, each once and in order, without the function words of English."""
    words = dict.fromkeys(_WORD.findall(text))
    return [word for word in words if word.lower().replace("’", "'") not in _FUNCTION_WORDS]


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
        self, texts: Sequence[Sequence[tuple[Word, float]]], most: int
    ) -> tuple[FloatArray, FloatArray]:
        """Tokens `(n, t, dim)` and weights `(n, t)` of n texts, each its words with their weights.

        Of each text the `most` heaviest words, in its order.
        """
        kept = [heaviest(words, most) for words in texts]
        vectors = self._vectors(list(dict.fromkeys(word for words in kept for word, _ in words)))
        length = max(1, *(len(words) for words in kept))
        tokens = np.zeros((len(kept), length, self._dim), np.float32)
        weights = np.zeros((len(kept), length), np.float32)
        for row, words in enumerate(kept):
            for column, (word, weight) in enumerate(words):
                tokens[row, column], weights[row, column] = vectors[word], weight
        return tokens, weights

    def _vectors(self, words: Sequence[Word]) -> dict[Word, FloatArray]:
        known = self._known
        new = [word for word in words if word not in known]
        found = {word: known[word] for word in words if word in known}
        if new:
            found |= dict(zip(new, self._encode(new), strict=True))
            # A new dictionary, since other threads may be reading the old one.
            self._known = dict([*known.items(), *((word, found[word]) for word in new)][-_KNOWN:])
        return found


def heaviest(words: Sequence[tuple[Word, float]], most: int) -> list[tuple[Word, float]]:
    """The `most` heaviest words, in their order, without those that weigh nothing."""
    order = sorted(range(len(words)), key=lambda place: -words[place][1])
    return [words[place] for place in sorted(order[:most]) if words[place][1] > 0]
