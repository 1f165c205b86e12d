"""One call of a search on what a store shows: each direction through both stages, then merged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf
from time import perf_counter
from typing import Any, NamedTuple

from cmsearch.common import stopping
from cmsearch.common.kinds import KINDS, wants
from cmsearch.errors import QueryError
from cmsearch.protocols import Reranker
from cmsearch.search.direction import ranked
from cmsearch.search.hits import SPARE, Hits
from cmsearch.search.hybrid import file_names
from cmsearch.search.hybrid.captions_and_words import MATCHES
from cmsearch.search.merge.collapse import NearDuplicates
from cmsearch.search.merge.relevance import aim
from cmsearch.search.merge.things import as_things, merged, named_first
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector, toward
from cmsearch.search.query.for_sounds import as_sounds, is_text
from cmsearch.search.query.fuse_image_text import ImageTextFuser, pair
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import Direction, Source
from cmsearch.search.rank.second_stage import FUSIONS, OWN, Ranking, depth_of, stages, wants_own
from cmsearch.search.rank.stages import StageSettings, defaults, topped
from cmsearch.search.retrieve.exclusion import excluded
from cmsearch.search.retrieve.nearest import Answers, Candidate, NearestRequest, Retriever
from cmsearch.store.catalog import files
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import ComposedQuery, Filter, Hit, Modality

MOST_GIVEN = 10_000
"""Items that were given before which a search reckons with at first."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a search is to give: `k` hits of a kind that pass a filter, ordered as `ranking` says.

    `deadline` is the time of `time.perf_counter` at which the ranking's budget is spent.
    """

    target: str = "any"
    k: int = 10
    where: Filter = field(default_factory=Filter)
    ranking: Ranking = field(default_factory=Ranking)
    deadline: float | None = None

    @property
    def kind(self) -> str | None:
        """The only kind of items that is wanted, if it is one."""
        return self.target if self.target in KINDS else None

    def wants(self, modality: Modality) -> bool:
        """Whether items of a modality are asked for."""
        return wants(self.target, modality)


@dataclass(frozen=True, slots=True)
class Caches:
    """What searches of one store keep between calls. Safe from threads."""

    retriever: Retriever
    banks: Banks
    near_duplicates: NearDuplicates

    @classmethod
    def of(cls, store: Store) -> Caches:
        """Empty ones for a store."""
        return cls(Retriever(store), Banks(store), NearDuplicates(store))


class _Asked(NamedTuple):
    """A query, the items that it may not find, and the query as sounds are asked, if they are."""

    query: ComposedQuery
    excluded: Collection[int]
    as_sounds: ComposedQuery | None


class Search:
    """Answers queries on one view of a store."""

    def __init__(
        self, store: Store, models: Models, caches: Caches, view: View, request: Request
    ) -> None:
        self._store = store
        self._models = models
        self._caches = caches
        self._view = view
        self._space = view.space
        self._request = request
        self._source = Source(store, view, models, caches.retriever, caches.banks)
        kept = store.catalog.stages(view.space_id)
        self._table = defaults(view.space.encoder, kept)
        self._has_text = store.catalog.ocr() in ("auto", "all")
        self._own = models.learned_reranker(view) if wants_own(request.ranking) else None
        if self._own is not None:
            self._table = topped(self._table, self._own.directions, OWN)

    def hits(self, queries: Sequence[ComposedQuery]) -> list[list[Hit]]:
        """The hits of each query."""
        rows = zip(queries, self._as_sounds(queries), strict=True)
        asked = [self._asked(*row) for row in rows]
        answers: dict[int, list[Hit]] = {}
        # Most of what was given is among the best again, with its captions; if it is more, deeper.
        most = max((len(query.given) for query in queries), default=0)
        depth = self._request.k + min(most, MOST_GIVEN)
        depth += SPARE if self._request.ranking.fold else 0
        while len(answers) < len(asked):  # again and deeper where too many were folded
            stopping.check()
            open_ = [row for row in range(len(asked)) if row not in answers]
            ends = self._answers([asked[row] for row in open_], depth)
            answers |= {
                row: hits for row, (hits, is_all) in zip(open_, ends, strict=True) if is_all
            }
            depth *= 4
        return [answers[row] for row in range(len(asked))]

    def _as_sounds(self, queries: Sequence[ComposedQuery]) -> list[ComposedQuery | None]:
        """Each query as it is asked of sounds; None where it isn't, or can't be."""
        nobody = [None for _ in queries]
        sounds, is_needed = self._view.sounds, self._request.target == Modality.SOUND
        if is_needed and not all(map(is_text, queries)):
            raise QueryError("Sounds are found by texts, written or said, and not by pictures.")
        if sounds is None or not self._request.wants(Modality.SOUND):
            return list(nobody)
        if not any(map(is_text, queries)):
            return list(nobody)
        encoder = self._models.sound_encoder(sounds.space, is_needed=is_needed)
        return list(nobody) if encoder is None else as_sounds(queries, encoder)

    def _asked(self, query: ComposedQuery, sounding: ComposedQuery | None) -> _Asked:
        items = excluded(self._store, self._view, query)
        if sounding is not None and self._view.sounds is not None:
            items |= excluded(self._store, self._view.sounds, sounding)
        return _Asked(query, items, sounding)

    def _view_of(self, modality: Modality) -> View:
        """What shows the items of a modality: sounds have a view of another space."""
        sounds = self._view.sounds
        return sounds if modality is Modality.SOUND and sounds is not None else self._view

    def _answers(self, asked: Sequence[_Asked], depth: int) -> list[tuple[list[Hit], bool]]:
        """The hits of each query among the best `depth` of each direction at least, and whether
        more depth would give no more.
        """
        searched = [
            modality
            for modality, index in self._view.indexes.items()
            if self._request.wants(modality) and len(index)
        ]
        fuser = self._fuser([own.query for own in asked])
        vectors = [self._vectors(own, searched, fuser) for own in asked]
        lists, short = self._lists(asked, vectors, searched, depth)
        hits = Hits(self._store, self._view, self._caches.near_duplicates)
        answers = []
        for row, (own, query) in enumerate(zip(asked, vectors, strict=True)):
            stopping.check()
            found = merged(lists[row], depth)
            if self._request.target == "any" and self._request.ranking.fold:
                found = as_things(found)
            found = named_first(self._named(own, query), found)
            strength = aim(own.query)
            request, given = self._request, own.query.given
            chosen, is_all = hits.best(found, request.ranking, request.k, strength, given)
            answers.append((chosen, is_all or short[row]))
        return answers

    def _lists(
        self,
        asked: Sequence[_Asked],
        vectors: Sequence[Mapping[Modality, QueryVector]],
        searched: Sequence[Modality],
        depth: int,
    ) -> tuple[list[list[Answers]], list[bool]]:
        """For each query the answers of each direction; and whether every direction has fewer than
        `depth`.
        """
        lists: list[list[Answers]] = [[] for _ in asked]
        short = [True] * len(asked)
        groups = list(product(searched, _like([own.query for own in asked])))
        if of_sounds := [row for row, own in enumerate(asked) if own.as_sounds is not None]:
            groups.append((Modality.SOUND, of_sounds))
        for modality, rows in groups:
            stopping.check()
            queries = [vectors[row][modality] for row in rows]
            direction = self._direction(queries, modality)
            results = ranked(direction, queries, [asked[row].excluded for row in rows], depth)
            for row, found in zip(rows, results, strict=True):
                lists[row].append(found)
                short[row] &= len(found.best) + len(found.rest) < depth
        return lists, short

    def _named(self, asked: _Asked, query: Mapping[Modality, QueryVector]) -> list[Candidate]:
        """The files whose name is what is asked for, if exact words are looked at."""
        request = self._request
        is_read = request.ranking.match in ("all", "words")
        name = file_names.asked(asked.query) if is_read else None
        if name is None:
            return []
        paths = file_names.among(name, files.paths_with(self._store.catalog, name.stem))
        wanted = NearestRequest(
            Modality.IMAGE, len(paths), request.kind, request.where, [asked.excluded]
        )
        return file_names.find_by_name(self._source, paths, query, wanted)

    def _vectors(
        self, asked: _Asked, searched: Sequence[Modality], fuser: ImageTextFuser | None
    ) -> dict[Modality, QueryVector]:
        """A query as one vector for each modality that is searched, and for sounds."""
        background = self._view.background
        vectors = {
            modality: toward(asked.query, background, modality, fuser) for modality in searched
        }
        if asked.as_sounds is not None:
            own = self._view_of(Modality.SOUND).background
            vectors[Modality.SOUND] = toward(asked.as_sounds, own, Modality.SOUND)
        return vectors

    def _fuser(self, queries: Sequence[ComposedQuery]) -> ImageTextFuser | None:
        """What fuses a picture and a text, if there are both and a network was trained for it."""
        if self._request.ranking.fusion == "sum" or not any(map(pair, queries)):
            return None
        fuser = self._models.fuser(self._space)
        return fuser if fuser.tensors else None

    def _direction(self, queries: Sequence[QueryVector], modality: Modality) -> Direction:
        """What runs among the items of one modality, for queries with the same kinds of parts."""
        request, ranking = self._request, self._request.ranking
        parts = {part.modality for query in queries for part in query.parts}
        ways = self._ways(modality, parts)
        if modality is Modality.SOUND or "fused" in ways:  # nothing more was measured to help here
            runs = {part: StageSettings() for part in parts}
        else:
            runs = {part: stages(ranking, self._table, part, modality) for part in parts}
        depth = max(depth_of(ranking, run) for run in runs.values())
        model = next((run.model for run in runs.values() if run.model), None)
        return Direction(
            replace(self._source, view=self._view_of(modality)),
            modality,
            None if modality is Modality.SOUND else request.kind,
            request.where,
            ways,
            runs,
            depth,
            ranking.without,
            self._reranker(model) if model else None,
            request.deadline,
        )

    def _ways(self, modality: Modality, parts: Collection[Modality]) -> tuple[str, ...]:
        """The names of the ways that find items of a modality for queries with such parts."""
        match, kind = self._request.ranking.match, self._request.kind
        if Modality.TEXT not in parts or match == "picture":
            return ("picture",)
        if kind == "page":
            return ("picture", "passage")
        if match in ("all", "words"):
            by_caption = modality is Modality.IMAGE and match == "all"
            captioned = ("caption", "words", *(("ocr", "ocr words") if self._has_text else ()))
            ways = ("picture", *(captioned if by_caption else ("words",)))
            return ("words",) if match == "words" else ways
        if modality is not Modality.IMAGE:
            return ("picture",)
        return ("picture", "fused") if match == "fused" else (match,)

    def _reranker(self, name: str) -> Reranker:
        if name != OWN:
            return self._models.reranker(name, self._space)
        if self._own is None:
            raise QueryError(
                "This index has no reranker of its own. Learn one with `cmsearch fit --reranker`, "
                "or name a file: learned:FILE."
            )
        return self._own


def deadline(budget: float | None) -> float | None:
    """When a budget of seconds that begins now is spent."""
    return None if budget is None else perf_counter() + budget


def check_ranking(ranking: Any) -> None:
    """Raise `QueryError` for what is no ranking, or has values that none can have."""
    if not isinstance(ranking, Ranking):
        raise QueryError(f"ranking is a cmsearch.Ranking, not {type(ranking).__name__}.")
    if not isinstance(ranking.rerank, str):
        raise QueryError(f"rerank is the name of a reranker, not {ranking.rerank!r}.")
    if ranking.stages is not None and not isinstance(ranking.stages, StageSettings):
        raise QueryError(
            f"stages are cmsearch.search.rank.stages.StageSettings, not {ranking.stages!r}."
        )
    for kind, known in (("match", MATCHES), ("fusion", FUSIONS)):
        value = getattr(ranking, kind)
        if not isinstance(value, str) or value not in known:
            raise QueryError(f"There is no {kind} {value!r}; it is one of {', '.join(known)}.")
    ways = ranking.without
    if not isinstance(ways, Set | list | tuple) or not all(isinstance(way, str) for way in ways):
        raise QueryError(f"without is a set of names of ways, such as 'words', not {ways!r}.")
    for name, most in (("min_relevance", 1.0), ("budget", inf)):
        value = getattr(ranking, name)
        if value is not None and not (isinstance(value, int | float) and 0 <= value <= most):
            raise QueryError(f"{name} is a number from 0 to {most:g}, not {value!r}.")
    depth_of(ranking, stages(ranking, {}, Modality.TEXT, Modality.IMAGE))  # raises for wrong ones


def _like(queries: Sequence[ComposedQuery]) -> list[list[int]]:
    """The places of queries, by the modalities that they have parts of: what runs depends on them.

    So a query in a list gets what it gets alone.
    """
    groups: dict[frozenset[Modality], list[int]] = {}
    for row, query in enumerate(queries):
        groups.setdefault(frozenset(part.modality for part in query.parts), []).append(row)
    return list(groups.values())
