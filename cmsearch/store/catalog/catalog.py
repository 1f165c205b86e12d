"""The catalog: assets, items and their embeddings in SQLite, the store's only truth."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.common import locators
from cmsearch.common.kinds import HEARD
from cmsearch.errors import StoreError, StoreReadOnlyError
from cmsearch.media import phash
from cmsearch.media.readers import names
from cmsearch.models.spaces import MAX_DIM, parsed
from cmsearch.store import filesystem
from cmsearch.store.catalog import fulltext, schema
from cmsearch.store.catalog.blobs import unpack_tokens
from cmsearch.store.catalog.filters import conditions, is_near
from cmsearch.store.catalog.schema import chunks, understood
from cmsearch.store.catalog.sqlite import bring_up_to_date, engine, translated
from cmsearch.store.catalog.writer import Writer, asset_row
from cmsearch.types import (
    MAX_TOKENS,
    SEEN,
    Asset,
    Capture,
    Filter,
    FloatArray,
    Generation,
    IdArray,
    Item,
    Modality,
    Segment,
    Space,
)

log = logging.getLogger("cmsearch")
MAX_LOCATOR = 100
MAX_TEXT = 100_000
"""Characters of an item's text that are read; what is longer is no caption or passage."""
MAX_FEATURES = 2**20
"""Bytes of an embedding's features; those of the largest models are some thousand numbers."""
MOST_GENERATIONS = 1000
_ASCII = re.compile("[ -~]+")
TRANSCRIBER = "transcriber"
"""The setting with the name of what wrote speech down, or `none`."""
PAGE = "page"
"""The kind of pictures that are no photos, and of which a file may have several."""


