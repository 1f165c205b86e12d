"""What an evaluation asks of a store, and which captions each question may learn nothing from.

A store is asked with captions as if they weren't there: a question's own caption and its copies
are neither found nor evidence, whatever else stays in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmsearch.common.digest import content_digest
from cmsearch.errors import QueryError
from cmsearch.learning.metrics import Gold
from cmsearch.search.engine import Engine
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog import pairs
from cmsearch.types import Hit, Query, QueryPart

HOLD_ONE_OUT, KEEP_ONE, EACH = "hold-one-out", "keep-one", "each"
HELD_OUT = (HOLD_ONE_OUT, KEEP_ONE)
"""How captions are held out: one of each picture is asked with and the others stay, or the other
way round. With `EACH` every caption is asked with while all others stay.
"""
_ASKED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Question:
    """A caption that is asked with."""

    text: str
    """The caption."""
    image: str
    """The path of its picture, from the store's root."""
    own: frozenset[int]
    """The items of the caption and its copies."""
    is_captioned: bool
    """Whether another caption speaks for the picture."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, and what isn't there for any question."""

    rows: tuple[Question, ...]
    """The questions."""
    left_out: frozenset[int]
    """The captions that are as if they weren't there, by the numbers of their items."""
    captioned: int
    """The number of pictures that keep captions."""
    pictures: int
    """The number of pictures that have captions."""

    def some(self, most: int) -> Questions:
        """At most so many of the questions, of more some by chance, which are always the same."""
        chosen = np.sort(np.random.default_rng(0).permutation(len(self.rows))[:most])
        return replace(self, rows=tuple(self.rows[place] for place in chosen.tolist()))

    def about(self, images: Collection[str]) -> Questions:
        """Those about some pictures, whose paths are given."""
        return replace(self, rows=tuple(one for one in self.rows if one.image in images))

    def hits(self, engine: Engine, ranking: Ranking, k: int) -> Iterator[list[Hit]]:
        """The pictures that an engine finds for each question."""
        for start in range(0, len(self.rows), _ASKED_AT_ONCE):
            asked = [
                Query((QueryPart(one.text),), left_out=self.left_out | one.own)
                for one in self.rows[start : start + _ASKED_AT_ONCE]
            ]
            yield from engine.search(asked, target="image", k=k, ranking=ranking)


class _Captions:
    """The captions of a store: by picture, and by what they say."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._seed = seed
        self.of: dict[str, list[tuple[int, str]]] = {}
        self._saying: dict[str, set[int]] = {}
        for item, path, text in pairs.caption_items(engine.store.catalog):
            if text.strip():
                self.of.setdefault(path, []).append((item, text))
                self._saying.setdefault(_said(text), set()).add(item)
        for path, own in self.of.items():
            own.sort(key=lambda row: (self._chance(path, row[1]), row[0]))

    def copies(self, text: str) -> frozenset[int]:
        """The items that say the same."""
        return frozenset(self._saying.get(_said(text), ()))

    def some(self, share: float) -> set[str]:
        """That share of the pictures: the same ones each time, and among those of a larger one."""
        ordered = sorted(self.of, key=self._chance)
        return set(ordered[: int(share * len(ordered) + 0.5)])

    def _chance(self, *names: str) -> str:
        """A number that looks random, as text, and is the same whatever else is in a store."""
        key = "\0".join([str(self._seed), *names])
        return content_digest(key.encode(errors="surrogatepass"))


def held_out(engine: Engine, how: str, share: float = 1.0, seed: int = 0) -> Questions:
    """Questions of a store's own captions, held out as `how` says, one of `HELD_OUT` or `EACH`.

    Only a `share` of the pictures, from 0 to 1, keeps captions; a larger one has all those of a
    smaller one. `seed` chooses these pictures, and the captions. Raises `QueryError` where there is
    nothing to ask.
    """
    captions = _Captions(engine, seed)
    asked: list[Gold] = []
    kept: dict[str, list[tuple[int, str]]] = {}
    for path, own in sorted(captions.of.items()):
        first, others = own[:1], own[1:]
        some, kept[path] = {
            HOLD_ONE_OUT: (first, others),
            KEEP_ONE: (others, first),
            EACH: (own, own),
        }[how]
        asked += [Gold(path, text) for _, text in some]
    if not asked:
        wanted = "two captions of a picture" if captions.of and how == KEEP_ONE else "captions"
        raise QueryError(
            f"{engine.store.name} has no {wanted} to measure with. Name some with --captions FILE."
        )
    return _questions(captions, asked, kept, share)


def given(engine: Engine, gold: Sequence[Gold], share: float = 1.0, seed: int = 0) -> Questions:
    """Questions that were given, among a `share` of pictures that keep their captions."""
    captions = _Captions(engine, seed)
    return _questions(captions, gold, captions.of, share)


def _questions(
    captions: _Captions,
    asked: Sequence[Gold],
    kept: Mapping[str, Sequence[tuple[int, str]]],
    share: float,
) -> Questions:
    some = captions.some(share)
    stay = {path: {item for item, _ in own} for path, own in kept.items() if own and path in some}
    every = {item for own in captions.of.values() for item, _ in own}
    rows = []
    for gold in asked:
        own = captions.copies(gold.caption)
        others = stay.get(gold.image, set()) - own
        rows.append(Question(gold.caption, gold.image, own, bool(others)))
    return Questions(
        tuple(rows),
        frozenset(every.difference(*stay.values())),
        len(stay),
        len(captions.of),
    )


def _said(text: str) -> str:
    """What copies of a text have in common: its words, whatever capitals and signs are at its end.

    Whoever asks with a copy of what is written there is no judge of a search.
    """
    return " ".join(text.casefold().split()).rstrip(".!?… ")
