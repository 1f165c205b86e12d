"""The files of a catalog: what is known of them, what they lack, and numbers over all of them."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from cmsearch.common import locators
from cmsearch.common.kinds import HEARD, SUBJECTS
from cmsearch.media.readers import names
from cmsearch.store.catalog import reading_rows, schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import is_hash, is_photo, text_of
from cmsearch.store.catalog.prepared import Prepared, given, listed, listing
from cmsearch.store.catalog.rows import asset_row
from cmsearch.store.catalog.schema import chunks, understood
from cmsearch.store.catalog.skipped_lines import BEGINNING
from cmsearch.types import STALE, Asset, Capture, Modality, Segment

_PLACES = 1000
_FIRST = 1000
_ASCII = re.compile("[ -~]+")
_PAGE = 5_000


class Row(NamedTuple):
    """What tells whether a file has changed, and why it couldn't be read, as the catalog has it."""

    path: str
    kind: str
    size: int
    mtime_ns: int | None
    about: str | None
    error: str | None


_columns = schema.assets.c
_WHOLE = sa.select(*(_columns[name] for name in asset_row(Asset("", "", 0, None, None))))
_ROWS = sa.select(*(_columns[name] for name in Row._fields)).order_by(_columns.path)
_PAGES = Prepared(_ROWS.where(_columns.path > given("after")).limit(given("most")))
_ROWS_AT = Prepared(_ROWS.where(_columns.path.in_(listed("paths", str))))
_ROWS_BELOW = Prepared(
    _ROWS.where(_columns.path > given("folder"), _columns.path < given("next_folder"))
)
_UNSETTLED = Prepared(
    sa.select(_columns.path)
    .where(sa.or_(_columns.mtime_ns.is_(None), _columns.mtime_ns == STALE))
    .where(_columns.kind.not_in(listed("subjects", str)))
)
_AT = Prepared(_WHOLE.where(_columns.path.in_(listed("paths", str))))
_OF_KINDS = sa.select(_columns.path).where(_columns.kind.in_(listed("kinds", str)))
_ALL_OF_KINDS = Prepared(_OF_KINDS)
_ONE_OF_KINDS = Prepared(_OF_KINDS.where(_columns.path == given("path")))


def assets(catalog: Catalog) -> dict[str, Asset]:
    """Every asset by its path, which takes a kilobyte each: see `rows` for those of many."""
    found = catalog.rows(_WHOLE)
    with understood(catalog.path):
        return {row[0]: _asset(row) for row in found}


def assets_at(catalog: Catalog, paths: Iterable[str]) -> dict[str, Asset]:
    """The assets at some paths."""
    found = catalog.run(_AT, paths=listing(paths))
    with understood(catalog.path):
        return {row[0]: _asset(row) for row in found}


def some(catalog: Catalog, count: int) -> dict[str, Asset]:
    """At most so many assets that were read, by chance and in the order of chance."""
    known = sa.or_(_columns.digest.is_not(None), _columns.error.is_not(None))
    chosen = sa.select(_columns.id).where(known).order_by(sa.func.random()).limit(count)
    found = catalog.rows(_WHOLE.where(_columns.id.in_(chosen)).order_by(sa.func.random()))
    with understood(catalog.path):
        return {row[0]: _asset(row) for row in found}


def rows(catalog: Catalog) -> Iterator[tuple[Any, ...]]:
    """What a `Row` has of every file, as plain tuples in the order of paths, a page at a time."""
    after = ""
    while found := catalog.run(_PAGES, after=after, most=_PAGE):
        yield from _checked(catalog, found)
        after = found[-1][0]


def rows_near(
    catalog: Catalog, paths: Iterable[str], folders: Iterable[str]
) -> list[tuple[Any, ...]]:
    """The same of the files at some paths and of those in some folders, if these are any."""
    found = catalog.run(_ROWS_AT, paths=listing({*paths, *folders}))
    for folder in folders:
        found += catalog.run(_ROWS_BELOW, folder=f"{folder}/", next_folder=f"{folder}0")
    return sorted({row[0]: row for row in _checked(catalog, found)}.values(), key=itemgetter(0))


def unsettled(catalog: Catalog) -> set[str]:
    """The paths of the files about others that the next run reads again, since those may come."""
    return {row[0] for row in catalog.run(_UNSETTLED, subjects=listing(names(*SUBJECTS)))}


