"""The statements by which searches read items: none looks at more rows than it gives.

`+ 0` keeps SQLite from beginning with all embeddings of a space, of which it has an index too.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_prepared.py

from __future__ import annotations

import sqlalchemy as sa

from cmsearch.store.catalog.columns import PAGE, is_hash, is_photo, is_vector, shortened, whole
from cmsearch.store.catalog.prepared import Prepared, given, listed
from cmsearch.store.catalog.schema import assets, embeddings, items

_described, _of = assets.alias(), items.alias()
_vector, _tokens = embeddings.c.vector, embeddings.c.tokens
_dim = given("dim")
_in_space = embeddings.c.space + 0 == given("space")
_item = (
    items.c.id,
    assets.c.path,
    items.c.modality,
    items.c.kind,
    shortened(items.c.text),
    _described.c.path,
    items.c.locator,
    items.c.digest,
    sa.func.coalesce(_described.c.taken, assets.c.taken),
)
_with_items = (
    sa.select(embeddings.c.id, *_item)
    .join(items, embeddings.c.item == items.c.id)
    .join(assets, items.c.asset == assets.c.id)
    .join(_described, items.c.about == _described.c.id, isouter=True)
)
_all_items = (
    sa.select(items.c.id, *_item)
    .join(assets, items.c.asset == assets.c.id)
    .join(_described, items.c.about == _described.c.id, isouter=True)
)
ITEMS = Prepared(_all_items.where(items.c.id.in_(listed("items"))))
"""Of items of some numbers: the number, and what an item is made of."""
_named = assets.alias()
_files = sa.select(_named.c.id).where(_named.c.path.in_(listed("paths", str)))
_some_items = _all_items.order_by(items.c.id).limit(given("most"))
IN_FILES = Prepared(_some_items.where(items.c.asset.in_(_files)))
"""The same of the first items in files at some paths."""
CAPTIONS_OF_FILES = Prepared(
    _some_items.where(items.c.about.in_(_files), items.c.kind == "caption")
)
"""The same of the first captions about files at some paths."""

DESCRIBED = Prepared(_with_items.where(embeddings.c.id.in_(listed("ids"))))
"""Of embeddings of some ids: the id, and what an item is made of."""
WITH_VECTORS = Prepared(
    _with_items.add_columns(whole(_vector, 2 * _dim))
    .where(items.c.id.in_(listed("items")), _in_space)
    .order_by(embeddings.c.id)
)
"""The same of all embeddings of some items in a space, with their vectors, in order."""

_is_first = items.c.id.in_(
    sa.select(sa.func.min(_of.c.id))
    .where(_of.c.asset.in_(listed("assets")), (_of.c.about + 0).is_(None))
    .group_by(_of.c.asset)
)
FIRST_OF_FILES = Prepared(
    sa.select(items.c.asset, *_item)
    .join(assets, items.c.asset == assets.c.id)
    .join(_described, items.c.about == _described.c.id, isouter=True)
    .where(_is_first)
)
"""Of some files the first item that is about no other: the file, and what an item is made of. The
sum keeps SQLite from reading all that is about nothing else by that index.
"""
FIRST_HASHES = Prepared(
    sa.select(items.c.asset, items.c.phash).where(_is_first, is_hash(items.c.phash))
)
"""Likewise the file, and the perceptual hash of that item."""

_in_files = (
    sa.select(assets.c.path, embeddings.c.id, items.c.id)
    .join(items, items.c.asset == assets.c.id)
    .join(embeddings, embeddings.c.item == items.c.id)
    .where(assets.c.path.in_(listed("paths", str)), _in_space)
    .order_by(embeddings.c.id)
)
PHOTOS = Prepared(_in_files.where(is_photo(items)))
"""In files at some paths the embeddings of photos in a space, in order: path, id, item."""
PHOTOS_OF, PHOTOS_WITH = (
    Prepared(
        sa.select(_of.c.id, items.c.id)
        .join(items, (items.c.asset == asset) & is_photo(items))
        .where(_of.c.id.in_(listed("items")))
        .where(sa.exists().where(embeddings.c.item == items.c.id, _in_space))
        .order_by(items.c.id)
    )
    for asset in (_of.c.about, _of.c.asset)
)
"""The photos in a space that items of some numbers describe, and those that stand in the files of
such items, in order: the item, the photo's.
"""
PAGES = Prepared(_in_files.where(items.c.kind == PAGE))
"""The same of pages."""

_subjects = (
    sa.select(sa.func.coalesce(_of.c.about, _of.c.asset))
    .where(_of.c.id.in_(listed("items")), sa.or_(is_photo(_of), _of.c.kind == "caption"))
    .scalar_subquery()
)
ABOUT_SAME = Prepared(
    sa.select(items.c.id).where(sa.or_(items.c.about.in_(_subjects), items.c.asset.in_(_subjects)))
)
"""The items that are, or are about, what those of some numbers picture or are captions of."""

CAPTIONS = Prepared(
    sa.select(embeddings.c.id, _vector, _of.c.id, items.c.id)
    .join(items, (items.c.about == _of.c.asset) & (items.c.kind == "caption"))
    .join(embeddings, embeddings.c.item == items.c.id)
    .where(_of.c.id.in_(listed("items")), is_photo(_of), _in_space, embeddings.c.part == 0)
    .where(is_vector(_vector, _dim))
    .order_by(embeddings.c.id)
)
"""The captions of items that are photos, in order: the caption's first embedding with its vector,
the photo's item, and the caption's.
"""

SUBJECTS = Prepared(
    sa.select(
        embeddings.c.id, items.c.id, sa.func.coalesce(items.c.about, items.c.asset), items.c.kind
    )
    .join(items, embeddings.c.item == items.c.id)
    .where(embeddings.c.id.in_(listed("ids")))
)
"""Of some embeddings the id, the item, the asset that this is about or else stands in, its kind."""
HASHES = Prepared(
    sa.select(embeddings.c.id, items.c.phash)
    .join(items, embeddings.c.item == items.c.id)
    .where(embeddings.c.id.in_(listed("ids")), is_hash(items.c.phash))
)
"""The perceptual hashes of some embeddings' items."""
ITEM_HASHES = Prepared(
    sa.select(items.c.id, items.c.phash).where(
        items.c.id.in_(listed("items")), is_hash(items.c.phash)
    )
)
"""The perceptual hashes of some items."""
VECTORS = Prepared(
    sa.select(embeddings.c.id, _vector).where(
        embeddings.c.id.in_(listed("ids")), is_vector(_vector, _dim)
    )
)
"""The vectors of some embeddings."""
PICTURES = Prepared(
    sa.select(embeddings.c.item, _vector)
    .where(embeddings.c.item.in_(listed("items")), _in_space, is_vector(_vector, _dim))
    .order_by(embeddings.c.item, embeddings.c.part)
)
"""All vectors of some items in a space."""
CONTENTS = Prepared(
    sa.select(
        embeddings.c.id, whole(_vector, 2 * _dim), whole(_tokens, given("most") * (_dim + 4))
    ).where(embeddings.c.id.in_(listed("ids")))
)
"""The vectors of some embeddings, and at most so many tokens of each."""

_some = (
    sa.select(embeddings.c.id, _vector)
    .join(items, embeddings.c.item == items.c.id)
    .where(embeddings.c.id.in_(listed("ids")), _in_space)
    .where(embeddings.c.modality == given("modality"))
)
FIRST_OF_MODALITY = Prepared(
    sa.select(embeddings.c.id)
    .where(embeddings.c.space == given("space"), embeddings.c.modality == given("modality"))
    .where(embeddings.c.id <= given("last"))
    .order_by(embeddings.c.id)
    .limit(given("most"))
)
"""The ids of the first embeddings of a modality in a space, up to one."""
SOME = Prepared(_some)
"""Those of some embeddings that are in a space and of a modality, with their vectors."""
SOME_PHOTOS = Prepared(_some.where(items.c.kind != PAGE))
"""The same without pages."""
