"""Questions of a picture and a text whose answers are known, to judge a network that fuses them."""

# Tested by tests/unit/cmsearch/learning/test_fit_fusion.py

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cmsearch.learning.attended import Attended
from cmsearch.learning.heldout import Comparison, Tally
from cmsearch.learning.ridge import QUERIES, Held, Pairs, held
from cmsearch.learning.training.fusion import Material, neighbours, other
from cmsearch.models.fusion_network import Fusions, Parts, summed
from cmsearch.types import FloatArray, IdArray

DIRECTIONS = (
    "picture + text→image",
    "the same, beside the text alone",
    "the same, beside the picture alone",
    "text→picture + text",
)
BESIDE = 3
"""The first of them ask for pictures, each beside something else."""
PICTURES, TEXTS = 0, 1
"""The rows of the priors."""
_BATCH = 256
Fuse = Callable[[Parts, Parts, FloatArray], Fusions]


class _Asked(NamedTuple):
    """Queries of a picture and a text: their rows, and the place of the one that is right among
    those held out.
    """

    shown: IdArray
    texts: IdArray
    right: IdArray


class Trial:
    """Asks for held-out pictures by a neighbour of theirs and a caption, and by their captions for
    pictures that are fused with another one; beside what there was, and each part alone.
    """

    def __init__(self, pairs: Pairs, material: Material, second: Attended | None) -> None:
        """`second` is the second stage that a text is followed by among pictures."""
        self._pairs = pairs
        self._material = material
        self._second = second
        self._near = neighbours(material, np.arange(len(pairs.inputs)))
        self._tallies = [Tally(len(pairs.links)) for _ in DIRECTIONS]
        self._link_of = {link: row for row, link in enumerate(map(tuple, pairs.links.tolist()))}

    def ask(self, pictures: IdArray, fuse: Fuse, seed: int) -> None:
        """Ask for the pictures of these rows, which `fuse` has not seen."""
        part, random = held(self._pairs, pictures), np.random.default_rng(seed)
        self._ask_pictures(part, fuse, random)
        self._ask_items(part, fuse, random)

    def compared(self) -> tuple[Comparison, ...]:
        """The figures of each direction in which anything was asked."""
        groups = self._pairs.groups[self._pairs.links[:, 0]]
        pairs = zip(self._tallies, DIRECTIONS, strict=True)
        return tuple(tally.compared(name, groups) for tally, name in pairs if tally.is_asked)

    def _ask_pictures(self, part: Held, fuse: Fuse, random: np.random.Generator) -> None:
        links = part.links[np.sort(random.permutation(len(part.links))[:QUERIES])]
        targets, texts = part.pictures[links[:, 0]], part.texts[links[:, 1]]
        shown = other(self._material, self._near[targets], texts, random)
        before, after = (self._vectors(one, shown, texts, PICTURES) for one in (summed, fuse))
        vectors = self._material.pictures.vectors.astype(np.float32)
        own = self._material.texts.vectors[texts].astype(np.float32)
        bar = self._bar(targets, part.pictures)
        bar[shown[:, None] == part.pictures[None]] = -np.inf
        among = vectors[part.pictures]

        def scores(rows: FloatArray, share: FloatArray | None) -> FloatArray:
            found = rows @ among.T + bar
            if self._second is None or share is None:
                return found
            return self._second.reranked(found / share[:, None], texts, part.pictures)

        new = scores(after[0], after[1])
        others = (
            scores(before[0], before[1]),
            scores(own, np.ones(len(own), np.float32)),
            scores(vectors[shown], None),
        )
        right = np.stack([np.arange(len(links)), links[:, 0]], axis=1)
        rows = self._rows(targets, texts)
        for tally, old in zip(self._tallies, others, strict=False):
            tally.add(rows, old, new, right)

    def _ask_items(self, part: Held, fuse: Fuse, random: np.random.Generator) -> None:
        """Each held-out picture that has several captions is fused with one, and asked for by
        another.
        """
        order = random.permutation(len(part.links))
        by_picture: dict[int, list[int]] = {}
        for picture, text in part.links[order].tolist():
            by_picture.setdefault(picture, []).append(text)
        told = {one: own for one, own in by_picture.items() if len(own) > 1}
        if len(told) < 2:
            return
        places = np.array(sorted(told))[: 2 * QUERIES]
        fixed, asked = (part.texts[[told[one][n] for one in places.tolist()]] for n in (0, 1))
        pictures = part.pictures[places]
        before, after = (self._vectors(one, pictures, fixed, TEXTS)[0] for one in (summed, fuse))
        queries = self._material.texts.vectors[asked].astype(np.float32)
        right = np.stack([np.arange(len(places))] * 2, axis=1)
        rows, bar = self._rows(pictures, asked), self._bar(pictures, pictures)
        others = self._material.has(pictures, asked).T & ~np.eye(len(places), dtype=bool)
        bar[others] = -np.inf
        self._tallies[3].add(rows, queries @ before.T + bar, queries @ after.T + bar, right)

    def _bar(self, targets: IdArray, among: IdArray) -> FloatArray:
        """What keeps pictures that share a text with the one that is right from being told apart
        from it `(n, m)`: as if they weren't there.
        """
        groups = self._pairs.groups
        same = groups[targets][:, None] == groups[among][None]
        same &= targets[:, None] != among[None]
        return np.where(same, -np.inf, 0).astype(np.float32)

    def _vectors(
        self, fuse: Fuse, pictures: IdArray, texts: IdArray, target: int
    ) -> tuple[FloatArray, FloatArray]:
        """Fused vectors `(n, dim)`, and the shares of their texts `(n,)` in them."""
        vectors, shares = [], []
        for start in range(0, len(texts), _BATCH):
            image = taken(self._material.pictures, pictures[start : start + _BATCH])
            text = taken(self._material.texts, texts[start : start + _BATCH])
            priors = np.repeat(self._material.priors[target][None], len(text.vectors), 0)
            found = fuse(image, text, priors.astype(np.float32))
            own = found.shares[:, :1] * image.vectors + found.shares[:, 1:] * text.vectors
            vectors.append(found.vectors)
            shares.append(found.shares[:, 1] / np.maximum(np.linalg.norm(own, axis=1), 1e-6))
        return np.concatenate(vectors), np.concatenate(shares)

    def _rows(self, pictures: IdArray, texts: IdArray) -> IdArray:
        pairs = zip(pictures.tolist(), texts.tolist(), strict=True)
        return np.array([self._link_of[pair] for pair in pairs])


def taken(parts: Parts, rows: IdArray) -> Parts:
    """The parts of these rows, in 32 bits."""
    return Parts(*(one[rows].astype(np.float32) for one in parts))