def _checked(catalog: Catalog, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    with understood(catalog.path):
        if not all(isinstance(row[0], str) and isinstance(row[5] or "", str) for row in found):
            raise TypeError("a text is a string")
    return found


def count(catalog: Catalog) -> int:
    """How many files there are."""
    return int(catalog.scalar(sa.select(sa.func.count()).select_from(schema.assets)) or 0)


def paths_of(catalog: Catalog, kinds: Iterable[str]) -> list[str]:
    """The paths of the files of some kinds."""
    return [row[0] for row in catalog.run(_ALL_OF_KINDS, kinds=listing(kinds))]


def is_of(catalog: Catalog, path: str, kinds: Iterable[str]) -> bool:
    """Whether there is a file of some kinds at a path."""
    return bool(catalog.run(_ONE_OF_KINDS, path=path, kinds=listing(kinds)))


def paths_with(catalog: Catalog, text: str) -> list[str]:
    """The paths of files with a text in them, in any case; not looking at other than ASCII."""
    path = schema.assets.c.path
    has = (path.contains(piece, autoescape=True) for piece in _ASCII.findall(text))
    return [row[0] for row in catalog.rows(sa.select(path).where(*has))]


def lacking(catalog: Catalog, space: int) -> set[str]:
    """The paths of the assets of which an item has no embedding in a space, sounds apart, and text
    that was read in pictures, which is encoded after all else.
    """
    is_read = schema.items.c.digest.startswith(reading_rows.PREFIX)
    return _lacking(catalog, space, (schema.items.c.modality != Modality.SOUND) & ~is_read)


def lacking_sounds(catalog: Catalog, space: int) -> set[str]:
    """The paths of the assets of which a sound has no embedding in a space."""
    return _lacking(catalog, space, schema.items.c.modality == Modality.SOUND)


def _lacking(catalog: Catalog, space: int, wanted: sa.ColumnElement[bool]) -> set[str]:
    if _are_as_many(catalog, space):
        return set()
    has = sa.select(schema.embeddings.c.id).where(
        schema.embeddings.c.item == schema.items.c.id, schema.embeddings.c.space == space
    )
    query = (
        sa.select(schema.assets.c.path)
        .join(schema.items, schema.items.c.asset == schema.assets.c.id)
        .where(wanted, ~has.exists())
        .distinct()
    )
    return {row[0] for row in catalog.rows(query)}


def _are_as_many(catalog: Catalog, space: int) -> bool:
    """Whether there are as many items with an embedding in a space as items: two indexes know."""
    table = schema.embeddings.c
    own = sa.select(sa.func.count(table.item.distinct())).where(table.space + 0 == space)
    every = sa.select(sa.func.count()).select_from(schema.items)
    return bool(catalog.scalar(own) == catalog.scalar(every))


def unhashed(catalog: Catalog) -> set[str]:
    """The paths of the assets with a picture that has no perceptual hash, or a damaged one."""
    query = (
        sa.select(schema.assets.c.path)
        .join(schema.items, schema.items.c.asset == schema.assets.c.id)
        .where(is_photo(schema.items))
        .where(sa.or_(~is_hash(schema.items.c.phash), schema.items.c.phash.is_(None)))
        .distinct()
    )
    return {row[0] for row in catalog.rows(query)}


def item_digests(catalog: Catalog, path: str, space: int) -> frozenset[str]:
    """The digests of the items of one asset that have an embedding in a space."""
    query = (
        sa.select(schema.items.c.digest)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .join(schema.embeddings, schema.embeddings.c.item == schema.items.c.id)
        .where(schema.assets.c.path == path, schema.embeddings.c.space == space)
    )
    return frozenset(row[0] for row in catalog.rows(query))


def transcript(catalog: Catalog, digest: str) -> list[Segment] | None:
    """What is said in the files whose content has this digest, if one was read whole."""
    assets, items = schema.assets.c, schema.items.c
    whole = assets.mtime_ns.is_not(None) & assets.error.is_(None)  # a stale one too
    query = sa.select(sa.func.min(assets.id))
    query = query.where(assets.digest == digest, assets.kind.in_(names(*HEARD)), whole)
    asset = catalog.scalar(query)
    if asset is None:
        return None
    own = sa.select(items.locator, items.text)
    rows = catalog.rows(own.where(items.asset == asset, items.kind == "transcript"))
    with understood(catalog.path):
        found = [(locators.span(text_of(row[0])), text_of(row[1])) for row in rows]
    if any(times is None for times, _ in found):
        return None
    return sorted(
        (Segment(*times, text) for times, text in found if times),
        key=lambda segment: (segment.start, segment.end),
    )


def film_ends(catalog: Catalog, paths: Iterable[str]) -> dict[str, float]:
    """By the path of a film when its last shot ends, in seconds."""
    items = schema.items.c
    query = sa.select(schema.assets.c.path, items.locator)
    query = query.join(schema.items, items.asset == schema.assets.c.id)
    query = query.where(items.modality == Modality.VIDEO)
    found: dict[str, float] = {}
    for chunk in chunks(list[Any](sorted(set(paths)))):
        for path, locator in catalog.rows(query.where(schema.assets.c.path.in_(chunk))):
            with understood(catalog.path):
                times = locators.span(text_of(locator))
            found[path] = max(found.get(path, 0.0), times[1] if times else 0.0)
    return found


def counts(catalog: Catalog) -> dict[str, int]:
    """How many items there are of each kind."""
    with understood(catalog.path):
        found = _counted(catalog, schema.items.c.kind)
        return {text_of(kind): number for kind, number in found.items()}


def read(catalog: Catalog) -> tuple[dict[str, int], int]:
    """How many files of each kind were read, and how many could not be; of some maybe all but lines
    could.
    """
    error = schema.assets.c.error
    known = Counter(_counted(catalog, schema.assets.c.kind, error.is_(None)))
    beginning = sa.func.substr(error, 1, len(BEGINNING))
    query = sa.select(schema.assets.c.kind, beginning, sa.func.count()).where(error.is_not(None))
    skipped = 0
    for kind, begins, number in catalog.rows(query.group_by(schema.assets.c.kind, beginning)):
        if begins == BEGINNING:
            known[kind] += number
        else:
            skipped += number
    with understood(catalog.path):
        return {text_of(kind): number for kind, number in known.items()}, skipped


def _counted(
    catalog: Catalog, kind: sa.ColumnElement[str], *where: sa.ColumnElement[bool]
) -> dict[str, int]:
    """How many rows there are of each kind; sorting them, as a group does, takes twice the time of
    counting those of kinds that the first rows have.
    """
    some = sa.select(kind).limit(_FIRST).subquery()
    names = [row[0] for row in catalog.rows(sa.select(some.c[0]).distinct())]
    sums = (sa.func.count(sa.case((kind == name, 1))) for name in names)
    total, *found = catalog.rows(sa.select(sa.func.count(), *sums).where(*where))[0]
    if sum(found) == total:
        return {name: number for name, number in zip(names, found, strict=True) if number}
    query = sa.select(kind, sa.func.count()).where(*where).group_by(kind)
    return {row[0]: row[1] for row in catalog.rows(query)}


def days(catalog: Catalog) -> tuple[str, str] | None:
    """The first and the last day of the photos: their cameras', or of their last change."""
    taken, items = schema.assets.c.taken, schema.items.c
    photo = sa.exists().where(items.asset == schema.assets.c.id, is_photo(schema.items))
    query = sa.select(taken).where(taken.is_not(None), photo).limit(1)
    first, last = (catalog.scalar(query.order_by(order)) for order in (taken, taken.desc()))
    return None if first is None else (first[:10], last[:10])


def first_year(catalog: Catalog) -> int:
    """The year of the first day that there is; 1990 without any."""
    first = catalog.scalar(sa.select(sa.func.min(schema.assets.c.taken)))
    return int(first[:4]) if isinstance(first, str) and first[:4].isdecimal() else 1990


def is_south(catalog: Catalog) -> bool | None:
    """Whether most of some files with a place lie south of the equator; None without any."""
    some = sa.select(schema.assets.c.latitude).where(schema.assets.c.latitude.is_not(None))
    places = [row[0] for row in catalog.rows(some.limit(_PLACES))]
    return 2 * sum(one < 0 for one in places) > len(places) if places else None


def vectors(catalog: Catalog, space: int) -> dict[Modality, int]:
    """By modality the number of embeddings in a space."""
    table = schema.embeddings.c
    query = sa.select(table.modality, sa.func.count()).group_by(table.modality)
    rows = catalog.rows(query.where(table.space == space))
    with understood(catalog.path):
        return {Modality(row[0]): int(row[1]) for row in rows}


def sizes(catalog: Catalog, space: int) -> dict[Modality, tuple[int, int]]:
    """By modality the number of embeddings in a space, and their bytes."""
    table = schema.embeddings.c
    blobs = (table.vector, table.tokens, table.features)
    length = sum(sa.func.coalesce(sa.func.length(blob), 0) for blob in blobs)
    query = sa.select(table.modality, sa.func.count(), sa.func.sum(length))
    rows = catalog.rows(query.where(table.space == space).group_by(table.modality))
    with understood(catalog.path):
        return {Modality(row[0]): (int(row[1]), int(row[2])) for row in rows}


def _fraction(more: Any) -> str:
    """The fraction of a second, with its point, in what a time has besides."""
    found = re.match(r"\.\d{1,6}", str(more or ""))
    return found[0] if found else ""


def _asset(row: Sequence[Any]) -> Asset:
    path, kind, size, mtime_ns, digest, error, about, taken, camera, latitude, longitude = row[:11]
    source, more = row[11:]
    if not all(isinstance(one, str) for one in (path, kind, error or "", about or "")):
        raise TypeError("a text is a string")
    exact = datetime.fromisoformat(f"{taken}{_fraction(more)}") if taken else None
    zone = str(more or "").removeprefix(_fraction(more)) or None
    capture = Capture(exact, camera, latitude, longitude, source, zone)
    return Asset(path, kind, size, mtime_ns, digest, error, about, capture)
