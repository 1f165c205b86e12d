"""Near-duplicates in a ranking: they are folded into one, and the rest may be spread."""

# Tested by tests/unit/cmsearch/search/merge/test_near_duplicates.py

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import accumulate
from posixpath import splitext

import numpy as np

from cmsearch.media import phash
from cmsearch.search.merge.mmr import diversified
from cmsearch.search.merge.near_duplicates import fold, store_least_cosine
from cmsearch.search.merge.things import thing
from cmsearch.search.retrieve.nearest import Candidate
from cmsearch.store.catalog import files, items
from cmsearch.store.store import Store
from cmsearch.store.view import Basis, View
from cmsearch.types import FloatArray, Modality

LIVE = 6.0
"""Seconds of a film at most that phones take with a picture; Apple's have 3."""
_STILLS = frozenset({".heic", ".heif", ".hif", ".jpg", ".jpeg"})
_FILMS = frozenset({".mov", ".mp4", ".m4v"})
SPREAD = 0.5
"""How much a score counts beside being unlike what comes before, where hits are spread."""


class NearDuplicates:
    """What near-duplicates among the items of one store are told by. Safe from threads."""

    def __init__(self, store: Store) -> None:
        self._catalog = store.catalog
        self._lock = threading.Lock()
        self._least: tuple[tuple[int, Basis], float] | None = None

    def hashes(self, candidates: Sequence[Candidate]) -> dict[int, bytes]:
        """The perceptual hashes of those that have one, by their embeddings."""
        return items.hashes(self._catalog, [one.embedding for one in candidates])

    def vectors(self, view: View, candidates: Sequence[Candidate]) -> dict[int, FloatArray]:
        """The vectors `(dim,)` by their embeddings; none of damaged ones, and of sounds that are of
        another space.
        """
        own = (each.embedding for each in candidates if each.item.modality in view.indexes)
        return items.vectors(self._catalog, own, view.space.dim)

    def film_ends(self, paths: Sequence[str]) -> dict[str, float]:
        """How long films are, in seconds."""
        return files.film_ends(self._catalog, paths)

    def least_cosine(self, view: View) -> float:
        """The cosine that copies have here and few other pairs do."""
        key = (view.space_id, view.basis)
        with self._lock:
            if self._least is None or self._least[0] != key:
                last = view.basis.last
                least = store_least_cosine(self._catalog, view.space_id, view.space.dim, last)
                self._least = key, least
            return self._least[1]


class Comparison:
    """Compares the candidates for a query with each other, those of several stores too."""

    def __init__(self, stores: Sequence[tuple[NearDuplicates, View]]) -> None:
        """Candidates name their store by its place here."""
        self._stores = stores
        spaces = list(dict.fromkeys(view.space for _, view in stores))
        ends = [0, *accumulate(space.dim for space in spaces)]
        self._columns = {space: slice(*ends[n : n + 2]) for n, space in enumerate(spaces)}
        self._dim = ends[-1]

    def folded(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, list[Candidate]]]:
        """The candidates that stay, each with its near-duplicates, which it comes before.

        Pictures are compared as `cmsearch.search.merge.near_duplicates` says, texts about one thing
        word by word. A film of at most `LIVE` seconds beside a picture of the same name is a live
        one: both are one.
        """
        hashes = {place: self._stores[place][0].hashes(own) for place, own in _by_store(candidates)}
        into = fold(
            phash.pack([hashes[own.store].get(own.embedding) for own in candidates]),
            lambda places: self._vectors([candidates[one] for one in places.tolist()]),
            [f"{candidate.store}/{candidate.item.path}" for candidate in candidates],
            [_content(candidate) for candidate in candidates],
            least_cosine=self._least_cosine,
        ).tolist()
        self._join_live(candidates, into)
        kept: dict[int, list[Candidate]] = {}
        for place, first in enumerate(into):
            kept.setdefault(first, [])
            if place != first:
                kept[first].append(candidates[place])
        return [(candidates[first], copies) for first, copies in kept.items()]

    def _join_live(self, candidates: Sequence[Candidate], into: list[int]) -> None:
        """Let a picture and the seconds of film that a phone took with it be one, in place."""
        pairs: dict[tuple[int, str], tuple[list[int], list[int]]] = {}
        for place, candidate in enumerate(candidates):
            stem, suffix = splitext(candidate.item.path.casefold())
            modality, key = candidate.item.modality, (candidate.store, stem)
            if modality is Modality.IMAGE and suffix in _STILLS:
                pairs.setdefault(key, ([], []))[0].append(place)
            elif modality is Modality.VIDEO and suffix in _FILMS:
                pairs.setdefault(key, ([], []))[1].append(place)
        whole = [films for stills, films in pairs.values() if stills and films]
        if not whole:
            return
        ends = {
            (place, path): end
            for place, own in _by_store([candidates[one] for films in whole for one in films])
            for path, end in self._stores[place][0]
            .film_ends([one.item.path for one in own])
            .items()
        }
        for stills, films in pairs.values():
            named = {one: (candidates[one].store, candidates[one].item.path) for one in films}
            short = [one for one in films if 0 < ends.get(named[one], 0) <= LIVE]
            if stills and short:
                roots = {into[one] for one in (*stills, *short)}
                for place, first in enumerate(into):
                    into[place] = min(roots) if first in roots else first

    def spread(self, candidates: Sequence[Candidate]) -> list[int]:
        """The places of the candidates in an order that brings unlike ones to the front."""
        scores = np.array([candidate.score for candidate in candidates], np.float32)
        span = float(np.ptp(scores)) if len(scores) else 0.0
        scores = (scores - scores.min(initial=np.inf)) / span if span else np.zeros_like(scores)
        order: list[int] = diversified(scores, self._vectors(candidates), SPREAD).tolist()
        return order

    def _vectors(self, candidates: Sequence[Candidate]) -> FloatArray:
        """The vectors `(n, dim)`; zeros for those that there are none of. Each space has columns of
        its own: vectors of two spaces have a cosine of 0.
        """
        rows = np.zeros((len(candidates), self._dim), np.float32)
        stored = {
            place: self._stores[place][0].vectors(self._stores[place][1], own)
            for place, own in _by_store(candidates)
        }
        for row, candidate in zip(rows, candidates, strict=True):
            vector = stored[candidate.store].get(candidate.embedding)
            if vector is not None:
                row[self._columns[self._stores[candidate.store][1].space]] = vector
        return rows

    def _least_cosine(self) -> float:
        """The highest of the stores: what counts as a copy in all of them."""
        return max(own.least_cosine(view) for own, view in self._stores)


def _by_store(candidates: Sequence[Candidate]) -> list[tuple[int, list[Candidate]]]:
    """The candidates of each store that has some."""
    found: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        found.setdefault(candidate.store, []).append(candidate)
    return list(found.items())


def _content(candidate: Candidate) -> str:
    """What equal items have in common: of texts also what they are about."""
    item = candidate.item
    if item.modality in (Modality.IMAGE, Modality.SOUND, Modality.VIDEO):
        return item.digest
    return f"{item.digest} {candidate.store} {thing(candidate)}"
