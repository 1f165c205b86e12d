"""Assets and encodings as the rows that a catalog keeps of them."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from cmsearch.media.moments import FILE
from cmsearch.store.catalog.blobs import pack_tokens
from cmsearch.types import Asset, Capture, Encoding, Part


@dataclass(frozen=True, slots=True)
class NewItem:
    """A part of a file with its digest, the row of encodings `(m, …)` that it became, and the
    perceptual hash of its picture.
    """

    part: Part
    about: str | None
    digest: str
    encoding: Encoding
    phash: bytes | None = None


def asset_row(asset: Asset) -> dict[str, Any]:
    """An asset's columns, in the order of its fields; one without a date has its file's."""
    capture = asset.capture
    if capture.taken is None and asset.mtime_ns is not None:
        taken = datetime.fromtimestamp(asset.mtime_ns / 1e9)
        capture = replace(capture, taken=taken.replace(microsecond=0), source=FILE)
    return {
        "path": asset.path,
        "kind": asset.kind,
        "size": asset.size,
        "mtime_ns": asset.mtime_ns,
        "digest": asset.digest,
        "error": asset.error,
        "about": asset.about,
        **capture_row(capture),
    }


def capture_row(capture: Capture) -> dict[str, Any]:
    """The columns of what was noted of a shot: its time to the second, and apart from that the
    fraction of the second and the offset.
    """
    taken, more = capture.taken, ""
    if taken is not None and taken.microsecond:
        more = f".{taken.microsecond:06}".rstrip("0")
    return {
        "taken": taken and taken.isoformat(" ", "seconds"),
        "camera": capture.camera,
        "latitude": capture.latitude,
        "longitude": capture.longitude,
        "taken_source": capture.source,
        "taken_more": f"{more}{capture.zone or ''}" or None,
    }


def change_row(assets: Collection[int]) -> dict[str, Any]:
    """The columns of a row that says which assets a transaction changed."""
    return {"assets": np.array(sorted(assets), "<i8").tobytes()}


def embedding_blobs(encoding: Encoding) -> Iterator[dict[str, Any]]:
    """By part of an item what its embedding's columns hold."""
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


def item_row(asset: int, about: int | None, item: NewItem) -> dict[str, Any]:
    """An item's columns; `about` is the number of the asset that it describes."""
    part = item.part
    return {
        "asset": asset,
        "modality": part.modality.value,
        "kind": part.kind,
        "text": part.content if isinstance(part.content, str) else None,
        "about": about,
        "locator": part.locator,
        "digest": item.digest,
        "phash": item.phash,
    }