class Catalog:
    """One SQLite file. Reading is safe from threads; one thread writes."""

    def __init__(self, path: Path, *, read_only: bool = False, make: bool = True) -> None:
        """Open the file, or `make` it where there is none."""
        self.path = path
        self._read_only = read_only
        self._wrote = False
        self._engine = engine(path, read_only=read_only, make=make)
        with translated(path), self._engine.begin() as connection:
            bring_up_to_date(connection, path, read_only=read_only)
        self._watch = self._engine.connect()
        self._watches = 0
        self._reading = threading.local()

    def close(self) -> None:
        """Release the file, its write-ahead log folded into it."""
        self._watch.close()
        try:
            if self._wrote:  # a reader would wait for other readers here
                with translated(self.path), self._engine.connect() as connection:
                    connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        finally:
            self._engine.dispose()

    # --- what is in it ---

    def version(self) -> int:
        """A number that changes whenever another connection has committed."""
        with translated(self.path):
            found = int(self._watch.execute(sa.text("PRAGMA data_version")).scalar_one())
            return self._watches * 2**32 + found  # each connection counts anew

    @contextmanager
    def reading(self) -> Iterator[int]:
        """One state for all that this thread reads within; gives its version."""
        with translated(self.path), self._engine.connect() as connection:
            while True:
                before = self.version()
                connection.exec_driver_sql("BEGIN")
                connection.execute(sa.select(schema.settings.c.name).limit(1)).fetchall()
                if self.version() == before:  # the first read settled the state, and it is this one
                    break
                connection.rollback()
            self._reading.connection = connection
            try:
                yield before
            finally:
                self._reading.connection = None
                connection.rollback()

    def setting(self, name: str) -> str | None:
        """The value that is kept under a name; None if there is none."""
        query = sa.select(schema.settings.c.value).where(schema.settings.c.name == name)
        value: str | None = self._scalar(query)
        return value

    def space(self) -> tuple[int, Space] | None:
        """The space that searches use, with its number."""
        served = [one for one in self.generations() if one.served is not None]
        if not served:
            return None
        newest = max(served, key=lambda one: one.served or 0)
        return newest.space_id, newest.space

    def generations(self) -> list[Generation]:
        """Every generation, in the order in which they were made."""
        table, spaces = schema.generations.c, schema.spaces.c
        first = sa.func.json_extract(table.spaces, "$[0]")
        query = (
            sa.select(table.id, table.served, table.created, spaces.id)
            .add_columns(spaces.description, spaces.runtime)
            .join(schema.spaces, spaces.id == first)
            .order_by(table.id)
            .limit(MOST_GENERATIONS + 1)
        )
        rows = self._rows(query)
        if len(rows) > MOST_GENERATIONS:
            raise StoreError(
                f"The catalog {self.path} lists more than {MOST_GENERATIONS} models, which none "
                "does that cmsearch made."
            )
        try:
            return [
                Generation(one, served, created, number, parsed(space), runtime)
                for one, served, created, number, space, runtime in rows
            ]
        except (TypeError, ValueError) as error:
            raise StoreError(f"The catalog {self.path} describes its model wrongly.") from error

    def sound_space(self) -> tuple[int, Space] | None:
        """The space of the sounds, with its number; None where sound is passed over."""
        value = self.setting(schema.SOUND_SPACE)
        if value is None:
            return None
        with understood(self.path):
            number = int(value)
            query = sa.select(schema.spaces.c.description).where(schema.spaces.c.id == number)
            return number, parsed(self._scalar(query))

    def adapter(self, digest: str) -> bytes | None:
        """The file of an adapter that was learned here or brought here, by its digest."""
        table = schema.adapters.c
        is_blob = sa.func.typeof(table.content) == "blob"
        query = sa.select(table.content).where(table.digest == digest, is_blob)
        content: bytes | None = self._scalar(query)
        return content

    def reranker(self, space: int) -> tuple[str, bytes | None] | None:
        """The digest of the reranker that was learned in a space, and its file; None without one.

        The file is None where it is missing.
        """
        digest = self.setting(f"reranker {space}")
        return None if digest is None else (str(digest), self.adapter(str(digest)))

    def captioned(self, space: int) -> list[tuple[int, int, str]]:
        """Every caption whose picture has an embedding in a space too: the first embedding of the
        picture, that of the caption, and the caption's text.
        """
        items, table = schema.items.c, schema.embeddings.c
        first = (
            sa.select(table.id, items.asset, items.about, items.text)
            .join(schema.items, table.item == items.id)
            .where(table.space == space, table.part == 0)
            .order_by(table.id)
        )
        pictures = self._rows(first.where(table.modality == Modality.IMAGE))
        captions = self._rows(first.where(table.modality == Modality.TEXT, items.kind == "caption"))
        seen = {row[1]: row[0] for row in reversed(pictures)}
        with understood(self.path):
            return [
                (int(seen[row[2]]), int(row[0]), _text(row[3]))
                for row in captions
                if row[2] in seen
            ]

    def captions_of(self, space: int, items: Iterable[int]) -> dict[int, list[int]]:
        """By item that is a photo the first embedding of each of its captions in a space."""
        photos, captions, table = schema.items.alias(), schema.items.alias(), schema.embeddings.c
        query = (
            sa.select(photos.c.id, table.id)
            .join(captions, (captions.c.about == photos.c.asset) & (captions.c.kind == "caption"))
            .join(schema.embeddings, table.item == captions.c.id)
            .where(_is_photo(photos), table.space == space, table.part == 0)
            .order_by(table.id)
        )
        found: dict[int, list[int]] = {}
        for chunk in chunks(sorted(set(items))):
            for item, embedding in self._rows(query.where(photos.c.id.in_(chunk))):
                found.setdefault(item, []).append(embedding)
        return found

    def feature_bytes(self, space: int) -> set[int]:
        """The lengths in bytes of the features of a space's pictures; 0 for none."""
        table = schema.embeddings.c
        length = sa.func.coalesce(sa.func.length(table.features), 0)
        query = sa.select(length).where(table.space == space, table.modality.in_(SEEN))
        return {int(row[0]) for row in self._rows(query.distinct())}

    def inputs(
        self, space: int, after: int, count: int
    ) -> Sequence[tuple[int, bytes, bytes | None]]:
        """The next `count` pictures of a space by the ids of their embeddings: these, vectors and
        features.
        """
        table = schema.embeddings.c
        features = _whole(table.features, MAX_FEATURES)
        query = sa.select(table.id, _whole(table.vector, 2 * MAX_DIM), features)
        query = query.where(table.space == space, table.modality.in_(SEEN))
        rows = self._rows(query.where(table.id > after).order_by(table.id).limit(count))
        with understood(self.path):
            if not all(isinstance(blob or b"", bytes) for row in rows for blob in row[1:]):
                raise TypeError("a vector is a blob")
            return [(int(row[0]), row[1], row[2]) for row in rows]

    def lacking(self, space: int) -> set[str]:
        """The paths of the assets of which an item has no embedding in a space, sounds apart."""
        return self._lacking(space, schema.items.c.modality != Modality.SOUND)

    def lacking_sounds(self, space: int) -> set[str]:
        """The paths of the assets of which a sound has no embedding in a space."""
        return self._lacking(space, schema.items.c.modality == Modality.SOUND)

    def _lacking(self, space: int, wanted: sa.ColumnElement[bool]) -> set[str]:
        has = sa.select(schema.embeddings.c.id).where(
            schema.embeddings.c.item == schema.items.c.id, schema.embeddings.c.space == space
        )
        query = (
            sa.select(schema.assets.c.path)
            .join(schema.items, schema.items.c.asset == schema.assets.c.id)
            .where(wanted, ~has.exists())
            .distinct()
        )
        return {row[0] for row in self._rows(query)}

    def unhashed(self) -> set[str]:
        """The paths of the assets with a picture that has no perceptual hash, or a damaged one."""
        query = (
            sa.select(schema.assets.c.path)
            .join(schema.items, schema.items.c.asset == schema.assets.c.id)
            .where(_is_photo(schema.items))
            .where(sa.or_(~_is_hash(schema.items.c.phash), schema.items.c.phash.is_(None)))
            .distinct()
        )
        return {row[0] for row in self._rows(query)}

    def hashes(self, embeddings: Iterable[int]) -> dict[int, bytes]:
        """By id of embeddings the perceptual hash of their item; those without one are missing."""
        table = schema.embeddings.c
        query = (
            sa.select(table.id, schema.items.c.phash)
            .join(schema.items, table.item == schema.items.c.id)
            .where(_is_hash(schema.items.c.phash))
        )
        found: dict[int, bytes] = {}
        for chunk in chunks(sorted(set(embeddings))):
            found |= {row[0]: row[1] for row in self._rows(query.where(table.id.in_(chunk)))}
        return found

    def pictures(self, space: int) -> list[tuple[int, str, int, str]]:
        """Every photo with an embedding in a space: the first of these, path, bytes, digest."""
        table = schema.items.c
        query = (
            sa.select(sa.func.min(schema.embeddings.c.id))
            .add_columns(schema.assets.c.path, schema.assets.c.size, table.digest)
            .join(schema.items, schema.embeddings.c.item == table.id)
            .join(schema.assets, schema.assets.c.id == table.asset)
            .where(_is_photo(schema.items), schema.embeddings.c.space == space)
            .group_by(table.id)
        )
        rows = self._rows(query)
        with understood(self.path):
            return [(row[0], _text(row[1]), int(row[2]), _text(row[3])) for row in rows]

    def film_ends(self, paths: Iterable[str]) -> dict[str, float]:
        """By the path of a film when its last shot ends, in seconds."""
        items = schema.items.c
        query = sa.select(schema.assets.c.path, items.locator)
        query = query.join(schema.items, items.asset == schema.assets.c.id)
        query = query.where(items.modality == Modality.VIDEO)
        found: dict[str, float] = {}
        for chunk in chunks(list[Any](sorted(set(paths)))):
            for path, locator in self._rows(query.where(schema.assets.c.path.in_(chunk))):
                with understood(self.path):
                    times = locators.span(_text(locator))
                found[path] = max(found.get(path, 0.0), times[1] if times else 0.0)
        return found

    def sizes(self, space: int) -> dict[Modality, tuple[int, int]]:
        """By modality the number of embeddings in a space, and their bytes."""
        table = schema.embeddings.c
        blobs = (table.vector, table.tokens, table.features)
        length = sum(sa.func.coalesce(sa.func.length(blob), 0) for blob in blobs)
        query = sa.select(table.modality, sa.func.count(), sa.func.sum(length))
        rows = self._rows(query.where(table.space == space).group_by(table.modality))
        with understood(self.path):
            return {Modality(row[0]): (int(row[1]), int(row[2])) for row in rows}

    def days(self) -> tuple[str, str] | None:
        """The first and the last day of the photos: their cameras', or of their last change."""
        assets, items = schema.assets.c, schema.items.c
        pictures = sa.select(items.asset).where(_is_photo(schema.items))
        query = sa.select(sa.func.min(assets.taken), sa.func.max(assets.taken))
        first, last = self._rows(query.where(assets.id.in_(pictures)))[0]
        return None if first is None else (first[:10], last[:10])

    def assets(self) -> dict[str, Asset]:
        """Every asset by its path."""
        columns = [schema.assets.c[name] for name in asset_row(Asset("", "", 0, None, None))]
        rows = self._rows(sa.select(*columns))
        with understood(self.path):
            return {row[0]: _asset(row) for row in rows}

    def paths_with(self, text: str) -> list[str]:
        """The paths of files with a text in them, in any case; not looking at other than ASCII."""
        path = schema.assets.c.path
        has = (path.contains(piece, autoescape=True) for piece in _ASCII.findall(text))
        return [row[0] for row in self._rows(sa.select(path).where(*has))]

    def pictures_with_digest(self, digest: str) -> set[int]:
        """The items that are pictures in files whose content has this digest."""
        query = (
            sa.select(schema.items.c.id)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .where(schema.assets.c.digest == digest, schema.items.c.modality == Modality.IMAGE)
        )
        return {row[0] for row in self._rows(query)}

    def transcript(self, digest: str) -> list[Segment] | None:
        """What is said in the files whose content has this digest, if one was read whole."""
        assets, items = schema.assets.c, schema.items.c
        whole = assets.mtime_ns.is_not(None) & assets.error.is_(None)  # a stale one too
        query = sa.select(sa.func.min(assets.id))
        query = query.where(assets.digest == digest, assets.kind.in_(names(*HEARD)), whole)
        asset = self._scalar(query)
        if asset is None:
            return None
        own = sa.select(items.locator, items.text)
        rows = self._rows(own.where(items.asset == asset, items.kind == "transcript"))
        with understood(self.path):
            found = [(locators.span(_text(row[0])), _text(row[1])) for row in rows]
        if any(times is None for times, _ in found):
            return None
        return sorted(
            (Segment(*times, text) for times, text in found if times),
            key=lambda segment: (segment.start, segment.end),
        )

    def item_digests(self, path: str, space: int) -> frozenset[str]:
        """The digests of the items of one asset that have an embedding in a space."""
        query = (
            sa.select(schema.items.c.digest)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .join(schema.embeddings, schema.embeddings.c.item == schema.items.c.id)
            .where(schema.assets.c.path == path, schema.embeddings.c.space == space)
        )
        return frozenset(row[0] for row in self._rows(query))

    def counts(self) -> dict[str, int]:
        """How many items there are of each kind."""
        query = sa.select(schema.items.c.kind, sa.func.count()).group_by(schema.items.c.kind)
        return {row[0]: row[1] for row in self._rows(query)}

    def embeddings(
        self, space: int, modality: Modality, dim: int, after: int = 0
    ) -> tuple[IdArray, FloatArray]:
        """Ids `(n,)`, in order, and vectors `(n, dim)` of embeddings with an id above `after`.

        A vector of another form or length than 1, which is damaged, is left out.
        """
        table = schema.embeddings.c
        query = (
            sa.select(table.id, table.vector)
            .where(table.space == space, table.modality == modality, table.id > after)
            .where(_is_vector(table.vector, dim))
            .order_by(table.id)
        )
        return _matrix(self._rows(query), dim)

    def sample(
        self, space: int, modality: Modality, dim: int, count: int
    ) -> tuple[IdArray, FloatArray]:
        """Ids `(m,)` and vectors `(m, dim)` of at most `count` embeddings, spread by chance.

        The same ones each time, as long as nothing changes.
        """
        return self._sample(schema.embeddings.c.modality == modality, space, dim, count)

    def photos(self, space: int, dim: int, count: int) -> tuple[IdArray, FloatArray]:
        """The same of photos."""
        return self._sample(_of_photos(), space, dim, count)

    def _sample(
        self, wanted: sa.ColumnElement[bool], space: int, dim: int, count: int
    ) -> tuple[IdArray, FloatArray]:
        """Those of which Knuth's multiplicative hash of the id is the lowest."""
        table = schema.embeddings.c
        chosen = sa.select(table.id).where(table.space == space, wanted)
        chosen = chosen.order_by((table.id * 2654435761) % 2**32).limit(count)
        query = sa.select(table.id, table.vector).where(table.id.in_(chosen))
        return _matrix(self._rows(query.where(_is_vector(table.vector, dim))), dim)

    def count(self, space: int, modality: Modality | None = None) -> int:
        """How many embeddings a space has, of one modality if given; the damaged ones too."""
        table = schema.embeddings.c
        query = sa.select(sa.func.count()).where(table.space == space)
        if modality is not None:
            query = query.where(table.modality == modality)
        return int(self._scalar(query))

    def photo_count(self, space: int) -> int:
        """How many embeddings of photos a space has."""
        query = sa.select(sa.func.count()).where(schema.embeddings.c.space == space, _of_photos())
        return int(self._scalar(query))

    def embeddings_with_digest(self, space: int, digest: str) -> IdArray:
        """The embeddings of the items of assets whose content has this digest."""
        query = (
            sa.select(schema.embeddings.c.id)
            .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .where(schema.embeddings.c.space == space, schema.assets.c.digest == digest)
        )
        return np.array([row[0] for row in self._rows(query)], np.int64)

    def images_at(self, space: int, paths: Iterable[str]) -> dict[str, int]:
        """By the path of an asset the first embedding of the photo that it is."""
        return self._first_embeddings(space, schema.assets.c.path, sorted(set(paths)))

    def pages_of(self, space: int, paths: Iterable[str]) -> list[int]:
        """The embeddings of the pages of documents."""
        query = (
            sa.select(schema.embeddings.c.id)
            .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .where(schema.embeddings.c.space == space, schema.items.c.kind == PAGE)
        )
        found, wanted = list[int](), list[Any](sorted(set(paths)))
        for chunk in chunks(wanted):
            rows = self._rows(query.where(schema.assets.c.path.in_(chunk)))
            found += [int(row[0]) for row in rows]
        return found

    def embeddings_of(self, space: int, items: Iterable[int]) -> dict[int, int]:
        """By item its first embedding in a space."""
        return self._first_embeddings(space, schema.items.c.id, sorted(set(items)))

    def _first_embeddings(
        self, space: int, key: sa.ColumnElement[Any], values: Sequence[Any]
    ) -> dict[Any, int]:
        query = (
            sa.select(key, sa.func.min(schema.embeddings.c.id))
            .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .where(schema.embeddings.c.space == space)
            .group_by(key)
        )
        if key is schema.assets.c.path:
            query = query.where(_is_photo(schema.items))
        found: dict[Any, int] = {}
        for chunk in chunks(values):
            found |= {row[0]: row[1] for row in self._rows(query.where(key.in_(chunk)))}
        return found

    def vectors(self, embeddings: Iterable[int], dim: int) -> dict[int, FloatArray]:
        """By id the vector `(dim,)` of embeddings; those that are damaged are missing."""
        table = schema.embeddings.c
        query = sa.select(table.id, table.vector).where(_is_vector(table.vector, dim))
        found: dict[int, FloatArray] = {}
        for chunk in chunks(sorted(set(embeddings))):
            ids, rows = _matrix(self._rows(query.where(table.id.in_(chunk))), dim)
            found |= dict(zip(ids.tolist(), rows, strict=True))
        return found

    def item_pictures(self, space: int, items: Iterable[int], dim: int) -> dict[int, FloatArray]:
        """By item the vectors `(n, dim)` that it has in a space, without those that are damaged."""
        table = schema.embeddings.c
        query = (
            sa.select(table.item, table.vector)
            .where(table.space == space, _is_vector(table.vector, dim))
            .order_by(table.item, table.part)
        )
        found: dict[int, list[FloatArray]] = {}
        for chunk in chunks(sorted(set(items))):
            numbers, rows = _matrix(self._rows(query.where(table.item.in_(chunk))), dim)
            for number, row in zip(numbers.tolist(), rows, strict=True):
                found.setdefault(number, []).append(row)
        return {number: np.stack(rows) for number, rows in found.items()}

    def contents(
        self, embeddings: Sequence[int], dim: int
    ) -> dict[int, tuple[FloatArray, tuple[FloatArray, FloatArray]]]:
        """By id the vector `(dim,)` of embeddings, and their tokens `(t, dim)` with weights.

        Raises `StoreError` for any that are damaged.
        """
        table = schema.embeddings.c
        tokens = _whole(table.tokens, MAX_TOKENS * (dim + 4))
        query = sa.select(table.id, _whole(table.vector, 2 * dim), tokens)
        found = {}
        for chunk in chunks(embeddings):
            rows = self._rows(query.where(table.id.in_(chunk)))
            with understood(self.path):
                for number, vector, tokens in rows:
                    found[number] = _content(vector, b"" if tokens is None else tokens, dim)
        return found

    def modalities(self, space: int) -> list[Modality]:
        """The modalities that a space has embeddings of, but for sound, whose space is its own."""
        table = schema.embeddings.c
        query = sa.select(table.modality).where(table.space == space)
        query = query.where(table.modality != Modality.SOUND).distinct()
        rows = self._rows(query)
        with understood(self.path):
            return sorted(Modality(row[0]) for row in rows)

    def last_embedding(self) -> int:
        """The highest id that an embedding ever had."""
        query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'embeddings'")
        return int(self._scalar(query) or 0)

    def tombstones(self, since: int = 0) -> IdArray:
        """The ids of embeddings that are gone, as far as a snapshot may still hold them.

        With `since`, those that went after that snapshot was published.
        """
        rows = self._rows(
            sa.select(schema.tombstones.c.embedding).where(schema.tombstones.c.snapshot >= since)
        )
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def tombstone_count(self) -> int:
        """How many embeddings are gone that a snapshot may still hold."""
        return int(self._scalar(sa.select(sa.func.count()).select_from(schema.tombstones)))

    def embedding_ids(
        self,
        space: int,
        modality: Modality,
        kind: str | None,
        wanted: Filter,
        of: Sequence[str] | None = None,
    ) -> IdArray:
        """The embeddings of a modality whose items are of one kind, if given, and as wanted; and
        in the files at the paths `of`, if given, about nothing but these.
        """
        subject = sa.func.coalesce(schema.items.c.about, schema.items.c.asset)
        query = (
            sa.select(schema.embeddings.c.id, schema.assets.c.latitude, schema.assets.c.longitude)
            .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
            .join(schema.assets, schema.assets.c.id == subject)
            .where(schema.embeddings.c.space == space, schema.embeddings.c.modality == modality)
            .where(*conditions(wanted))
        )
        if kind is not None:
            query = query.where(schema.items.c.kind == kind)
        if of is not None:
            query = query.where(schema.assets.c.path.in_(of), schema.items.c.about.is_(None))
        rows = self._rows(query)
        return np.array([row[0] for row in rows if is_near(wanted, row[1], row[2])], np.int64)

    def items(self, embeddings: Iterable[int]) -> dict[int, Item]:
        """The items of embeddings, by the embedding's id; ids that are gone are missing."""
        described = schema.assets.alias()
        query = (
            sa.select(
                schema.embeddings.c.id,
                schema.items.c.id,
                schema.assets.c.path,
                schema.items.c.modality,
                schema.items.c.kind,
                _shortened(schema.items.c.text),
                described.c.path,
                schema.items.c.locator,
                schema.items.c.digest,
                sa.func.coalesce(described.c.taken, schema.assets.c.taken),
            )
            .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .join(described, schema.items.c.about == described.c.id, isouter=True)
        )
        found: dict[int, Item] = {}
        for chunk in chunks(sorted(set(embeddings))):
            rows = self._rows(query.where(schema.embeddings.c.id.in_(chunk)))
            with understood(self.path):
                found |= {row[0]: _item(row) for row in rows}
        return found

    def stored(self, space: int, dim: int, after: int, count: int) -> Sequence[Any]:
        """The next `count` embeddings of a space by their ids, as rows of (id, vector, tokens).

        A vector or tokens of another type, or longer than they can be, are 0.
        """
        table = schema.embeddings.c
        tokens = _whole(table.tokens, MAX_TOKENS * (dim + 4))
        query = sa.select(table.id, _whole(table.vector, 2 * dim), tokens)
        query = query.where(table.space == space, table.id > after).order_by(table.id)
        return self._rows(query.limit(count))

    def siblings(self, embeddings: Sequence[int]) -> dict[int, str]:
        """The embeddings, and all others of their items in the same space, each with its file."""
        given, table = schema.embeddings.alias(), schema.embeddings.c
        query = (
            sa.select(table.id, schema.assets.c.path)
            .join(given, (given.c.item == table.item) & (given.c.space == table.space))
            .join(schema.items, schema.items.c.id == table.item)
            .join(schema.assets, schema.assets.c.id == schema.items.c.asset)
        )
        found: dict[int, str] = {}
        for chunk in chunks(sorted(embeddings)):
            found |= {row[0]: row[1] for row in self._rows(query.where(given.c.id.in_(chunk)))}
        return found

    def incomplete(self, space: int) -> list[int]:
        """The embeddings of items of which an earlier piece is missing."""
        table = schema.embeddings.c
        whole = sa.func.count() == sa.func.max(table.part) + 1
        items = sa.select(table.item).where(table.space == space).group_by(table.item)
        query = sa.select(table.id).where(table.space == space)
        return [row[0] for row in self._rows(query.where(table.item.in_(items.having(~whole))))]

    def item_vectors(
        self, path: str, space: int, dim: int
    ) -> dict[str, list[tuple[int, FloatArray]]]:
        """By the digest of each item of an asset its embeddings' ids and vectors `(dim,)`."""
        table = schema.embeddings.c
        query = (
            sa.select(schema.items.c.digest, table.id, table.vector)
            .join(schema.items, table.item == schema.items.c.id)
            .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
            .where(schema.assets.c.path == path, table.space == space)
            .where(_is_vector(table.vector, dim))
            .order_by(table.item, table.part)
        )
        found: dict[str, list[tuple[int, FloatArray]]] = {}
        for digest, number, vector in self._rows(query):
            values = np.frombuffer(vector, "<f2").astype(np.float32)
            found.setdefault(digest, []).append((number, values))
        return found

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with its own file, at most 20 findings."""
        with translated(self.path), self._engine.connect() as connection:
            checked = connection.exec_driver_sql("PRAGMA integrity_check(20)").fetchall()
            foreign = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
        found = [str(row[0]) for row in checked if row[0] != "ok"]
        return [
            *found,
            *(f"a row of {row[0]} refers to a missing one of {row[2]}" for row in foreign),
        ]

    def reindex(self) -> None:
        """Make SQLite's own indexes anew from its tables."""
        with translated(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("REINDEX")

    def subjects(self, space: int, modality: Modality) -> tuple[IdArray, IdArray]:
        """Embedding ids, in order, and for each the asset that its item describes or is."""
        query = (
            sa.select(
                schema.embeddings.c.id,
                sa.func.coalesce(schema.items.c.about, schema.items.c.asset),
            )
            .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
            .where(schema.embeddings.c.space == space, schema.embeddings.c.modality == modality)
            .order_by(schema.embeddings.c.id)
        )
        rows = np.array([tuple(row) for row in self._rows(query)], np.int64).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]

    def captions(self) -> list[tuple[str, str]]:
        """Every caption of a photograph in the store as (path of its image, text)."""
        photos = schema.items.alias()
        query = (
            sa.select(schema.assets.c.path, schema.items.c.text)
            .join(schema.assets, schema.items.c.about == schema.assets.c.id)
            .where(schema.items.c.kind == "caption")
            .where(schema.assets.c.id.in_(sa.select(photos.c.asset).where(_is_photo(photos))))
            .order_by(schema.assets.c.path, schema.items.c.id)
        )
        return [(row[0], row[1]) for row in self._rows(query)]

    def match(self, text: str, limit: int, scope: fulltext.Scope) -> list[fulltext.Match]:
        """The items within `scope` that have words of a text, at most `limit`, the best first.

        A picture is found by the words of its own path and by those of its captions, of which the
        best one counts. No sign in `text` has a meaning; one without a word finds nothing.
        """
        with self._connected() as connection:
            return fulltext.match(connection, text, limit, scope)

    def items_with(self, text: str) -> set[int]:
        """The items that have every telling word of a text, in the singular or the plural."""
        with self._connected() as connection:
            return fulltext.rows_holding(connection, text)

    def about_same(self, items: Iterable[int]) -> set[int]:
        """The items themselves, and the pictures and captions of the pictures they are about.

        What a subtitle says is about a moment, not about its film.
        """
        of, table = schema.items.alias(), schema.items
        pictured = sa.or_(_is_photo(of), of.c.kind == "caption")
        subject = sa.select(sa.func.coalesce(of.c.about, of.c.asset)).where(pictured)
        found = set(items)
        for chunk in chunks(sorted(found)):
            subjects = subject.where(of.c.id.in_(chunk)).scalar_subquery()
            same = sa.or_(table.c.about.in_(subjects), table.c.asset.in_(subjects))
            found |= {row[0] for row in self._rows(sa.select(table.c.id).where(same))}
        return found

    def rows_with(self, found: Sequence[str]) -> int:
        """How many items have every one of some words that `match` gave."""
        with self._connected() as connection:
            return fulltext.rows_with(connection, found)

    def words_agree(self) -> bool:
        """Whether the words that `match` looks up are those of the items and paths."""
        with self.reading(), self._connected() as connection:
            return fulltext.agree(connection)

    # --- changing it ---

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """One transaction: all that the writer does in it, or nothing."""
        if self._read_only:
            raise StoreReadOnlyError(self.path)
        if not self._wrote:
            self._settle_journal()
        self._wrote = True
        with translated(self.path), self._engine.begin() as connection:
            yield Writer(connection)

    def rebuild_words(self) -> None:
        """Make the words that `match` looks up anew, from the items and paths."""
        with self.writing() as writer:
            writer.rebuild_words()

    def shrink(self) -> None:
        """Give the room of what was deleted back to the disk."""
        with translated(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("VACUUM")

    def _settle_journal(self) -> None:
        """A write-ahead log, which readers go on beside; it doesn't work over a network.

        Only a connection that is alone can change it, so one's own are closed. While another
        process has the catalog open, it stays as it is.
        """
        mode = "delete" if filesystem.is_remote(self.path.parent) else "wal"
        with translated(self.path):
            with self._engine.connect() as connection:
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar() == mode:
                    return
            self._watch.close()
            self._engine.dispose()
            try:
                with self._engine.connect() as connection:
                    connection.exec_driver_sql(f"PRAGMA journal_mode = {mode}")
            except sa.exc.OperationalError as error:
                if "locked" not in str(error.orig):
                    raise
                log.warning(
                    "%s is open elsewhere, so its journal can't be changed to %s, which its file "
                    "system needs; the next run tries again.",
                    self.path,
                    mode,
                )
            finally:
                self._watch = self._engine.connect()
                self._watches += 1

    def _rows(self, query: sa.Executable) -> Sequence[Any]:
        with self._connected() as connection:
            return connection.execute(query).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """The connection of `reading`, if this thread is in it, or one for now."""
        pinned: sa.Connection | None = getattr(self._reading, "connection", None)
        with translated(self.path):
            if pinned is not None:
                yield pinned
                return
            with self._engine.connect() as connection:
                yield connection

    def _scalar(self, query: sa.Executable) -> Any:
        rows = self._rows(query)
        return rows[0][0] if rows else None


def _is_photo(items: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether an item is a picture by itself, and no page of a document."""
    return (items.c.modality == Modality.IMAGE) & (items.c.kind != PAGE)


def _of_photos() -> sa.ColumnElement[bool]:
    """Whether an embedding is of a photo; there are few pages, if any."""
    pages = sa.select(schema.items.c.id).where(schema.items.c.kind == PAGE)
    is_picture = schema.embeddings.c.modality == Modality.IMAGE
    return is_picture & schema.embeddings.c.item.not_in(pages)


def _is_vector(column: sa.ColumnElement[bytes], dim: int) -> sa.ColumnElement[bool]:
    return sa.and_(sa.func.typeof(column) == "blob", sa.func.length(column) == 2 * dim)


def _whole(column: sa.ColumnElement[bytes], most: int) -> sa.ColumnElement[Any]:
    """A blob of at most `most` bytes, or null; 0 for anything else, which isn't read."""
    is_blob = sa.and_(sa.func.typeof(column) == "blob", sa.func.length(column) <= most)
    return sa.case((column.is_(None), sa.null()), (is_blob, column), else_=sa.literal(0))


def _shortened(column: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
    """A text, or of one that is too long its beginning."""
    size = sa.func.length(sa.cast(column, sa.LargeBinary))  # that of a text ends at a zero
    return sa.case((size > 4 * MAX_TEXT, sa.func.substr(column, 1, MAX_TEXT)), else_=column)


def _is_hash(column: sa.ColumnElement[bytes]) -> sa.ColumnElement[bool]:
    is_as_long = sa.func.length(column).in_((0, phash.BYTES))
    return sa.and_(sa.func.typeof(column) == "blob", is_as_long)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is a string")
    return value


def _matrix(rows: Sequence[Any], dim: int) -> tuple[IdArray, FloatArray]:
    """Rows of (id, vector's bytes) as ids `(n,)` and vectors `(n, dim)`, without damaged ones."""
    ids = np.array([row[0] for row in rows], np.int64)
    halves = np.frombuffer(b"".join(row[1] for row in rows), "<f2").reshape(len(ids), dim)
    vectors = halves.astype(np.float32)
    sound = np.abs(np.einsum("nd,nd->n", vectors, vectors) - 1) < 0.02
    return ids[sound], vectors[sound]


def _content(vector: Any, blob: Any, dim: int) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    if not (isinstance(vector, bytes) and isinstance(blob, bytes)):
        raise TypeError("an embedding is blobs of the lengths that its space says")
    values = np.frombuffer(vector, "<f2").astype(np.float32)
    tokens, weights = unpack_tokens(blob, dim)
    if len(values) != dim or not all(np.isfinite(one).all() for one in (values, tokens, weights)):
        raise ValueError("an embedding is finite numbers, as many as its space has dimensions")
    return values, (tokens, weights)


def _item(row: Sequence[Any]) -> Item:
    number, path, modality, kind, text, about, locator, digest = row[1:9]
    taken = row[9] and datetime.fromisoformat(row[9])
    if not all(isinstance(one, str) for one in (path, kind, text or "", about or "", locator)):
        raise TypeError("a text is a string")
    if len(locator) > MAX_LOCATOR:
        raise ValueError("a place in a file is a few numbers")
    return Item(number, path, Modality(modality), kind, text, about, locator, digest, taken)


def _asset(row: Sequence[Any]) -> Asset:
    path, kind, size, mtime_ns, digest, error, about, taken, camera, latitude, longitude = row
    if not all(isinstance(one, str) for one in (path, kind, error or "", about or "")):
        raise TypeError("a text is a string")
    capture = Capture(taken and datetime.fromisoformat(taken), camera, latitude, longitude)
    return Asset(path, kind, size, mtime_ns, digest, error, about, capture)
