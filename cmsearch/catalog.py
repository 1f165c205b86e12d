"""The catalog: assets, items and their embeddings in SQLite, the store's only truth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, String, Table
from sqlalchemy.dialects.sqlite import insert

from cmsearch.errors import StoreError, StoreReadOnlyError
from cmsearch.types import (
    Asset,
    Encoding,
    Filter,
    FloatArray,
    IdArray,
    Item,
    Modality,
    Part,
    Shot,
    Space,
)

VERSION = 1
"""The schema's version, in `PRAGMA user_version`."""
MAX_TOKENS = 10
"""Tokens of an item that are kept; an encoder gives its most important ones for documents."""

_meta = sa.MetaData()
_settings = Table(
    "settings", _meta, Column("name", String, primary_key=True), Column("value", String)
)
_assets = Table(
    "assets",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer),
    Column("digest", String, index=True),
    Column("error", String),
    Column("about", String),
    Column("taken", String, index=True),
    Column("camera", String),
    Column("latitude", Float),
    Column("longitude", Float),
)
_items = Table(
    "items",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("asset", ForeignKey(_assets.c.id), nullable=False, index=True),
    Column("modality", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", String),
    Column("about", ForeignKey(_assets.c.id), index=True),
    Column("locator", String, nullable=False),
    Column("digest", String, nullable=False),
)
_spaces = Table(
    "spaces",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("description", String, nullable=False, unique=True),
    Column("runtime", String, nullable=False),
    Column("created", String, nullable=False),
)
_generations = Table(
    "generations",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("spaces", String, nullable=False),
    Column("created", String, nullable=False),
)
_embeddings = Table(
    "embeddings",
    _meta,
    Column("id", Integer, primary_key=True),
    Column("item", ForeignKey(_items.c.id), nullable=False, index=True),
    Column("space", ForeignKey(_spaces.c.id), nullable=False),
    Column("modality", String, nullable=False),
    Column("part", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("features", LargeBinary),
    Column("tokens", LargeBinary),
    sqlite_autoincrement=True,
)
_tombstones = Table(
    "tombstones",
    _meta,
    Column("embedding", Integer, primary_key=True),
    Column("snapshot", Integer, nullable=False),
)
sa.Index("embeddings_by_space", _embeddings.c.space, _embeddings.c.modality, _embeddings.c.id)
EARTH_KM = 6371.0
_described = _items.alias()
_put = insert(_assets)
_PUT_ASSET = _put.on_conflict_do_update(
    index_elements=["path"],
    set_={column.name: _put.excluded[column.name] for column in _assets.c if column.name != "id"},
).returning(_assets.c.id)
_INSERT = {table.name: sa.insert(table) for table in _meta.tables.values()}
_CHUNK = 500  # SQLite takes at most 999 variables in a statement in its older builds


@dataclass(frozen=True, slots=True)
class NewItem:
    """A part of a file with its digest and the row of encodings `(m, …)` that it became."""

    part: Part
    about: str | None
    digest: str
    encoding: Encoding


class Catalog:
    """One SQLite file. Reading is safe from threads; one thread writes."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._wrote = False
        query = {"uri": "true"} | (_reading(path) if read_only else {})
        # Made from its parts: as one string it would be unquoted before SQLite reads it.
        url = sa.URL.create("sqlite", database=f"file:{_quoted(path)}", query=query)
        self._engine = sa.create_engine(url, pool_size=16)
        sa.event.listen(self._engine, "connect", _set_pragmas(read_only))
        with _translated(path):
            self._open()
        self._watch = self._engine.connect()

    def _open(self) -> None:
        with self._engine.begin() as connection:
            found = connection.execute(sa.text("PRAGMA user_version")).scalar_one()
            if found > VERSION:
                raise StoreError(
                    f"{self.path} was made by a newer cmsearch (format {found}, this one reads "
                    f"{VERSION}). Upgrade cmsearch."
                )
            if found == 0:
                if set(sa.inspect(connection).get_table_names()) - _meta.tables.keys():
                    raise StoreError(f"{self.path} is the database of another program.")
                _meta.create_all(connection)
                connection.execute(sa.text(f"PRAGMA user_version = {VERSION}"))

    def close(self) -> None:
        """Release the file, its write-ahead log folded into it."""
        self._watch.close()
        if self._wrote:  # a reader would wait for other readers here
            with self._engine.connect() as connection:
                connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
        self._engine.dispose()

    # --- what is in it ---

    def version(self) -> int:
        """A number that changes whenever another connection has committed."""
        with _translated(self.path):
            return int(self._watch.execute(sa.text("PRAGMA data_version")).scalar_one())

    def setting(self, name: str) -> str | None:
        query = sa.select(_settings.c.value).where(_settings.c.name == name)
        value: str | None = self._scalar(query)
        return value

    def space(self) -> tuple[int, Space] | None:
        """The space that the newest generation serves, with its number."""
        query = sa.select(_generations.c.spaces).order_by(_generations.c.id.desc()).limit(1)
        spaces = self._scalar(query)
        if spaces is None:
            return None
        number = json.loads(spaces)[0]
        description = self._scalar(sa.select(_spaces.c.description).where(_spaces.c.id == number))
        return number, Space(**json.loads(str(description)))

    def assets(self) -> dict[str, Asset]:
        """Every asset by its path."""
        columns = [_assets.c[name] for name in _asset_row(Asset("", "", 0, None, None))]
        return {row[0]: _asset(row) for row in self._rows(sa.select(*columns))}

    def paths_with_digest(self, digest: str) -> set[str]:
        """The assets whose content has this digest."""
        query = sa.select(_assets.c.path).where(_assets.c.digest == digest)
        return {row[0] for row in self._rows(query)}

    def item_digests(self, path: str) -> frozenset[str]:
        """The digests of the items of one asset."""
        query = (sa.select(_items.c.digest).join(_assets, _items.c.asset == _assets.c.id)).where(
            _assets.c.path == path
        )
        return frozenset(row[0] for row in self._rows(query))

    def counts(self) -> dict[str, int]:
        """How many items there are of each kind."""
        query = sa.select(_items.c.kind, sa.func.count()).group_by(_items.c.kind)
        return {row[0]: row[1] for row in self._rows(query)}

    def embeddings(
        self, space: int, modality: Modality, dim: int, after: int = 0
    ) -> tuple[IdArray, FloatArray]:
        """Ids `(n,)`, in order, and vectors `(n, dim)` of embeddings with an id above `after`."""
        where = _embeddings.c.space == space, _embeddings.c.modality == modality
        query = sa.select(_embeddings.c.id, _embeddings.c.vector).where(
            *where, _embeddings.c.id > after
        )
        rows = self._rows(query.order_by(_embeddings.c.id))
        ids = np.array([row[0] for row in rows], np.int64)
        vectors = np.frombuffer(b"".join(row[1] for row in rows), "<f2")
        return ids, vectors.reshape(len(ids), dim).astype(np.float32)

    def modalities(self, space: int) -> list[Modality]:
        """The modalities that a space has embeddings of."""
        query = sa.select(_embeddings.c.modality).where(_embeddings.c.space == space).distinct()
        return sorted(Modality(row[0]) for row in self._rows(query))

    def last_embedding(self) -> int:
        """The highest id that an embedding ever had."""
        query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'embeddings'")
        return int(self._scalar(query) or 0)

    def tombstones(self, since: int = 0) -> IdArray:
        """The ids of embeddings that are gone, as far as a snapshot may still hold them.

        With `since`, those that went after that snapshot was published.
        """
        rows = self._rows(sa.select(_tombstones.c.embedding).where(_tombstones.c.snapshot >= since))
        return np.array([row[0] for row in rows], np.int64)

    def embedding_ids(
        self, space: int, modality: Modality, kind: str | None, wanted: Filter
    ) -> IdArray:
        """The embeddings of a modality whose items are of one kind, if given, and as wanted."""
        subject = sa.func.coalesce(_items.c.about, _items.c.asset)
        query = (
            sa.select(_embeddings.c.id, _assets.c.latitude, _assets.c.longitude)
            .join(_items, _embeddings.c.item == _items.c.id)
            .join(_assets, _assets.c.id == subject)
            .where(_embeddings.c.space == space, _embeddings.c.modality == modality)
            .where(*_conditions(wanted))
        )
        if kind is not None:
            query = query.where(_items.c.kind == kind)
        rows = self._rows(query)
        return np.array([row[0] for row in rows if _is_near(wanted, row[1], row[2])], np.int64)

    def items(self, embeddings: Iterable[int]) -> dict[int, Item]:
        """The items of embeddings, by the embedding's id; ids that are gone are missing."""
        described = _assets.alias()
        query = (
            sa.select(
                _embeddings.c.id,
                _items.c.id,
                _assets.c.path,
                _items.c.modality,
                _items.c.kind,
                _items.c.text,
                described.c.path,
                _items.c.locator,
                _items.c.digest,
                sa.func.coalesce(described.c.taken, _assets.c.taken),
            )
            .join(_items, _embeddings.c.item == _items.c.id)
            .join(_assets, _items.c.asset == _assets.c.id)
            .join(described, _items.c.about == described.c.id, isouter=True)
        )
        found = {}
        for chunk in _chunks(sorted(set(embeddings))):
            for row in self._rows(query.where(_embeddings.c.id.in_(chunk))):
                taken = row[9] and datetime.fromisoformat(row[9])
                number, path, modality, kind, text, about, locator, digest = row[1:9]
                found[row[0]] = Item(
                    number, path, Modality(modality), kind, text, about, locator, digest, taken
                )
        return found

    def subjects(self, space: int, modality: Modality) -> tuple[IdArray, IdArray]:
        """Embedding ids and, for each, the asset that its item describes or is."""
        query = (
            sa.select(_embeddings.c.id, sa.func.coalesce(_items.c.about, _items.c.asset))
            .join(_items, _embeddings.c.item == _items.c.id)
            .where(_embeddings.c.space == space, _embeddings.c.modality == modality)
            .order_by(_embeddings.c.id)
        )
        rows = np.array([tuple(row) for row in self._rows(query)], np.int64).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]

    def captions(self) -> list[tuple[str, str]]:
        """Every caption in the store as (path of its image, text)."""
        query = (
            sa.select(_assets.c.path, _items.c.text)
            .join(_assets, _items.c.about == _assets.c.id)
            .where(_items.c.kind == "caption")
            .order_by(_assets.c.path, _items.c.id)
        )
        return [(row[0], row[1]) for row in self._rows(query)]

    # --- changing it ---

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """One transaction: all that the writer does in it, or nothing."""
        if self._read_only:
            raise StoreReadOnlyError(self.path)
        self._wrote = True
        with _translated(self.path), self._engine.begin() as connection:
            yield Writer(connection)

    def _rows(self, query: sa.Executable) -> Sequence[Any]:
        with _translated(self.path), self._engine.connect() as connection:
            return connection.execute(query).fetchall()

    def _scalar(self, query: sa.Executable) -> Any:
        rows = self._rows(query)
        return rows[0][0] if rows else None


class Writer:
    """What can be done to a catalog within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def set(self, name: str, value: str) -> None:
        self._connection.execute(
            sa.insert(_settings).prefix_with("OR REPLACE"), {"name": name, "value": value}
        )

    def add_generation(self, space: Space, runtime: str) -> int:
        """Make `space` the one that the store serves; returns its number."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"description": _canonical(asdict(space)), "runtime": runtime, "created": now}
        number = self._insert(_spaces, row)
        self._insert(_generations, {"spaces": json.dumps([number]), "created": now})
        return number

    def put_asset(self, asset: Asset) -> int:
        """Add the asset, or bring the one at its path up to date; returns its number."""
        return int(self._connection.execute(_PUT_ASSET, _asset_row(asset)).scalar_one())

    def add_item(self, asset: int, space: int, item: NewItem) -> None:
        """Add an item of an asset with its embeddings."""
        part = item.part
        about = None if item.about is None else self._asset(item.about)
        text = part.content if part.modality is Modality.TEXT else None
        row = {"asset": asset, "modality": part.modality, "kind": part.kind, "text": text}
        row |= {"about": about, "locator": part.locator, "digest": item.digest}
        number = self._insert(_items, row)
        common = {"item": number, "space": space, "modality": part.modality}
        rows = [{**common, **blobs} for blobs in _blobs(item.encoding)]
        self._connection.execute(_INSERT["embeddings"], rows)

    def keep_items(self, asset: int, locators: dict[str, str], snapshot: int) -> None:
        """Delete the asset's items whose digest isn't among `locators`; move the others."""
        query = sa.select(_items.c.id, _items.c.digest, _items.c.locator)
        rows = self._connection.execute(query.where(_items.c.asset == asset)).fetchall()
        self._delete_items([row[0] for row in rows if row[1] not in locators], snapshot)
        for number, digest, locator in rows:
            if digest in locators and locators[digest] != locator:
                change = sa.update(_items).where(_items.c.id == number)
                self._connection.execute(change.values(locator=locators[digest]))

    def remove_asset(self, path: str, snapshot: int) -> None:
        """Delete an asset, its items, and the captions that describe it.

        The files that those captions stand in will be read again, in case the asset comes back.
        """
        asset = self._asset(path)
        if asset is None:
            return
        described = self._connection.execute(
            sa.select(_items.c.id, _items.c.asset).where(_items.c.about == asset)
        ).fetchall()
        for chunk in _chunks(sorted({row[1] for row in described})):
            stale = sa.update(_assets).where(_assets.c.id.in_(chunk))
            self._connection.execute(stale.values(mtime_ns=None))
        own = self._connection.execute(sa.select(_items.c.id).where(_items.c.asset == asset))
        self._delete_items([row[0] for row in (*own, *described)], snapshot)
        self._connection.execute(sa.delete(_assets).where(_assets.c.id == asset))

    def move_asset(self, path: str, asset: Asset) -> None:
        """Bring the asset at `path` to where `asset` is, with all its items.

        Other files whose captions name it by its path will be read again.
        """
        number = self._asset(path)
        self._connection.execute(
            sa.update(_assets).where(_assets.c.id == number).values(_asset_row(asset))
        )
        own = sa.select(_items.c.asset).where(_items.c.about == number)
        stale = sa.update(_assets).where(_assets.c.id.in_(own), _assets.c.about.is_(None))
        self._connection.execute(stale.values(mtime_ns=None))

    def forget_tombstones(self, before: int) -> None:
        """Drop the tombstones from when a snapshot older than `before` was the newest."""
        self._connection.execute(sa.delete(_tombstones).where(_tombstones.c.snapshot < before))

    def _asset(self, path: str) -> int | None:
        query = sa.select(_assets.c.id).where(_assets.c.path == path)
        return self._connection.execute(query).scalar()

    def _delete_items(self, items: list[int], snapshot: int) -> None:
        for chunk in _chunks(items):
            gone = _embeddings.c.item.in_(chunk)
            query = sa.select(_embeddings.c.id, sa.literal(snapshot)).where(gone)
            self._connection.execute(
                sa.insert(_tombstones).from_select(["embedding", "snapshot"], query)
            )
            self._connection.execute(sa.delete(_embeddings).where(gone))
            self._connection.execute(sa.delete(_items).where(_items.c.id.in_(chunk)))

    def _insert(self, table: Table, row: dict[str, Any]) -> int:
        key = self._connection.execute(_INSERT[table.name], row).inserted_primary_key
        assert key is not None
        return int(key[0])


def content_digest(data: bytes) -> str:
    """The digest by which content is known again: SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """The `content_digest` of a file; raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack_tokens(tokens: FloatArray, weights: FloatArray) -> bytes:
    """Tokens `(t, dim)` as bytes: per token a float16 scale, a float16 weight and int8 values.

    Tokens of weight 0 are filling and are left out; of the others at most `MAX_TOKENS` are kept.
    """
    kept = np.flatnonzero(weights > 0)[:MAX_TOKENS]
    scales = (np.abs(tokens[kept]).max(1, initial=0) / 127).astype("<f2")
    values = np.round(tokens[kept] / np.maximum(scales[:, None], 1e-7)).clip(-127, 127)
    heads = np.stack([scales, weights[kept].astype("<f2")], 1).astype("<f2").view(np.int8)
    return np.concatenate([heads, values.astype(np.int8)], 1).tobytes()


def unpack_tokens(blob: bytes, dim: int) -> tuple[FloatArray, FloatArray]:
    """The tokens `(t, dim)` and weights `(t,)` of `pack_tokens`."""
    rows = np.frombuffer(blob, np.int8).reshape(-1, dim + 4)
    heads = np.ascontiguousarray(rows[:, :4]).view("<f2").astype(np.float32)
    return rows[:, 4:] * heads[:, :1], heads[:, 1]


def _conditions(wanted: Filter) -> Iterator[sa.ColumnElement[bool]]:
    """A filter as conditions on the asset that an item is about; all but the distance."""
    if wanted.path is not None:
        glob = f"/{wanted.path}" if "/" in wanted.path else f"*/{wanted.path}"
        yield sa.literal("/").concat(_assets.c.path).op("GLOB")(glob)
    if wanted.since is not None:
        yield _assets.c.taken >= wanted.since.isoformat()[:10]
    if wanted.until is not None:
        yield _assets.c.taken <= f"{wanted.until.isoformat()[:10]} 23:59:59"
    if wanted.camera is not None:
        yield _assets.c.camera.icontains(wanted.camera, autoescape=True)
    if wanted.near is not None:
        yield _assets.c.latitude.is_not(None)
    if wanted.has_caption is not None:
        captioned = sa.select(_described.c.about).where(_described.c.about == _assets.c.id)
        yield captioned.exists() if wanted.has_caption else ~captioned.exists()


def _is_near(wanted: Filter, latitude: float | None, longitude: float | None) -> bool:
    """Whether a place is within the wanted distance, on a sphere (the haversine formula)."""
    if wanted.near is None or latitude is None or longitude is None:
        return wanted.near is None
    north, east, kilometres = wanted.near
    one, other = radians(north), radians(latitude)
    half = sin((other - one) / 2) ** 2
    half += cos(one) * cos(other) * sin(radians(longitude - east) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half))) <= kilometres


