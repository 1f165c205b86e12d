"""Putting many files and items into a catalog at once, by a few statements for all of them."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from cmsearch.store.catalog import databases, schema
from cmsearch.store.catalog.constructs import upsert
from cmsearch.store.catalog.prepared import Prepared, given, listed, listing
from cmsearch.store.catalog.rows import NewItem, asset_row, embedding_blobs, item_row
from cmsearch.types import Asset

NewRow = tuple[int, int, NewItem]
"""The numbers of an asset and of a space, and an item of the one with its encoding in the other."""

_assets, _items = schema.assets.c, schema.items.c
_PUT_ASSETS = Prepared(upsert(schema.assets))
_NUMBERS = Prepared(
    sa.select(_assets.path, _assets.id).where(_assets.path.in_(listed("paths", str)))
)
_PUT_ITEMS = Prepared(sa.insert(schema.items).inline())
_PUT_EMBEDDINGS = Prepared(sa.insert(schema.embeddings).inline())
_HASH = Prepared(
    sa.update(schema.items)
    .where(_items.asset == given("own"), _items.digest == given("known"))
    .values(phash=given("hash"))
)


def put_assets(connection: sa.Connection, assets: Sequence[Asset]) -> dict[str, int]:
    """Add assets, or bring those at their paths up to date; gives their numbers by their paths."""
    _PUT_ASSETS.many(connection, [{"id": None, **asset_row(asset)} for asset in assets])
    return _numbers(connection, [asset.path for asset in assets])


def add_items(connection: sa.Connection, rows: Sequence[NewRow]) -> None:
    """Add the embeddings of items, and the items themselves where they aren't there."""
    pairs = {(asset, item.digest): item for asset, _, item in rows}
    known = databases.own(connection).known_items(connection, pairs)
    new = {pair: item for pair, item in pairs.items() if pair not in known}
    if new:
        about = _numbers(connection, {item.about for item in new.values() if item.about})
        _PUT_ITEMS.many(
            connection,
            [
                {"id": None, **item_row(asset, about.get(item.about or ""), item)}
                for (asset, _), item in new.items()
            ],
        )
        made = databases.own(connection).known_items(connection, new)
        databases.words(connection).fill_items(connection, made.values())
        known |= made
    numbers = {(known[asset, item.digest], space) for asset, space, item in rows}
    encoded = databases.own(connection).encoded_meanwhile(connection, numbers)
    _PUT_EMBEDDINGS.many(
        connection,
        [
            {
                "id": None, "item": known[asset, item.digest], "space": space,
                "modality": item.part.modality.value, **blobs,
            }
            for asset, space, item in rows
            if (known[asset, item.digest], space) not in encoded
            for blobs in embedding_blobs(item.encoding)
        ],
    )  # fmt: skip


def put_hashes(connection: sa.Connection, asset: int, hashes: Mapping[str, bytes]) -> None:
    """Give the items of an asset, by their digests, the perceptual hashes of their pictures."""
    rows = [{"own": asset, "known": digest, "hash": found} for digest, found in hashes.items()]
    _HASH.many(connection, rows)


def _numbers(connection: sa.Connection, paths: Iterable[str]) -> dict[str, int]:
    return dict(_NUMBERS.rows(connection, paths=listing(paths)))
