"""A session of searches: each goes on from the one before, and what is good is marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cmsearch.errors import QueryError
from cmsearch.search.query.feedback import like, picture_of, refined
from cmsearch.types import Hit, Modality, Query, QueryPart

Find = Callable[[Query, Mapping[str, Any], Sequence[Hit]], list[Hit]]
"""Gives the hits of a query with a search's options, without those that were seen."""
NOTHING_ASKED = "Nothing was asked yet. Type what to search for, such as: a dog on the beach."


@dataclass(frozen=True, slots=True)
class Step:
    """One search: its query, the hits that led to it, and the options that it has of its own."""

    query: Query
    seen: tuple[Hit, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


class Session:
    """Searches one after the other, with the `options` of a search that hold for all of them.

    `hits` are those of the last one, `marked` the hits that were marked, in that order. Whatever
    raises leaves everything as it was.
    """

    def __init__(self, find: Find, options: Mapping[str, Any]) -> None:
        self.options = dict(options)
        self.hits: list[Hit] = []
        self.marked: list[Hit] = []
        self._find = find
        self._steps: list[Step] = []

    @property
    def query(self) -> Query:
        """What was asked last. Raises `QueryError` if nothing was."""
        return self._step.query

    @property
    def wanted(self) -> Mapping[str, Any]:
        """The options of the last search: its own, and else the session's."""
        return {**self.options, **dict(self._step.options)}

    @property
    def is_asked(self) -> bool:
        """Whether anything was asked yet."""
        return bool(self._steps)

    def ask(self, query: Query, **options: Any) -> None:
        """Search for something else; `options` hold for this query and what goes on from it."""
        self._go(Step(query, options=tuple(options.items())))

    def add(self, parts: Sequence[QueryPart]) -> None:
        """Search with more parts in the query."""
        step = self._step
        query = Query((*step.query.parts, *parts), step.query.without)
        self._go(replace(step, query=query))

    def exclude(self, part: QueryPart) -> None:
        """Search for the same without what is about `part`."""
        step = self._step
        query = Query(step.query.parts, (*step.query.without, part))
        self._go(replace(step, query=query))

    def more(self, liked: Sequence[int], disliked: Sequence[int] = ()) -> None:
        """Search for more like the hits at the ranks `liked`, and less like those `disliked`."""
        if not liked and not disliked:
            raise QueryError("Name the hits to find more of by their ranks: 3 7.")
        if set(liked) & set(disliked):
            raise QueryError("A hit is right or wrong, not both.")
        step = self._step
        right, wrong = (
            [self.hit(rank) for rank in dict.fromkeys(ranks)] for ranks in (liked, disliked)
        )
        query = refined(step.query, right, wrong)
        self._go(replace(step, query=query, seen=(*step.seen, *right, *wrong)))

    def similar(self, rank: int) -> None:
        """Search for what is like a hit; for pictures, unless the session is for something else."""
        hit = self.hit(rank)
        part = like(hit, lambda: picture_of(hit))
        self.ask(Query((part,)), **(self.pictures() if part.modality is Modality.IMAGE else {}))

    def pictures(self) -> dict[str, Any]:
        """The options for a search for pictures, unless the session is for something else."""
        return {"target": "image"} if self.options.get("target", "any") == "any" else {}

    def again(self) -> None:
        """Search for the same once more: the index may have changed."""
        self._search(self._step, self.options)

    def set(self, name: str, value: Any) -> None:
        """Set an option of the session, and search with it for the same if anything was asked."""
        options = {**self.options, name: value}
        if self.is_asked:
            own = tuple(pair for pair in self._step.options if pair[0] != name)
            step = replace(self._step, options=own)
            self._search(step, options)
            self._steps[-1] = step
        self.options = options

    def back(self) -> None:
        """Go back to the search before the last one."""
        if len(self._steps) < 2:
            raise QueryError("There is no search before this one.")
        self._search(self._steps[-2], self.options)
        self._steps.pop()

    def hit(self, rank: int) -> Hit:
        """The hit at a rank, from 1. Raises `QueryError` if there is none."""
        return _at(self.hits, rank, "the last search")

    def mark(self, ranks: Sequence[int]) -> int:
        """Mark hits by their ranks; returns how many weren't marked."""
        known = {(hit.path, hit.source) for hit in self.marked}
        found = {(hit.path, hit.source): hit for hit in map(self.hit, ranks)}
        new = [hit for key, hit in found.items() if key not in known]
        self.marked += new
        return len(new)

    def unmark(self, numbers: Sequence[int]) -> None:
        """Take marks back by their places among the `marked`, from 1."""
        gone = [_at(self.marked, number, "the list of the marked") for number in numbers]
        self.marked = [hit for hit in self.marked if hit not in gone]

    @property
    def _step(self) -> Step:
        if not self._steps:
            raise QueryError(NOTHING_ASKED)
        return self._steps[-1]

    def _go(self, step: Step) -> None:
        self._search(step, self.options)
        self._steps.append(step)

    def _search(self, step: Step, options: Mapping[str, Any]) -> None:
        self.hits = self._find(step.query, {**options, **dict(step.options)}, step.seen)


def _at(hits: Sequence[Hit], number: int, what: str) -> Hit:
    if not 1 <= number <= len(hits):
        raise QueryError(f"There is no hit {number}: {what} has {len(hits)}.")
    return hits[number - 1]
