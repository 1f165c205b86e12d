"""Marking hits as right or wrong for a query, and telling what was marked."""

# Tested by tests/unit/cmsearch/search/test_marking.py

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from cmsearch.common import locators
from cmsearch.common.arguments import check_target, checked_k, checked_query
from cmsearch.common.digest import content_digest, file_digest
from cmsearch.common.files import larger_than
from cmsearch.errors import MediaError, QueryError, StoreReadOnlyError
from cmsearch.search.query.encode import MOST_BYTES
from cmsearch.search.query.grammar import written
from cmsearch.store.catalog import mark_rows, marks
from cmsearch.store.catalog.given import Given, described
from cmsearch.store.catalog.mark_rows import LONGEST, Kept, Located
from cmsearch.store.catalog.schema import understood
from cmsearch.store.store import Store
from cmsearch.types import Hit, Mark, Modality, Place, Query, QueryPart

_SHOWN = 12
"""Digits of a picture's digest that a query shows."""
_CAPTION = "caption"  # its place is in another file
_Part = tuple[str, str, float, str]
"""The modality of a part, its text or the digest of its picture, its weight, and the place of that
in its file.
"""
_Parts = tuple[list[_Part], list[_Part]]


class Marking:
    """Keeps what people say of the hits of a store. Safe from threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()

    def mark(self, query: Any, hit: Any, right: Any, target: Any) -> Mark | None:
        """Keep what was said in place of what was said before; gives the mark, or None for none.

        Raises `QueryError`, `MediaError`, `StoreReadOnlyError` and `StoreLockedError`.
        """
        if right is not None and not isinstance(right, bool):
            raise QueryError(f"A hit is marked by True, False or None, not by {right!r:.80}.")
        check_target(target)
        asked, store = _asked(query), self._store
        if store.read_only:
            raise StoreReadOnlyError(store.path, store.strange or _read_only(store))
        with self._lock:
            thing = self._thing(hit)
            verdict = 0 if right is None else 1 if right else -1
            mark = Kept(
                asked, target, thing.path, thing.file_digest, thing.kind, thing.locator,
                thing.digest, verdict, datetime.now(UTC).date().isoformat(),
            )  # fmt: skip
            with store.catalog.writing() as writer:
                writer.put_mark(mark, thing.item)
            if not verdict:
                return None
            return self._told([Located(0, mark, thing.path, (thing.item,))])[0]

    def marks(
        self, query: Any = None, target: Any = None, offset: Any = 0, limit: Any = None
    ) -> list[Mark]:
        """What was marked, or what was for a query, or for a target; the oldest first, so many from
        one on.

        Raises `QueryError`, and `MediaError` for a picture that can't be read.
        """
        most = mark_rows.MOST if limit is None else min(checked_k(limit), mark_rows.MOST)
        if type(offset) is not int or not 0 <= offset < 2**31:
            raise QueryError(f"offset is the number of marks to pass over, not {offset!r:.80}.")
        which = _which(query, target)._replace(offset=offset, limit=most)
        return self._told(marks.located(self._store.catalog, which))

    def count(self, query: Any = None, target: Any = None) -> int:
        """How many these are. Raises as `marks` does."""
        return marks.count(self._store.catalog, _which(query, target))

    def forget_missing(self) -> int:
        """Take away the marks of what isn't there any more; how many these were."""
        if self._store.read_only:
            raise StoreReadOnlyError(self._store.path, self._store.strange)
        with self._lock:
            gone = [one.number for one in marks.located(self._store.catalog) if not one.items]
            if gone:
                with self._store.catalog.writing() as writer:
                    writer.delete_marks(gone)
            return len(gone)

    def _thing(self, hit: Any) -> Given:
        """What a hit, or the item of a number, is of now."""
        number = hit.item if isinstance(hit, Hit) else hit
        if type(number) is not int or abs(number) >= 2**63:
            raise QueryError(f"What is marked is a hit, or the number of an item, not {hit!r:.80}.")
        found = described(self._store.catalog, [number], as_things=True)
        is_it = bool(found)
        if found and isinstance(hit, Hit):
            own = self._store.absolute(found[0].path), found[0].kind, found[0].locator
            is_it = own == (hit.path, hit.kind, hit.locator)
        if not is_it:
            what = (
                f"{hit.source} isn't what it was when it was found"
                if isinstance(hit, Hit)
                else f"There is no item {number}"
            )
            raise QueryError(f"{what}: the index has changed. Search again, and mark that hit.")
        return found[0]

    def _told(self, found: Sequence[Located]) -> list[Mark]:
        """Marks as they are told, with their queries as they can be asked again."""
        with understood(self._store.catalog.path):
            queries = {one.mark.query: _parts(one.mark.query) for one in found}
            digests = {
                part[1]
                for parts in queries.values()
                for some in parts
                for part in some
                if part[0] != Modality.TEXT
            }
            is_read = digests and self._store.has_own_media
            at = marks.files_of(self._store.catalog, digests) if is_read else {}
            paths = {digest: self._store.absolute(path) for digest, path in at.items()}
            asked = {text: _again(parts, paths) for text, parts in queries.items()}
            shown = {text: _shown(parts) for text, parts in queries.items()}
            return [self._mark(one, shown[one.mark.query], asked[one.mark.query]) for one in found]

    def _mark(self, found: Located, shown: str, asked: Query | None) -> Mark:
        mark, path = found.mark, found.path or found.mark.path
        return Mark(
            query=shown,
            target=mark.target,
            right=mark.verdict > 0,
            path=self._store.absolute(path),
            source=locators.source(path, "" if mark.kind == _CAPTION else mark.locator),
            kind=mark.kind,
            locator=mark.locator,
            day=date.fromisoformat(mark.day),
            items=found.items,
            asked=asked,
        )


