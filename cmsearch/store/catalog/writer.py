"""What can be done to a catalog within one transaction."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table

from cmsearch.common.kinds import HEARD
from cmsearch.media.readers import names
from cmsearch.models import spaces
from cmsearch.store.catalog import (
    additions,
    batches,
    copies,
    databases,
    mark_rows,
    moves,
    noting,
    reading_rows,
    schema,
    settings,
    terms,
)
from cmsearch.store.catalog.batches import NewRow
from cmsearch.store.catalog.constructs import At, upsert
from cmsearch.store.catalog.rows import NewItem, change_row
from cmsearch.store.catalog.schema import chunks
from cmsearch.store.catalog.setting_writer import PUT_SETTING, SettingWriter
from cmsearch.types import STALE, Asset, FloatArray, Modality, Noted, Space

_PUT_ADAPTER = upsert(schema.adapters)
_INSERT = {table.name: sa.insert(table) for table in schema.meta.tables.values()}


class Writer(SettingWriter):
    """What can be done to a catalog within one transaction."""

    def __init__(self, connection: sa.Connection, moment: int = 0) -> None:
        super().__init__(connection, moment)
        self._changed: set[int] = set()

    def finish(self) -> None:
        """Note which assets were changed; it is called last."""
        if self._changed:
            self._insert(schema.changes, change_row(self._changed))

    def drop_readings(self, snapshot: int) -> None:
        """Delete all text that was read in pictures, and what is kept of it."""
        own = schema.items.c.digest.startswith(reading_rows.PREFIX)
        rows = self._connection.execute(sa.select(schema.items.c.id).where(own)).fetchall()
        self._delete_items([row[0] for row in rows], snapshot)
        self._delete(schema.settings, schema.settings.c.name.startswith(settings.TEXT))

    def put_space(self, space: Space, runtime: str) -> int:
        """The number of a space, added with a generation of its own if it is new here.

        A new generation doesn't serve yet.
        """
        description = spaces.described(space)
        query = sa.select(schema.spaces.c.id).where(schema.spaces.c.description == description)
        number = self._connection.execute(query).scalar()
        if number is not None and self._serves(number):
            return int(number)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = {"description": description, "runtime": runtime, "created": now}
        if number is None:
            number = self._insert(schema.spaces, row)
        self._insert(schema.generations, {"spaces": json.dumps([number]), "created": now})
        return int(number)

    def put_sound_space(self, space: Space, runtime: str, bank: FloatArray) -> int:
        """Let sounds be in this space from now on, with its bank of captions; gives its number.

        It has no generation, so no other one takes its place.
        """
        description = spaces.described(space)
        query = sa.select(schema.spaces.c.id).where(schema.spaces.c.description == description)
        number = self._connection.execute(query).scalar()
        if number is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            row = {"description": description, "runtime": runtime, "created": now}
            number = self._insert(schema.spaces, row)
        self._set(settings.SOUND_SPACE, str(number))
        self.put_bank(int(number), bank)
        return int(number)

    def drop_sounds(self, snapshot: int) -> None:
        """Delete all sounds, and the space that they are in unless a generation is in it too."""
        items = schema.items
        own = sa.select(items.c.id).where(items.c.modality == Modality.SOUND)
        self._delete_items([row[0] for row in self._connection.execute(own)], snapshot)
        number = self._sound_space()
        self._forget(settings.SOUND_SPACE)
        if number is not None and not self._serves(number):
            self._forget(settings.bank(number))
            self._delete_embeddings(schema.embeddings.c.space == number, snapshot)
            self._delete(schema.spaces, schema.spaces.c.id == number)

    def _sound_space(self) -> int | None:
        kept = schema.settings.c
        query = sa.select(sa.cast(kept.value, sa.Integer))
        found: int | None = self._connection.execute(
            query.where(kept.name == settings.SOUND_SPACE)
        ).scalar()
        return found

    def _serves(self, space: int) -> bool:
        """Whether a space has a generation."""
        first = At(schema.generations.c.spaces, 0)
        query = sa.select(schema.generations.c.id).where(first == space)
        return self._connection.execute(query).first() is not None

    def serve(self, generation: int) -> None:
        """Let searches use this generation from now on."""
        table = schema.generations
        last = self._connection.execute(sa.select(sa.func.max(table.c.served))).scalar() or 0
        change = sa.update(table).where(table.c.id == generation)
        self._connection.execute(change.values(served=last + 1))

    def put_adapter(self, digest: str, content: bytes) -> None:
        """Keep the file of an adapter for the spaces that it maps into."""
        row = {"digest": digest, "content": content}
        self._connection.execute(_PUT_ADAPTER, row)

    def copy_texts(self, source: int, target: int) -> None:
        """Give a space the embeddings that another has of texts, and the bank's captions."""
        copies.copy_texts(self._connection, source, target)
        self._copy(settings.bank(source), settings.bank(target))

    def copy_ranking(self, source: int, target: int) -> None:
        """Give a space the stages and the reranker that another has, if it has any."""
        self._copy(settings.stages(source), settings.stages(target))
        self._copy(settings.reranker(source), settings.reranker(target))

    def _copy(self, source: str, target: str) -> None:
        kept = schema.settings.c
        found = sa.select(sa.literal(target), kept.value).where(kept.name == source)
        self._connection.execute(PUT_SETTING.from_select(("name", "value"), found))

    def project(self, target: int, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Give a space embeddings like those of these ids, with other vectors and features."""
        copies.project(self._connection, target, rows)

    def put_reranker(self, space: int, digest: str, content: bytes) -> None:
        """Keep the file of a reranker for a space, in place of the one that it has."""
        self.put_adapter(digest, content)
        self._set(settings.reranker(space), digest)
        self._delete_unused()

    def delete_reranker(self, space: int) -> None:
        """Delete the reranker of a space."""
        self._forget(settings.reranker(space))
        self._delete_unused()

    def delete_generation(self, generation: int, space: int) -> None:
        """Delete a generation with its space, the embeddings in it and what is kept for it.

        Sounds stay, and their space, if that is the same.
        """
        embeddings = schema.embeddings.c
        own = [settings.stages(space), settings.reranker(space)]
        self._delete(schema.generations, schema.generations.c.id == generation)
        if self._sound_space() == space:
            gone = (embeddings.space == space) & (embeddings.modality != Modality.SOUND)
            self._delete(schema.embeddings, gone)
        else:
            own.append(settings.bank(space))
            self._delete(schema.embeddings, embeddings.space == space)
            self._delete(schema.spaces, schema.spaces.c.id == space)
        self._forget(*own)
        self._delete_unused()

    def _delete_unused(self) -> None:
        """Delete what was learned for spaces that are not there any more."""
        named = At(schema.spaces.c.description, "adapter")
        kept = schema.settings.c
        used = sa.union(
            sa.select(named).where(named.is_not(None)),
            sa.select(kept.value).where(
                kept.name.startswith(settings.RERANKERS), kept.value.is_not(None)
            ),
        )
        self._delete(schema.adapters, schema.adapters.c.digest.not_in(used))

    def put_asset(self, asset: Asset) -> int:
        """Add the asset, or bring the one at its path up to date; returns its number."""
        return self.put_assets([asset])[asset.path]

    def put_assets(self, assets: Sequence[Asset]) -> dict[str, int]:
        """The same with many at once, of different paths; returns their numbers by these."""
        numbers = batches.put_assets(self._connection, assets)
        self._changed.update(numbers.values())
        return numbers

    def add_item(self, asset: int, space: int, item: NewItem) -> None:
        """Add the embeddings of an item of an asset, and the item itself if it isn't there."""
        self.add_items([(asset, space, item)])

    def add_items(self, rows: Sequence[NewRow]) -> None:
        """The same with many at once."""
        batches.add_items(self._connection, rows)

    def add_all(self, space: int, rows: Sequence[additions.Addition]) -> int:
        """Add many files and items that were encoded elsewhere; how many items got embeddings."""
        added, assets = additions.add(self._connection, space, rows)
        self._changed |= assets
        return added

    def adopt(self, asset: int, digests: Mapping[str, str]) -> None:
        """Give items of an asset their digests in place of those that they had before."""
        additions.adopt(self._connection, asset, digests)

    def put_notes(self, asset: int, about: str | None, found: Sequence[Noted]) -> None:
        """Let a file note this, and nothing else, of what is at the path `about`, or of itself."""
        number = asset if about is None else moves.number_at(self._connection, about)
        self._changed |= noting.put(self._connection, asset, number, found)

    def put_mark(self, mark: mark_rows.Kept, item: int) -> int:
        """Keep what somebody said of an item, in place of what was said before; the first that may
        be done in a transaction. Gives how many marks went.
        """
        return mark_rows.put(self._connection, mark, item)

    def delete_marks(self, numbers: Sequence[int]) -> None:
        """Delete marks."""
        mark_rows.delete(self._connection, numbers)

    def put_hashes(self, asset: int, hashes: Mapping[str, bytes]) -> None:
        """Give the items of an asset, by their digests, the perceptual hashes of their pictures."""
        batches.put_hashes(self._connection, asset, hashes)

    def read_again(self, kinds: Sequence[str]) -> None:
        """Let the next run read all files of some kinds again."""
        stale = sa.update(schema.assets).where(schema.assets.c.kind.in_(kinds))
        self._connection.execute(stale.values(mtime_ns=None))

    def read_sounds(self) -> None:
        """Let the next run read all recordings and films again; what is said in them is known."""
        table = schema.assets.c
        whole = table.kind.in_(names(*HEARD)) & table.mtime_ns.is_not(None)
        self._connection.execute(sa.update(schema.assets).where(whole).values(mtime_ns=STALE))

    def read_files_again(self, paths: Sequence[str]) -> None:
        """Let the next run read some files again, whatever their size and time."""
        for chunk in chunks(paths):
            some = schema.assets.c.path.in_(chunk)
            self._connection.execute(sa.update(schema.assets).where(some).values(mtime_ns=STALE))

    def keep_items(self, asset: int, locators: dict[str, str], snapshot: int) -> None:
        """Delete the asset's items whose digest isn't among `locators`; move the others."""
        items = schema.items.c
        query = sa.select(items.id, items.digest, items.locator, schema.assets.c.digest)
        query = query.join(schema.assets, schema.assets.c.id == schema.items.c.asset)
        found = self._connection.execute(query.where(schema.items.c.asset == asset)).fetchall()
        # What was read in the very same picture stays: it isn't read with the rest.
        rows = [row for row in found if not reading_rows.is_of(row[1], row[3])]
        self._delete_items([row[0] for row in rows if row[1] not in locators], snapshot)
        for number, digest, locator, _ in rows:
            if digest in locators and locators[digest] != locator:
                change = sa.update(schema.items).where(schema.items.c.id == number)
                self._connection.execute(change.values(locator=locators[digest]))

    def remove_asset(self, path: str, snapshot: int) -> frozenset[str]:
        """Delete an asset, its items, and the captions that describe it.

        The files that those captions stand in will be read again, in case the asset comes back:
        their paths are given.
        """
        asset = moves.number_at(self._connection, path)
        if asset is None:
            return frozenset()
        self._changed.add(asset)
        described = self._connection.execute(
            sa.select(schema.items.c.id, schema.items.c.asset).where(schema.items.c.about == asset)
        ).fetchall()
        beside, corrected = noting.remove(self._connection, asset)
        self._changed |= corrected
        again = noting.read_again(self._connection, beside.union(row[1] for row in described))
        own = self._connection.execute(
            sa.select(schema.items.c.id).where(schema.items.c.asset == asset)
        )
        self._delete_items([row[0] for row in (*own, *described)], snapshot)
        self._delete(schema.assets, schema.assets.c.id == asset)
        return again

    def move_asset(self, path: str, asset: Asset) -> frozenset[str]:
        """Bring the asset at `path` to where `asset` is, with all its items.

        Other files whose captions name it by its path will be read again: their paths are given.
        """
        if (number := moves.number_at(self._connection, path)) is None:
            return frozenset()
        self._changed.add(number)
        return moves.move(self._connection, number, asset)

    def delete_embeddings(self, numbers: Sequence[int], snapshot: int) -> None:
        """Delete embeddings; the files of their items are read again."""
        for chunk in chunks(numbers):
            self._delete_embeddings(schema.embeddings.c.id.in_(chunk), snapshot)

    def put_rows(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Add rows of a table as another catalog has them, with their numbers."""
        self._connection.execute(_INSERT[table.name], rows)

    def settle_numbers(self, last_embedding: int) -> None:
        """Number what comes later on from the rows that were put, and make the words of these."""
        own = databases.own(self._connection)
        for table in schema.meta.sorted_tables:
            if "id" in table.c:
                last = last_embedding if table is schema.embeddings else 0
                own.count_on(self._connection, table, last)
        databases.words(self._connection).fill_after(self._connection, terms.LEAST)

    def rebuild_words(self) -> None:
        """Make the words of all items anew; the first that may be done in a transaction."""
        databases.words(self._connection).make(self._connection)

    def forget_tombstones(self, embeddings: Sequence[int]) -> None:
        """Drop the tombstones of embeddings that no file holds any more."""
        for chunk in chunks(embeddings):
            self._delete(schema.tombstones, schema.tombstones.c.embedding.in_(chunk))

    def forget_changes(self, last: int) -> None:
        """Drop the `changes` up to and with this number."""
        self._delete(schema.changes, schema.changes.c.id <= last)

    def _delete_items(self, numbers: Sequence[int], snapshot: int) -> None:
        for chunk in chunks(numbers):
            self._delete_embeddings(schema.embeddings.c.item.in_(chunk), snapshot)
            self._connection.execute(sa.delete(schema.words).where(schema.words.c.rowid.in_(chunk)))
            self._delete(schema.items, schema.items.c.id.in_(chunk))

    def _delete_embeddings(self, gone: sa.ColumnElement[bool], snapshot: int) -> None:
        number = max(snapshot, self._moment)  # publications of one machine are nothing to others
        query = sa.select(schema.embeddings.c.id, sa.literal(number)).where(gone)
        put = sa.insert(schema.tombstones).from_select(["embedding", "snapshot"], query)
        self._connection.execute(put)
        self._delete(schema.embeddings, gone)

    def _insert(self, table: Table, row: dict[str, Any]) -> int:
        key = self._connection.execute(_INSERT[table.name], row).inserted_primary_key
        assert key is not None
        return int(key[0])
