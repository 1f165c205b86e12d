"""The kinds of files and of items: what the project knows of each, in one table for each."""

# Tested by tests/contract/test_reader.py

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from cmsearch.types import TOWER, Modality


class FileKind(StrEnum):
    """What a file is to a search, as its reader says. The value is its noun in messages.

    Where files of several kinds have one name, what lies beside them is about the first of these.
    """

    PICTURE = "picture"
    RAW_PICTURE = "raw picture"
    FILM = "film"
    RECORDING = "recording"
    DOCUMENT = "document"
    CAPTIONS = "table of captions"
    SUBTITLES = "subtitles"
    SIDECAR = "sidecar"


PICTURES = (FileKind.PICTURE, FileKind.RAW_PICTURE)
"""Each file is one picture: it is asked with by `--image`, and captions are found with it."""
HEARD = (FileKind.FILM, FileKind.RECORDING)
"""Something may be said in each file, and subtitles are about it. Each may last for hours."""
SUBJECTS = (*PICTURES, *HEARD)
"""What captions can be about."""


ANEW = "let the program that wrote it write it anew, or delete it"
"""What to do about a sidecar that can't be read."""


class ItemKind(NamedTuple):
    """What is known of the items of a kind: their modality, whether `--for` asks for them, and
    whether the place in the file tells one item of a file from another with the same content.
    """

    modality: Modality
    is_target: bool
    is_placed: bool


ITEM_KINDS: Mapping[str, ItemKind] = {
    "caption": ItemKind(Modality.TEXT, is_target=True, is_placed=False),
    "ocr": ItemKind(Modality.TEXT, is_target=True, is_placed=True),
    "page": ItemKind(Modality.IMAGE, is_target=True, is_placed=True),
    "passage": ItemKind(Modality.TEXT, is_target=True, is_placed=False),
    "photo": ItemKind(Modality.IMAGE, is_target=False, is_placed=False),
    "shot": ItemKind(Modality.VIDEO, is_target=False, is_placed=True),
    "sound": ItemKind(Modality.SOUND, is_target=False, is_placed=True),
    "subtitle": ItemKind(Modality.TEXT, is_target=True, is_placed=True),
    "transcript": ItemKind(Modality.SPEECH, is_target=True, is_placed=True),
}
KINDS = {name: kind.modality for name, kind in ITEM_KINDS.items() if kind.is_target}
"""The modality of each kind that can be asked for by its name."""
TARGETS = ("any", *(modality.value for modality in TOWER), *KINDS)
"""What a search can be for: anything, a modality, or a kind of items."""


def wants(target: str, modality: Modality) -> bool:
    """Whether a target asks for items of a modality; sound is a part of what is heard."""
    is_heard = modality is Modality.SOUND and target == Modality.SPEECH
    return KINDS.get(target, target) in ("any", modality) or is_heard


NOTED = ("sidecar", "embedded", "takeout")
"""Where something is noted of a file: in XMP beside it, in itself, in Google Takeout's JSON beside
it. Of a rating and a colour that of the first counts; the rest is united.
"""


def is_placed(kind: str) -> bool:
    """Whether items of a kind are told apart by their places; those of unknown kinds are."""
    return kind not in ITEM_KINDS or ITEM_KINDS[kind].is_placed