def _blobs(encoding: Encoding) -> Iterator[dict[str, Any]]:
    for part, vector in enumerate(encoding.vectors):
        tokens = None
        if encoding.tokens is not None and encoding.weights is not None:
            tokens = pack_tokens(encoding.tokens[part], encoding.weights[part])
        features = None
        if encoding.features is not None:
            features = encoding.features[part].astype("<f2").tobytes()
        yield {
            "part": part,
            "vector": vector.astype("<f2").tobytes(),
            "features": features,
            "tokens": tokens,
        }


def _asset_row(asset: Asset) -> dict[str, Any]:
    """An asset's columns, in the order of its fields; one without a date has its file's."""
    shot = asset.shot
    taken = shot.taken
    if taken is None and asset.mtime_ns is not None:
        taken = datetime.fromtimestamp(asset.mtime_ns / 1e9)
    return {
        "path": asset.path,
        "kind": asset.kind,
        "size": asset.size,
        "mtime_ns": asset.mtime_ns,
        "digest": asset.digest,
        "error": asset.error,
        "about": asset.about,
        "taken": taken and taken.isoformat(" ", "seconds"),
        "camera": shot.camera,
        "latitude": shot.latitude,
        "longitude": shot.longitude,
    }


def _asset(row: Sequence[Any]) -> Asset:
    path, kind, size, mtime_ns, digest, error, about, taken, camera, latitude, longitude = row
    shot = Shot(taken and datetime.fromisoformat(taken), camera, latitude, longitude)
    return Asset(path, kind, size, mtime_ns, digest, error, about, shot)


def _canonical(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def _chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve()))


def _reading(path: Path) -> dict[str, str]:
    """How to open what can't be written: past a log that a writer is using, or has left."""
    logged = path.with_name(f"{path.name}-wal").exists()
    return {"mode": "ro"} if logged else {"mode": "ro", "immutable": "1"}


def _set_pragmas(read_only: bool) -> Any:
    def on_connect(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 10000")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    return on_connect


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sa.exc.ResourceClosedError as error:
        raise StoreError(f"The store of {path} is closed.") from error
    except sa.exc.DatabaseError as error:
        raise StoreError(f"The catalog {path} can't be used: {error.orig}.") from error