def _which(query: Any, target: Any) -> marks.Which:
    if target is not None:
        check_target(target)
    return marks.Which(None if query is None else _asked(query), target)


def _read_only(store: Store) -> str:
    return (
        f"Marks are kept in the index, and {store.name} can't be written. Copy it with `cmsearch "
        "copy`, and mark there."
    )


def _asked(query: Any) -> str:
    """A query as text that is the same for all that ask the same."""
    asked = checked_query(query)
    parts = [sorted(map(_part, some), key=_order) for some in (asked.parts, asked.without)]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    if len(text) > LONGEST:
        raise QueryError(f"A query that is marked has at most {LONGEST:,} characters.")
    return text


def _part(part: QueryPart) -> _Part:
    """A part without what only this machine, or this moment, knows of it."""
    content: Any = part.content
    locator = ""
    if part.modality is Modality.SPEECH:
        from cmsearch.search.query.voice import understood as heard

        content = heard(content)
    if part.modality in (Modality.SOUND, Modality.VIDEO):
        raise QueryError("Hits are marked for texts and pictures, not for sounds or films.")
    if part.modality is not Modality.IMAGE:
        if not isinstance(content, str) or not content.split():
            raise QueryError("The text that is marked for is empty, or is no text.")
        if content != content.encode(errors="replace").decode():
            raise QueryError("The text that is marked for is not valid Unicode.")
        return Modality.TEXT.value, " ".join(content.split()), float(part.weight), ""
    if isinstance(content, Place):
        content, locator = content.path, content.locator
    return Modality.IMAGE.value, _digest(content), float(part.weight), locator


def _digest(content: Any) -> str:
    if isinstance(content, bytes):
        return content_digest(content)
    if not isinstance(content, str | Path):
        raise QueryError("A picture that is marked for is a path or the bytes of a file.")
    path = Path(content)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MediaError(f"{path} can't be marked for: {larger_than(MOST_BYTES)}.")
        return file_digest(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"The picture {path} can't be read: {reason}.") from error


def _order(part: _Part) -> tuple[bool, bool, str, float, str]:
    """Texts first, and what is taken away last: the order says nothing."""
    modality, content, weight, locator = part
    return weight < 0, modality != Modality.TEXT, content, weight, locator


def _parts(text: str) -> _Parts:
    """The parts of a query that `_asked` wrote; raises `ValueError` for another."""
    try:
        parts, without = ([_read(part) for part in some] for some in json.loads(text))
    except RecursionError as error:
        raise ValueError("a query of no kind") from error
    if not any(part[2] > 0 for part in parts):
        raise ValueError("a query that asks for nothing")
    return parts, without


def _read(part: Any) -> _Part:
    modality, content, weight, locator = part
    if modality not in (Modality.TEXT, Modality.IMAGE) or not isinstance(content + locator, str):
        raise ValueError("a part of no kind")
    if not content.strip() or not 0 < abs(float(weight)) < 1e7:
        raise ValueError("an empty part")
    return modality, content, float(weight), locator


def _again(parts: _Parts, paths: Mapping[str, Path]) -> Query | None:
    """The query to ask again; None where a picture isn't there."""
    if any(part[0] != Modality.TEXT and part[1] not in paths for some in parts for part in some):
        return None
    wanted, without = (tuple(_asked_part(part, paths) for part in some) for some in parts)
    return Query(wanted, without)


def _asked_part(part: _Part, paths: Mapping[str, Path]) -> QueryPart:
    modality, content, weight, locator = part
    if modality == Modality.TEXT:
        return QueryPart(content, weight=weight)
    path = paths[content]
    return QueryPart(Place(path, locator) if locator else path, Modality.IMAGE, weight)


def _shown(parts: _Parts) -> str:
    """A query as people read it."""
    shown = ""
    for part in parts[0]:
        sign = "- " if part[2] < 0 else "+ " if shown else ""
        shown += f"{' ' if shown else ''}{sign}{_name(part)}"
    return shown + "".join(f", not {_name(part)}" for part in parts[1])


def _name(part: _Part) -> str:
    modality, content, weight, locator = part
    if modality != Modality.TEXT:
        prefix = "" if abs(weight) == 1 else f"{abs(weight):g}:"
        return f"{prefix}picture {locators.source(content[:_SHOWN], locator)}"
    try:
        return written(Query((QueryPart(content, weight=abs(weight)),)))
    except QueryError:  # a weight that the grammar has no form for
        return f"{abs(weight):g}:{content}"
