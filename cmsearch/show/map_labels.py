"""Naming the regions of a map by the words that the captions there have in common."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmsearch.show.map_layout import SEED, Points

_WORD = re.compile(r"[^\W\d_]{3,}")
_PICTURES = 12
"""In a region, about."""
_MOST = 30
_LEAST_PICTURES, _LEAST_SHARE, _LEAST_LIFT = 2, 0.2, 1.5


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a map: its centre, how many pictures are in it, and up to two words."""

    x: float
    y: float
    count: int
    words: tuple[str, ...]


def regions(places: Points, captions: Sequence[Sequence[str]]) -> list[Region]:
    """Regions of places `(n, 2)`, with words of the n pictures' captions, the largest first.

    Places are grouped by k-means. A word counts by how many of a region's pictures have it, and
    how few of all: the tf-idf of classes. Words of English that say nothing don't count, nor do
    regions without a word.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found_in = [{word for text in own for word in _WORD.findall(text.lower())} for own in captions]
    words = [own - ENGLISH_STOP_WORDS for own in found_in]
    everywhere = Counter(word for own in words for word in own)
    groups = min(_MOST, len(places) // _PICTURES)
    if not everywhere or groups < 2:
        return []
    members: dict[int, list[int]] = defaultdict(list)
    for picture, group in enumerate(_grouped(places, groups)):
        members[group].append(picture)
    found = []
    for own in members.values():
        best = _telling([words[picture] for picture in own], everywhere, len(places))
        if best:
            x, y = np.median(places[own], axis=0)
            found.append(Region(float(x), float(y), len(own), best))
    return sorted(found, key=lambda region: (-region.count, region.x))


def _grouped(places: Points, groups: int) -> list[int]:
    from sklearn.cluster import KMeans

    found = KMeans(groups, n_init=4, random_state=SEED).fit_predict(places)
    return [int(group) for group in found]


def _telling(own: Sequence[set[str]], everywhere: Counter[str], total: int) -> tuple[str, ...]:
    """The two words that tell a region's pictures best from the others."""
    here = Counter(word for words in own for word in words)
    least = max(_LEAST_PICTURES, _LEAST_SHARE * len(own))
    scores = {
        word: count / len(own) * math.log(total / everywhere[word])
        for word, count in here.items()
        if count >= least and count / len(own) >= _LEAST_LIFT * everywhere[word] / total
    }
    best = sorted(scores, key=lambda word: (-scores[word], word))
    return tuple(best[:2])
