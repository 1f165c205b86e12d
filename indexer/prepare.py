"""Bringing what was read into the form that an encoder takes: the one place of the index line."""

# Tested by tests/unit/indexer/test_read.py

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cmsearch.protocols import Encoder
from cmsearch.types import TOWER, Modality, Part


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """An item that is to be encoded, and what its encoder takes of it.

    `part` is what was read, whose `content` is its text, or None: pictures are not kept. `inputs`
    gives the pieces of a text, the picture, the pictures of a shot or the shot as one, as
    `Encoder.prepare` makes them; of a sound, which is encoded while it is heard, its vector.
    """

    part: Part
    about: str | None
    digest: str
    inputs: Callable[[], list[Any]]


def prepared(encoder: Encoder, part: Part, about: str | None, digest: str) -> PreparedItem:
    """A part on its way to the encoder.

    A photo or a page is prepared at once, since what was decoded is larger. Texts and shots, of
    which one file may have thousands, wait as they were read until they are asked for.
    """
    content = part.content
    if isinstance(content, str):
        return PreparedItem(part, about, digest, partial(_of_text, encoder, content))
    kept = replace(part, content=None)
    if part.modality is Modality.VIDEO:
        is_whole = tower(encoder, part.modality) is Modality.VIDEO
        contents = [content] if is_whole else content
        of_shot = partial(inputs, encoder, contents, tower(encoder, part.modality))
        return PreparedItem(kept, about, digest, of_shot)
    rows = (
        [content] if part.modality is Modality.SOUND else inputs(encoder, [content], part.modality)
    )
    return PreparedItem(kept, about, digest, lambda: rows)


def tower(encoder: Encoder, modality: Modality) -> Modality:
    """As what an encoder takes items of a modality: a shot as film where it can, else by its
    pictures.
    """
    return modality if modality in encoder.capabilities.modalities else TOWER[modality]


def inputs(encoder: Encoder, contents: Iterable[Any], modality: Modality) -> list[Any]:
    """What an encoder takes of contents of one of its modalities."""
    return [encoder.prepare(content, modality) for content in contents]


def _of_text(encoder: Encoder, text: str) -> list[Any]:
    return inputs(encoder, encoder.split(text), Modality.TEXT)
