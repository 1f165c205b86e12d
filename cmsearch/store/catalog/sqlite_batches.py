"""Putting many files and items into a catalog at once, by a few statements for all of them."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from cmsearch.store.catalog import schema, sqlite, sqlite_words
from cmsearch.store.catalog.rows import NewItem, asset_row, embedding_blobs, item_row
from cmsearch.store.catalog.sqlite_statements import Prepared, given, listed, listing
from cmsearch.types import Asset

NewRow = tuple[int, int, NewItem]
"""The numbers of an asset and of a space, and an item of the one with its encoding in the other."""

_assets, _items = schema.assets.c, schema.items.c
_PUT_ASSETS = Prepared(sqlite.upsert(schema.assets, "path"))
_NUMBERS = Prepared(sa.select(_assets.path, _assets.id).where(_assets.path.in_(listed("paths"))))
_PUT_ITEMS = Prepared(sa.insert(schema.items))
_PUT_EMBEDDINGS = Prepared(sa.insert(schema.embeddings))
_ITEMS = Prepared(
    sa.text(
        "SELECT items.asset, items.digest, items.id FROM json_each(:pairs) AS pair "
        "CROSS JOIN items ON items.asset = json_extract(pair.value, '$[0]') "
        "AND items.digest = json_extract(pair.value, '$[1]') ORDER BY items.id DESC"
    )
)
"""The numbers of items by their assets and digests; of several alike the first comes last."""
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
    known = _known_items(connection, pairs)
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
        made = _known_items(connection, new)
        sqlite_words.fill_items(connection, made.values())
        known |= made
    _PUT_EMBEDDINGS.many(
        connection,
        [
            {
                "id": None, "item": known[asset, item.digest], "space": space,
                "modality": item.part.modality.value, **blobs,
            }
            for asset, space, item in rows
            for blobs in embedding_blobs(item.encoding)
        ],
    )  # fmt: skip


def put_hashes(connection: sa.Connection, asset: int, hashes: Mapping[str, bytes]) -> None:
    """Give the items of an asset, by their digests, the perceptual hashes of their pictures."""
    rows = [{"own": asset, "known": digest, "hash": found} for digest, found in hashes.items()]
    _HASH.many(connection, rows)


def _numbers(connection: sa.Connection, paths: Iterable[str]) -> dict[str, int]:
    return dict(_NUMBERS.rows(connection, paths=listing(paths)))


def _known_items(
    connection: sa.Connection, pairs: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], int]:
    found = _ITEMS.rows(connection, pairs=json.dumps(list(pairs)))
    return {(asset, digest): number for asset, digest, number in found}
