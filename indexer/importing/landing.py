"""What becomes of the rows of a source: files and items of a catalog, or a reason why nothing."""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import splitext
from typing import NamedTuple

import numpy as np

from cmsearch.common.digest import content_digest
from cmsearch.common.kinds import ITEM_KINDS, PICTURES
from cmsearch.media.readers import names, names_by_suffix
from cmsearch.store.catalog.additions import Addition
from cmsearch.store.catalog.items import MAX_LOCATOR
from cmsearch.store.catalog.rows import NewItem
from cmsearch.types import Asset, Encoding, FloatArray, Modality, Part
from indexer.adopting import awaited
from indexer.importing.places import Place, Places, Unplaced
from indexer.importing.rows import Page, Row, Source
from indexer.read import MAX_CONTENT, item_digest
from indexer.scan import SIDECAR

_UNIT = 2e-3
"""By so much a squared length differs from 1 by the rounding of float16 alone."""
_SECOND = 1_000_000_000
_SAME_NS = 1_000


@dataclass(frozen=True, slots=True)
class Landed:
    """A row in its place: its file, its item, and the file of the picture that it is about."""

    asset: Asset
    item: NewItem
    about: Asset | None
    is_there: bool

    def additions(self) -> Iterator[Addition]:
        """What is to be added to a catalog, the picture first."""
        if self.about is not None:
            yield self.about, None
        yield self.asset, self.item


class Passed(NamedTuple):
    """A row of which nothing is taken over."""

    path: str
    reason: str


class Landing:
    """Brings the rows of a source into a folder."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kinds = names_by_suffix()
        self._pictures = frozenset(names(*PICTURES))

    def land(self, source: Source) -> Iterator[list[Landed | Passed]]:
        """What each row of a source becomes, a page after the other."""
        for page in source.pages():
            yield self._page(page)

    def _page(self, page: Page) -> list[Landed | Passed]:
        vectors, whole = normalised(page.vectors)
        counts = page.counts or [1] * len(page.rows)
        found, start = list[Landed | Passed](), 0
        for row, count in zip(page.rows, counts, strict=True):
            end = start + count
            if row.problem:
                found.append(Passed(row.path, row.problem))
            elif not whole[start:end].all():
                found.append(Passed(row.path, "has a vector that is zero or no number"))
            else:
                try:
                    found.append(self._landed(row, vectors[start:end]))
                except Unplaced as error:
                    found.append(Passed(row.path, str(error)))
            start = end
        return found

    def _landed(self, row: Row, vectors: FloatArray) -> Landed:
        """A row in its place; raises `Unplaced` where it has none."""
        modality = ITEM_KINDS[row.kind].modality
        if modality is Modality.SOUND:
            raise Unplaced("is a sound")
        place = self._places.find(row.path)
        about = None if row.about is None else self._places.find(row.about)
        kind = self._kind(row, place, about)
        is_text = modality in (Modality.TEXT, Modality.SPEECH)
        content = _content(row.text) if is_text else ""
        if place.is_there and not _is_same(row, place):
            raise Unplaced("changed since it was encoded")
        if about is not None and about.is_there and not place.is_there:
            raise Unplaced("is not in the file that it was read in any more")
        name = None if about is None else about.path
        digest = awaited(row.size, _modified(row), row.kind, row.locator)
        if is_text:
            digest = item_digest(row.kind, name, content, row.locator)
        elif place.is_there:
            digest = awaited(place.size, place.mtime_ns, row.kind, row.locator)
        part = Part(modality, row.kind, row.text if is_text else None, locator=row.locator)
        is_whole = row.kind == "photo"
        asset = _asset(place, kind, is_whole, name if kind == SIDECAR else None)
        item = NewItem(part, name, digest, Encoding(vectors))
        subject = None if about is None else _asset(about, self._own_kind(about), False)
        return Landed(asset, item, subject, place.is_there)

    def _kind(self, row: Row, place: Place, about: Place | None) -> str:
        """What reads the file of a row."""
        if len(row.locator) > MAX_LOCATOR:
            raise Unplaced("has no place in its file")
        kind = self._own_kind(place)
        if row.kind == "photo" and kind not in self._pictures:
            raise Unplaced("is no picture by its name")
        if row.kind == "caption" and about is not None and _stem(about) == _stem(place):
            return SIDECAR if place.path.lower().endswith(".txt") else kind
        return kind

    def _own_kind(self, place: Place) -> str:
        kind = self._kinds.get(splitext(place.path)[1].lower())
        if kind is None:
            raise Unplaced("is of no kind that cmsearch reads, by its name")
        return kind


def normalised(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Vectors `(n, dim)` of length 1, and which of them `(n,)` had a length.

    What is that long but for float16's rounding stays as it is.
    """
    with np.errstate(all="ignore"):
        most = np.abs(vectors).max(1, initial=0)
        sound = np.isfinite(most) & (most > 0)
        scaled = vectors / np.where(sound, most, 1)[:, None]
        lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled)) * most
        is_unit = np.abs(lengths**2 - 1) < _UNIT
        unit = scaled * (most / np.where(lengths > 0, lengths, 1))[:, None]
    return np.where(is_unit[:, None], vectors, unit).astype(np.float32), sound


def _content(text: str | None) -> str:
    """The digest of a text."""
    if not text or not text.strip():
        raise Unplaced("has no text")
    if len(text) > MAX_CONTENT:
        raise Unplaced("has a text that is too long for a caption or a passage")
    try:
        return content_digest(text.encode())
    except UnicodeEncodeError as error:
        raise Unplaced("has a text that isn't Unicode") from error


def _asset(place: Place, kind: str, is_whole: bool, about: str | None = None) -> Asset:
    """A file that wasn't read; one of which there may be more is read by the next run anyway."""
    mtime_ns = place.mtime_ns if is_whole else None
    return Asset(place.path, kind, place.size or 0, mtime_ns, None, about=about)


def _modified(row: Row) -> int | None:
    if row.modified is None or not abs(row.modified) < 2**33:
        return None
    return round(row.modified * _SECOND)


def _is_same(row: Row, place: Place) -> bool:
    """Whether a file is as its source saw it, as far as that says."""
    if row.size is not None and row.size != place.size:
        return False
    modified = _modified(row)
    return modified is None or abs(modified - (place.mtime_ns or 0)) <= _SAME_NS


def _stem(place: Place) -> str:
    return splitext(place.path)[0]
