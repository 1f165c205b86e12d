"""What stores that share a space find for a query: each direction through both stages."""

# Tested by tests/unit/cmsearch/search/test_pipeline.py

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple

from cmsearch.common import stopping
from cmsearch.common.kinds import KINDS, wants
from cmsearch.errors import QueryError
from cmsearch.protocols import Encoder, Reranker
from cmsearch.search.direction import ranked
from cmsearch.search.hybrid import file_names
from cmsearch.search.merge.collapse import NearDuplicates
from cmsearch.search.own_models import Models
from cmsearch.search.query.compose import QueryVector, toward
from cmsearch.search.query.for_sounds import as_sounds, is_text
from cmsearch.search.query.fuse_image_text import ImageTextFuser, pair
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.request import Direction, Pool, Source
from cmsearch.search.rank.second_stage import OWN, Ranking, depth_of, stages, wants_own
from cmsearch.search.rank.stages import StageSettings, defaults, topped
from cmsearch.search.retrieve.exclusion import excluded
from cmsearch.search.retrieve.nearest import Answers, Candidate, NearestRequest, Retriever
from cmsearch.store.catalog import files
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import ComposedQuery, Filter, Modality


@dataclass(frozen=True, slots=True)
class Request:
    """What a search is to give: `k` hits of a kind, ordered as `ranking` says.

    `deadline` is the time of `time.perf_counter` at which the ranking's budget is spent.
    """

    target: str = "any"
    k: int = 10
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


@dataclass(frozen=True, slots=True)
class Member:
    """A store that is searched, as it is at one moment."""

    store: Store
    models: Models
    caches: Caches
    view: View
    where: Filter
    """What hits have to be, as this store knows its paths."""
    place: int = 0
    """Which of those that are searched as one it is."""
    pool: Pool | None = None
    """What is counted over all of these; None where it is the only one."""

    def source(self, view: View) -> Source:
        """What is read of the store in a space of it."""
        own = self.caches
        rows, banks = own.retriever, own.banks
        return Source(self.store, view, self.models, rows, banks, pool=self.pool, place=self.place)


class Asked(NamedTuple):
    """A query, for each store the items that it may not find, and the query as sounds are asked,
    if they are.
    """

    query: ComposedQuery
    excluded: Sequence[Collection[int]]
    as_sounds: ComposedQuery | None


class Found(NamedTuple):
    """What was found for one query."""

    directions: list[Answers]
    """The answers of each direction."""
    is_all: bool
    """Whether every direction has fewer than were asked for."""
    named: list[tuple[tuple[bool, int], Candidate]]
    """The files whose name is what is asked for, with what orders them."""


