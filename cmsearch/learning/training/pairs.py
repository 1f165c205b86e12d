"""Pairs of pictures and captions, parted so that nothing that is held out was learned from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmsearch.errors import QueryError
from cmsearch.learning.metrics import Gold


@dataclass(frozen=True, slots=True)
class Parts:
    """Pairs to learn from, pairs that choose when to stop, and pairs that measure the outcome."""

    learn: tuple[Gold, ...]
    choose: tuple[Gold, ...]
    measure: tuple[Gold, ...]


def parted(pairs: Sequence[Gold], held_out: float, seed: int) -> Parts:
    """Part pairs by picture: a share of `held_out` of the pictures chooses, as many measure.

    Pictures that share a caption stay together, so that no caption that is held out was learned.
    A group that is larger than such a part is learned from. Raises `QueryError` where nothing
    can be held out.
    """
    groups = _groups(pairs)
    total = sum(map(len, groups))
    wanted = max(1, round(held_out * total))
    order = np.random.default_rng(seed).permutation(len(groups))
    held: list[set[str]] = [set(), set()]
    for place in order.tolist():
        part = min(held, key=len)
        if len(part) + len(groups[place]) <= wanted:
            part |= groups[place]
    choose, measure = held
    learn = set().union(*groups) - choose - measure
    if not (len(learn) > 1 and choose and measure):
        raise QueryError(
            f"{total} pictures with captions, in {len(groups)} groups that share none, are too few "
            "to learn from some and to hold others out."
        )
    return Parts(*(tuple(one for one in pairs if one.image in part) for part in (learn, *held)))


def _groups(pairs: Sequence[Gold]) -> list[set[str]]:
    """The pictures, in groups that share no caption, in the order of their first pictures."""
    parent = {pair.image: pair.image for pair in pairs}

    def root(image: str) -> str:
        while parent[image] != image:
            parent[image] = image = parent[parent[image]]
        return image

    first: dict[str, str] = {}
    for pair in pairs:
        one, other = root(pair.image), root(first.setdefault(pair.caption, pair.image))
        parent[one] = other
    groups: dict[str, set[str]] = {}
    for image in parent:
        groups.setdefault(root(image), set()).add(image)
    return sorted(groups.values(), key=min)


def digest(pairs: Sequence[Gold]) -> str:
    """A digest of pairs and their order."""
    rows = [[pair.image, pair.caption] for pair in pairs]
    return hashlib.sha256(json.dumps(rows).encode("utf-8", "surrogatepass")).hexdigest()[:32]
