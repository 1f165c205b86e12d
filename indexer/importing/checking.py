"""Whether vectors are those of a model: some of what they are of is encoded again."""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cmsearch.common.text import native
from cmsearch.errors import MediaError
from cmsearch.media.readers import make_reader, parts
from cmsearch.models.encodings import checked
from cmsearch.protocols import Encoder
from cmsearch.types import TOWER, FloatArray, Modality, Part, Reading, Role
from indexer.importing.landing import Landed

SAMPLES = 16
"""Pictures, and texts, that are encoded again."""
CLOSE = 0.98
"""The median of the cosines that vectors of the same model have at least; others prepare pictures
a little differently, and two models have about 0.
"""
FAR = 0.9
"""At most a quarter is further apart, as a picture that was changed is."""
_CHECKED = frozenset({"photo", "caption", "passage", "subtitle", "transcript"})
_MORE = 4  # times as many are kept, since some can't be read


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near vectors are to those that a model gives for the same."""

    compared: int
    """How many were encoded again."""
    median: float
    """The median of their cosines; 0 where none was."""
    lowest: float
    """The lowest of them."""
    is_same: bool
    """Whether they are of the model."""


@dataclass
class Sample:
    """Some rows by chance of each modality that can be checked; the same ones each time."""

    kept: dict[Modality, list[Landed]] = field(default_factory=dict)
    seen: dict[Modality, int] = field(default_factory=dict)
    """How many vectors of each modality there are, checked or not."""
    _offered: dict[Modality, int] = field(default_factory=dict)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def offer(self, rows: Iterable[Landed]) -> None:
        """Look at some more rows."""
        for row in rows:
            modality = TOWER[row.item.part.modality]
            self.seen[modality] = self.seen.get(modality, 0) + 1
            is_picture = row.item.part.kind == "photo"
            if row.item.part.kind in _CHECKED and (row.is_there or not is_picture):
                self._keep(modality, row)

    def _keep(self, modality: Modality, row: Landed) -> None:
        """Reservoir sampling (Vitter's algorithm R)."""
        kept = self.kept.setdefault(modality, [])
        count = self._offered[modality] = self._offered.get(modality, 0) + 1
        if len(kept) < _MORE * SAMPLES:
            kept.append(row)
        elif (place := self._random.randrange(count)) < len(kept):
            kept[place] = row


def agreement(
    encoder: Encoder, folder: Path, modality: Modality, rows: Iterable[Landed]
) -> Agreement:
    """Compare vectors with those that an encoder gives for the same pictures or texts."""
    inputs, vectors = list[object](), list[FloatArray]()
    for row in rows:
        content = _content(encoder, folder, row)
        if content is not None:
            inputs.append(encoder.prepare(content, modality))
            vectors.append(row.item.encoding.vectors[0])
        if len(inputs) == SAMPLES:
            break
    if not inputs:
        return Agreement(0, 0.0, 0.0, is_same=False)
    size, found = encoder.capabilities.batch_size, list[FloatArray]()
    for start in range(0, len(inputs), size):
        batch = inputs[start : start + size]
        encoding = encoder.encode(batch, modality, Role.DOCUMENT)
        found.append(checked(encoder, encoding, len(batch)).vectors)
    cosines = np.einsum("nd,nd->n", np.concatenate(found), np.stack(vectors))
    median, lowest = float(np.median(cosines)), float(cosines.min())
    is_same = median >= CLOSE and float(np.mean(cosines < FAR)) <= 0.25
    return Agreement(len(cosines), round(median, 4), round(lowest, 4), is_same)


def _content(encoder: Encoder, folder: Path, row: Landed) -> object:
    """The picture or the text of a row; None for one that can't be compared."""
    part = row.item.part
    if isinstance(part.content, str):
        return part.content if len(encoder.split(part.content)) == 1 else None
    reader, wanted = make_reader(row.asset.kind), Reading(encoder.capabilities.image_size)
    try:
        for found in parts(reader, folder / native(row.asset.path), wanted):
            if isinstance(found, Part) and found.modality is Modality.IMAGE:
                return found.content
    except (MediaError, OSError):
        pass
    return None
