"""Near-duplicates in a ranking: they are folded into one, and the rest may be spread."""

# Tested by tests/unit/cmsearch/search/merge/test_near_duplicates.py

from __future__ import annotations

import threading
from collections.abc import Sequence
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
    """Compares the candidates for a query with each other. Safe from threads."""

    def __init__(self, store: Store) -> None:
        self._catalog = store.catalog
        self._lock = threading.Lock()
        self._least: tuple[tuple[int, Basis], float] | None = None

    def folded(
        self, view: View, candidates: Sequence[Candidate]
    ) -> list[tuple[Candidate, list[Candidate]]]:
        """The candidates that stay, each with its near-duplicates, which it comes before.

        Pictures are compared as `cmsearch.search.merge.near_duplicates` says, texts about one thing
        word by word. A film of at most `LIVE` seconds beside a picture of the same name is a live
        one: both are one.
        """
        ids = [candidate.embedding for candidate in candidates]
        hashes = items.hashes(self._catalog, ids)
        into = fold(
            phash.pack([hashes.get(number) for number in ids]),
            lambda places: self._vectors(view, [candidates[one] for one in places.tolist()]),
            [candidate.item.path for candidate in candidates],
            [_content(candidate) for candidate in candidates],
            least_cosine=lambda: self._least_cosine(view),
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
        pairs: dict[str, tuple[list[int], list[int]]] = {}
        for place, candidate in enumerate(candidates):
            stem, suffix = splitext(candidate.item.path.casefold())
            modality = candidate.item.modality
            if modality is Modality.IMAGE and suffix in _STILLS:
                pairs.setdefault(stem, ([], []))[0].append(place)
            elif modality is Modality.VIDEO and suffix in _FILMS:
                pairs.setdefault(stem, ([], []))[1].append(place)
        whole = [films for stills, films in pairs.values() if stills and films]
        if not whole:
            return
        ends = files.film_ends(
            self._catalog, (candidates[one].item.path for films in whole for one in films)
        )
        for stills, films in pairs.values():
            short = [one for one in films if 0 < ends.get(candidates[one].item.path, 0) <= LIVE]
            if stills and short:
                roots = {into[one] for one in (*stills, *short)}
                for place, first in enumerate(into):
                    into[place] = min(roots) if first in roots else first

    def spread(self, view: View, candidates: Sequence[Candidate]) -> list[int]:
        """The places of the candidates in an order that brings unlike ones to the front."""
        scores = np.array([candidate.score for candidate in candidates], np.float32)
        span = float(np.ptp(scores)) if len(scores) else 0.0
        scores = (scores - scores.min(initial=np.inf)) / span if span else np.zeros_like(scores)
        order: list[int] = diversified(scores, self._vectors(view, candidates), SPREAD).tolist()
        return order

    def _vectors(self, view: View, candidates: Sequence[Candidate]) -> FloatArray:
        """The vectors `(n, dim)`; zeros for damaged ones, and for sounds, of another space."""
        own = (each.embedding for each in candidates if each.item.modality is not Modality.SOUND)
        stored = items.vectors(self._catalog, own, view.space.dim)
        none = np.zeros(view.space.dim, np.float32)
        rows = [stored.get(each.embedding, none) for each in candidates]
        return np.array(rows, np.float32).reshape(-1, view.space.dim)

    def _least_cosine(self, view: View) -> float:
        key = (view.space_id, view.basis)
        with self._lock:
            if self._least is None or self._least[0] != key:
                last = view.basis.last
                least = store_least_cosine(self._catalog, view.space_id, view.space.dim, last)
                self._least = key, least
            return self._least[1]


def _content(candidate: Candidate) -> str:
    """What equal items have in common: of texts also what they are about."""
    item = candidate.item
    if item.modality in (Modality.IMAGE, Modality.SOUND, Modality.VIDEO):
        return item.digest
    return f"{item.digest} {thing(candidate)}"