class SharedSpace:
    """Answers queries on what some stores show that share a space and what was learned in it."""

    def __init__(self, members: Sequence[Member], request: Request) -> None:
        self._members = members
        first = members[0]
        self._models = first.models
        self._space = first.view.space
        self._background = first.view.background
        self._request = request
        self._sources = [member.source(member.view) for member in members]
        kept = first.store.catalog.stages(first.view.space_id)
        self._table = defaults(self._space.encoder, kept)
        self._has_text = any(own.store.catalog.ocr() in ("auto", "all") for own in members)
        is_own = wants_own(request.ranking)
        self._own = self._models.learned_reranker(first.view) if is_own else None
        if self._own is not None:
            self._table = topped(self._table, self._own.directions, OWN)

    def asked(self, queries: Sequence[ComposedQuery]) -> list[Asked]:
        """The queries with what each may not find, and as sounds are asked."""
        rows = zip(queries, self._as_sounds(queries), strict=True)
        return [
            Asked(query, [_excluded(own, query, sounding) for own in self._members], sounding)
            for query, sounding in rows
        ]

    def found(self, asked: Sequence[Asked], depth: int) -> list[Found]:
        """For each query at least the best `depth` of each direction."""
        searched = [
            modality
            for modality in sorted({one for own in self._sources for one in own.view.indexes})
            if self._request.wants(modality) and self._size(modality)
        ]
        fuser = self._fuser([own.query for own in asked])
        vectors = [self._vectors(own, searched, fuser) for own in asked]
        lists: list[list[Answers]] = [[] for _ in asked]
        groups = list(product(searched, _like([own.query for own in asked])))
        if of_sounds := [row for row, own in enumerate(asked) if own.as_sounds is not None]:
            groups.append((Modality.SOUND, of_sounds))
        for modality, rows in groups:
            stopping.check()
            queries = [vectors[row][modality] for row in rows]
            directions = self._directions(queries, modality)
            outs = [[asked[row].excluded[place] for row in rows] for place in directions]
            results = ranked(list(directions.values()), queries, outs, depth)
            for row, answers in zip(rows, results, strict=True):
                lists[row].append(answers)
        return [
            Found(
                own,
                all(len(each.best) + len(each.rest) < depth for each in own),
                self._named(asked[row], vectors[row]),
            )
            for row, own in enumerate(lists)
        ]

    def _size(self, modality: Modality) -> int:
        return sum(len(own.view.indexes.get(modality, ())) for own in self._sources)

    def _as_sounds(self, queries: Sequence[ComposedQuery]) -> list[ComposedQuery | None]:
        """Each query as sounds of another space are asked; None where it isn't, or can't be."""
        encoder = self._sound_encoder(queries)
        return [None for _ in queries] if encoder is None else as_sounds(queries, encoder)

    def _sound_encoder(self, queries: Sequence[ComposedQuery]) -> Encoder | None:
        """What encodes texts for sounds of another space, if any of these are asked so."""
        if self._size(Modality.SOUND):  # they are asked as all else is
            return None
        sounds = next((own.view.sounds for own in self._members if own.view.sounds), None)
        is_needed = self._request.target == Modality.SOUND
        if is_needed and not all(map(is_text, queries)):
            raise QueryError("Sounds are found by texts, written or said, and not by pictures.")
        is_wanted = self._request.wants(Modality.SOUND) and any(map(is_text, queries))
        if sounds is None or not is_wanted:
            return None
        return self._models.sound_encoder(sounds.space, is_needed=is_needed)

    def _named(
        self, asked: Asked, query: Mapping[Modality, QueryVector]
    ) -> list[tuple[tuple[bool, int], Candidate]]:
        """The files whose name is what is asked for, if exact words are looked at."""
        request = self._request
        is_read = request.ranking.match in ("all", "words")
        name = file_names.asked(asked.query) if is_read else None
        if name is None:
            return []
        found = []
        for member, source, out in zip(self._members, self._sources, asked.excluded, strict=True):
            paths = file_names.among(name, files.paths_with(source.store.catalog, name.stem))
            number, where = len(paths), member.where
            wanted = NearestRequest(Modality.IMAGE, number, request.kind, where, [out])
            candidates = file_names.find_by_name(source, list(paths), query, wanted)
            found += [(paths[own.item.path], own) for own in candidates]
        return found

    def _vectors(
        self, asked: Asked, searched: Sequence[Modality], fuser: ImageTextFuser | None
    ) -> dict[Modality, QueryVector]:
        """A query as one vector for each modality that is searched, and for sounds."""
        vectors = {
            modality: toward(asked.query, self._background, modality, fuser)
            for modality in searched
        }
        if asked.as_sounds is not None:
            sounds = next(own.view.sounds for own in self._members if own.view.sounds)
            vectors[Modality.SOUND] = toward(asked.as_sounds, sounds.background, Modality.SOUND)
        return vectors

    def _fuser(self, queries: Sequence[ComposedQuery]) -> ImageTextFuser | None:
        """What fuses a picture and a text, if there are both and a network was trained for it."""
        if self._request.ranking.fusion == "sum" or not any(map(pair, queries)):
            return None
        fuser = self._models.fuser(self._space)
        return fuser if fuser.joins else None

    def _directions(
        self, queries: Sequence[QueryVector], modality: Modality
    ) -> dict[int, Direction]:
        """What runs among the items of one modality, for queries with the same kinds of parts, in
        each store that has some, by its place here.
        """
        request, ranking = self._request, self._request.ranking
        parts = {part.modality for query in queries for part in query.parts}
        ways = self._ways(modality, parts)
        if modality is Modality.SOUND or "fused" in ways:  # nothing more was measured to help here
            runs = {part: StageSettings() for part in parts}
        else:
            runs = {part: stages(ranking, self._table, part, modality) for part in parts}
        depth = max(depth_of(ranking, run) for run in runs.values())
        model = next((run.model for run in runs.values() if run.model), None)
        reranker = self._reranker(model) if model else None
        kind = None if modality is Modality.SOUND else request.kind
        return {
            place: Direction(
                source,
                modality,
                kind,
                self._members[place].where,
                ways,
                runs,
                depth,
                ranking.without,
                reranker,
                request.deadline,
            )
            for place, source in self._sources_of(modality)
        }

    def _sources_of(self, modality: Modality) -> Iterator[tuple[int, Source]]:
        """What is read of the stores that have items of a modality: sounds have a view of another
        space.
        """
        for place, (member, source) in enumerate(zip(self._members, self._sources, strict=True)):
            if modality is Modality.SOUND and member.view.sounds is not None:
                yield place, replace(source, view=member.view.sounds)
            elif len(source.view.indexes.get(modality, ())):
                yield place, source

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


def _excluded(
    member: Member, query: ComposedQuery, sounding: ComposedQuery | None
) -> Collection[int]:
    """The items of a store that a query may not find."""
    items = excluded(member.store, member.view, query)
    if sounding is not None and member.view.sounds is not None:
        items |= excluded(member.store, member.view.sounds, sounding)
    return items


def _like(queries: Sequence[ComposedQuery]) -> list[list[int]]:
    """The places of queries, by the modalities that they have parts of: what runs depends on them.

    So a query in a list gets what it gets alone.
    """
    groups: dict[frozenset[Modality], list[int]] = {}
    for row, query in enumerate(queries):
        groups.setdefault(frozenset(part.modality for part in query.parts), []).append(row)
    return list(groups.values())
