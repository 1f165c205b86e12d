"""What chance does among stores of one space that are searched as one, as among one store's."""

# Tested by tests/unit/cmsearch/search/test_federated.py

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from cmsearch.store import publication
from cmsearch.store.catalog import pairs, samples
from cmsearch.store.index import background as chance
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Background, Modality

Shown = Sequence[tuple[Store, View]]
"""Some stores as they are at one moment."""
_REMEMBERED = 4
_APART = 2**40
"""Subjects of two stores are told apart by so much."""


class Backgrounds:
    """Gives views the background of all of them, remembered while what it is taken of is the same.

    Samples of the stores, each as large as its share of all items, are judged together as
    `cmsearch.store.index.background` judges those of one. Safe from threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[object, tuple[Background, Background]] = {}

    def pooled(self, shown: Shown) -> list[View]:
        """The views of some stores, of one space, with the background of all."""
        if len(shown) == 1:
            return [shown[0][1]]
        key = tuple((store.path, view.space_id, view.basis) for store, view in shown)
        with self._lock:
            if key not in self._known:
                kept = list(self._known.items())[1 - _REMEMBERED :]
                self._known = {**dict(kept), key: (_background(shown), _of_sounds(shown))}
            background, of_sounds = self._known[key]
        return [
            replace(
                view,
                background=background,
                sounds=view.sounds and replace(view.sounds, background=of_sounds),
            )
            for _, view in shown
        ]


def _background(shown: Shown) -> Background:
    here = sorted({modality for _, view in shown for modality in view.indexes})
    content = {modality: _sample(shown, modality) for modality in here}
    return chance.background(content, _bank(shown))


def _of_sounds(shown: Shown) -> Background:
    """The same of sounds, which have a space of their own."""
    sounds = [(store, view.sounds) for store, view in shown if view.sounds]
    if not sounds:
        return {}
    sample = _sample(sounds, Modality.SOUND)
    nobody = np.zeros(len(sample.subjects), np.int64)
    best = chance.unrelated(_bank(sounds), chance.Rows(sample.vectors, nobody))
    return {query: {Modality.SOUND: best} for query in (chance.BANK, Modality.TEXT) if best}


def _sample(shown: Shown, modality: Modality) -> chance.Rows:
    """At most as many rows of all stores as are judged of one."""
    sizes = [len(view.indexes.get(modality, ())) for _, view in shown]
    total = sum(sizes)
    vectors, subjects = [], []
    for place, ((store, view), size) in enumerate(zip(shown, sizes, strict=True)):
        if not size:
            continue
        count = size if total <= publication.SAMPLE else ceil(publication.SAMPLE * size / total)
        ids, rows = samples.sample(
            store.catalog, view.space_id, modality, view.space.dim, count, view.last_embedding
        )
        vectors.append(rows)
        subjects.append(pairs.subjects(store.catalog, ids) + place * _APART)
    dim = shown[0][1].space.dim
    if not vectors:
        return chance.Rows(np.zeros((0, dim), np.float32), np.zeros(0, np.int64))
    return chance.Rows(np.concatenate(vectors), np.concatenate(subjects))


def _bank(shown: Shown) -> chance.Rows:
    """The captions that stand for any text, of the first store that has them."""
    banks = (publication.bank(own.catalog, view.space_id, view.space.dim) for own, view in shown)
    first = next(banks)
    return first if len(first.vectors) else next((one for one in banks if len(one.vectors)), first)
