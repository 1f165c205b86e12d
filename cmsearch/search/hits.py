"""Hits of candidates: folded, judged among each other, spread, and those relevant enough."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import fsum
from pathlib import Path

from cmsearch.common import locators
from cmsearch.models.areas import town_at
from cmsearch.search.merge.collapse import Comparison
from cmsearch.search.merge.evidence import PRIOR
from cmsearch.search.merge.relevance import competing, relevance
from cmsearch.search.merge.things import place
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.retrieve.nearest import DECIMALS, Answers, Candidate
from cmsearch.store.catalog import notes, readings
from cmsearch.store.catalog.notes import Described
from cmsearch.store.store import Store
from cmsearch.types import Hit, Item, Modality, TextLine

SPARE = 16
"""Candidates looked at beyond those wanted, in case some are folded into others."""
COMPETING = 32
"""Of the best so many are looked at for near-duplicates, which don't compete with each other."""
SPEAKS = 0.5
"""Log-odds from which on text in a picture is shown as what speaks for it."""
_Folded = tuple[Candidate, list[Candidate]]
_Noted = Mapping[int, Mapping[str, Described]]


def plain(store: Store, item: Item, path: str, noted: Described) -> Hit:
    """An item as a hit that nothing asked for: what it is of, with what is noted of that."""
    start, end = locators.span(item.locator) or (None, None)
    return Hit(
        rank=0,
        score=0.0,
        path=store.absolute(path),
        source=locators.source(item.path, item.locator),
        modality=item.modality,
        kind=item.kind,
        text=item.text,
        taken=noted.exact(item.taken),
        start=start,
        end=end,
        page=locators.page(item.locator),
        item=item.id,
        locator=item.locator,
        notes=noted.notes,
        taken_source=noted.source,
        taken_zone=noted.zone,
        position=noted.place,
        town=None if noted.place is None else town_at(*noted.place),
    )


class Hits:
    """Makes hits of candidates, which name their store by its place among some."""

    def __init__(
        self, stores: Sequence[Store], comparison: Comparison, *, are_named: bool = False
    ) -> None:
        """Hits say which store they are of where the stores `are_named`."""
        self._stores = stores
        self._comparison = comparison
        self._are_named = are_named

    def best(
        self,
        answers: Answers,
        ranking: Ranking,
        k: int,
        strength: float,
        given: Collection[int] = (),
    ) -> tuple[list[Hit], bool]:
        """The k best as hits: those that are relevant enough, folded and spread as is wanted, and
        weren't `given` before; and whether more candidates would give no others.

        `strength`, from 0 to 1, is how much they compete, as `cmsearch.search.merge.relevance` has
        it.
        """
        candidates = [*answers.best, *answers.rest]
        wanted = len(candidates) if ranking.diverse else k
        apart: list[_Folded] = [(candidate, []) for candidate in candidates]
        pairs = self._folded(candidates, wanted, given) if ranking.fold else apart
        pairs = _known(pairs, candidates, len(answers.best), strength, given)
        relevant = [pair for pair in pairs if relevance(pair[0].score) >= ranking.min_relevance]
        if ranking.diverse:
            order = self._comparison.spread([own for own, _ in relevant])
            relevant = [relevant[place] for place in order]
        noted = self._noted([own for own, _ in relevant[:k]])
        hits = [self._hit(rank, *pair, noted) for rank, pair in enumerate(relevant[:k], 1)]
        # What comes after those that aren't relevant enough is less relevant still.
        return hits, len(relevant) >= k or len(relevant) < len(pairs)

    def _folded(
        self, candidates: Sequence[Candidate], k: int, given: Collection[int]
    ) -> list[_Folded]:
        """At least the k best that stay, each with those folded into it, if there are as many, and
        before them what was given.
        """
        length = max(k + SPARE, COMPETING)
        while True:
            pairs = self._comparison.folded(candidates[:length])
            new = (
                len(pairs) - sum(own.item.id in given for own, _ in pairs) if given else len(pairs)
            )
            if new >= k or length >= len(candidates):
                return pairs
            length *= 2

    def _copies(self, candidate: Candidate, copies: Sequence[Candidate]) -> tuple[Path, ...]:
        """The files of what was folded into a candidate, each once; a film may have several."""
        own, *others = map(place, (candidate, *copies))
        if candidate.item.modality is Modality.VIDEO:
            others = [other for other in others if other != own]
        return tuple(self._stores[of].absolute(path) for of, path in dict.fromkeys(others))

    def _noted(self, candidates: Sequence[Candidate]) -> _Noted:
        """What is noted of the things that some candidates are of."""
        paths: dict[int, list[str]] = {}
        for of, path in map(place, candidates):
            paths.setdefault(of, []).append(path)
        return {of: notes.of_files(self._stores[of].catalog, own) for of, own in paths.items()}

    def _hit(
        self, rank: int, candidate: Candidate, copies: Sequence[Candidate], noted: _Noted
    ) -> Hit:
        of, path = place(candidate)
        store = self._stores[of]
        return replace(
            plain(store, candidate.item, path, noted[of].get(path, notes.NOTHING)),
            rank=rank,
            score=candidate.score,
            stages=_rounded(candidate),
            relevance=relevance(candidate.score),
            copies=self._copies(candidate, copies),
            cosine=candidate.cosine,
            lines=self._lines(candidate),
            copy_items=tuple(own.item.id for own in copies if own.store == of),
            store=store.path if self._are_named else None,
        )

    def _lines(self, candidate: Candidate) -> tuple[TextLine, ...]:
        """The lines of text that a candidate is, or that speak for it as what stands in it."""
        catalog, digest = self._stores[candidate.store].catalog, candidate.item.digest
        if candidate.read and candidate.stages.get("ocr", 0.0) >= SPEAKS:
            digest = readings.item_digest(catalog, candidate.read)
        return readings.lines(catalog, digest)


def _known(
    pairs: Sequence[_Folded],
    candidates: Sequence[Candidate],
    counted: int,
    strength: float,
    given: Collection[int],
) -> list[_Folded]:
    """The pairs without what was given, best first, with scores that know of the first `counted`
    candidates, of those that were given too.
    """
    first = {copy.key: own for own, copies in pairs for copy in copies}
    things = [
        place(first.get(own.key, own) if rank < COMPETING else own)
        for rank, own in enumerate(candidates)
    ]
    scores = competing([own.score for own in candidates], things, counted, strength)
    known = {id(own): score for own, score in zip(candidates, scores, strict=True)}
    new = _not_given(pairs, given) if given else pairs
    told = [(own._replace(score=round(known[id(own)], DECIMALS)), copies) for own, copies in new]
    # A copy whose original was given before comes later than that would.
    return sorted(told, key=lambda pair: -pair[0].score) if given else told


def _not_given(pairs: Sequence[_Folded], given: Collection[int]) -> list[_Folded]:
    """The pairs of what wasn't given: a copy that is new stands for itself."""
    left = [[one for one in (own, *copies) if one.item.id not in given] for own, copies in pairs]
    return [(own[0], own[1:]) for own in left if own]


def _rounded(candidate: Candidate) -> dict[str, float]:
    """What the ways say of a candidate, and as what is known before them what is left of its score:
    the more other things fit, the less likely each is.
    """
    ways = {way: round(value, DECIMALS) for way, value in candidate.stages.items() if way != PRIOR}
    return {**ways, PRIOR: round(candidate.score - fsum(ways.values()), DECIMALS)}
