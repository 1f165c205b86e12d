"""Which columns of a table name pictures, and which have their captions.

Columns are known by what they are called, in any case and with any blanks or marks in it, and by
what is in them: names of pictures that are in the folder.
"""

# Tested by tests/unit/cmsearch/media/test_captions.py

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cmsearch.errors import MediaError

PICTURES = (
    *("image", "imagefile", "imagefilename", "imagename", "imagepath", "filename", "file"),
    *("filepath", "path", "photo", "photofile", "photoname", "photopath", "picture", "pic"),
    *("img", "imgfile", "imgname", "imgpath", "imgfilename", "sourcefile", "imagefilepath"),
    *("bild", "bilddatei", "datei", "dateiname", "foto", "fichier", "imagen", "archivo"),
    *("immagine", "imagem", "plik", "imageid", "url", "name", "title", "id"),
)
"""What a column of pictures is called, without blanks and marks; the first that is there counts."""
_UNSURE = PICTURES.index("url")
"""What is called so from here on may be something else."""
CAPTIONS = ("caption", "captions")
TEXTS = (
    *(CAPTIONS, ("text", "texts"), ("description", "desc", "imagedescription")),
    *(("sentence", "sentences", "raw"), ("alt", "alttext"), ("comment", "comments")),
    *(("beschreibung", "bildunterschrift", "bildbeschreibung", "legende", "légende"),),
    *(("descripción", "descripcion", "leyenda", "descrizione", "didascalia", "descrição", "opis"),),
    *(("captionabstract", "imagecaption", "prompt", "summary"), ("title", "imagetitle", "titel")),
    *(("label", "labels"),),
)
"""What columns of captions are called, perhaps with a number; of a row the first that isn't empty
count."""
SAMPLE = 20
"""Rows by which a table is judged."""
SHOWN = 8
_NUMBERED = re.compile(r"(\.\w{2,5})#\w{1,8}$")  # IMG_1.jpg#0 is the first caption of IMG_1.jpg
_LIKE_A_NAME = re.compile(r"[^\n]{1,400}\.\w{2,5}(?:#\w{1,8})?")
_WORD = re.compile(r"[^\W\d_]{2,}")

Row = Mapping[str, Any]
Knows = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Columns:
    """The column with the names of pictures, and those with captions, in the order to look at.

    In a `sparse` table most pictures have no caption, as where a program wrote down all fields of
    all pictures; that is no mistake there.
    """

    picture: str
    texts: tuple[tuple[str, ...], ...]
    sparse: bool = False

    def pair(self, row: Any) -> tuple[str, list[str]]:
        """The picture and the captions of one row, of which only a sparse one has none.

        Raises `MediaError`.
        """
        if not isinstance(row, Mapping):
            raise MediaError('not {"image": "…", "caption": "…"}')
        name = picture_name(row.get(self.picture))
        if not name:
            raise MediaError("no picture is named")
        for group in self.texts:
            found = [text for key in group for text in texts(row.get(key))]
            if found:
                return name, found
        if self.sparse:
            return name, []
        raise MediaError("no caption")


def columns(keys: Sequence[str], rows: Sequence[Row], knows: Knows, like: bool) -> Columns | None:
    """The columns of a table with captions, judged by some rows; None for other tables.

    `knows` says whether a picture of the folder is named, `like` whether the file's own name speaks
    of captions. Raises `MediaError` for what looks like captions and can't be used.
    """
    groups = text_keys(keys)
    says = bool(groups) and _squeezed(groups[0][0]).rstrip("0123456789") in CAPTIONS
    picture, is_known = _picture(keys, rows, knows, says or like)
    own = tuple(group for group in (tuple(k for k in g if k != picture) for g in groups) if group)
    if picture is not None and own:
        filled = sum(any(next(texts(row.get(key)), "") for g in own for key in g) for row in rows)
        return Columns(picture, own, not says and 2 * filled < len(rows))
    listed = ", ".join(keys[:SHOWN]) + (", …" if len(keys) > SHOWN else "")
    if picture is None:
        if says or like:
            raise MediaError(
                f"its columns are {listed}; none names pictures: call one image or file_name"
            )
        return None
    worded = [key for key in keys if key != picture and _is_worded(key, rows)]
    if is_known and len(keys) == 2 and worded:
        return Columns(picture, (tuple(worded),))
    if worded or like:
        raise MediaError(
            f"its column {picture} names pictures, but of its columns ({listed}) none is called "
            "caption, text or description"
        )
    return None


def picture_name(value: Any) -> str:
    """The name in a field, without the number that some give to its captions."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("path", "file_name", "filename") if key in value), "")
    name = value.strip() if isinstance(value, str) else ""
    return _NUMBERED.sub(r"\1", name) if is_unicode(name) else ""


def texts(value: Any, depth: int = 3) -> Iterator[str]:
    """The captions in a field: a text, or a list of them."""
    if isinstance(value, str) and value.startswith('["'):
        value = parsed(value) or value
    if isinstance(value, str):
        if value.strip() and is_unicode(value):
            yield value.strip()
    elif isinstance(value, list) and depth:
        for one in value:
            yield from texts(one, depth - 1)
    elif isinstance(value, Mapping) and depth:
        keys = text_keys([key for key in value if isinstance(key, str)])
        if keys:
            yield from texts(value[keys[0][0]], depth - 1)


def parsed(text: str) -> Any:
    """The value of a text in JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_unicode(text: str) -> bool:
    """Whether no half of a surrogate pair, which JSON can escape, is in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def speaks_of(keys: Sequence[str]) -> bool:
    """Whether one of some cells is what a column is called."""
    return any(_squeezed(key) in PICTURES for key in keys) or bool(text_keys(keys))


def is_like_a_name(value: Any) -> bool:
    """Whether a field could be the name of a file."""
    return isinstance(value, str) and bool(_LIKE_A_NAME.fullmatch(value.strip()))


def _picture(
    keys: Sequence[str], rows: Sequence[Row], knows: Knows, says: bool
) -> tuple[str | None, bool]:
    """The column with most names of pictures of the folder, and whether there are any.

    Without any it is the one that is called so, in a table that `says` that it has captions.
    """
    called = sorted((key for key in keys if _squeezed(key) in PICTURES), key=_rank)
    sure = [key for key in called if _rank(key) < _UNSURE]
    named = {key: _named(key, rows, knows, key in sure) for key in dict.fromkeys([*called, *keys])}
    best = max(named, key=lambda key: named[key], default=None)
    if best is not None and named[best]:
        return best, True
    return (sure[0] if says and sure else None), False


def _named(key: str, rows: Sequence[Row], knows: Knows, sure: bool) -> int:
    """How many of some rows name a picture of the folder in a column; without its ending only
    where the column is called so that that is `sure`.
    """
    names = (picture_name(row.get(key)) for row in rows[:SAMPLE])
    return sum(bool(name) and (sure or is_like_a_name(name)) and knows(name) for name in names)


def _is_worded(key: str, rows: Sequence[Row]) -> bool:
    """Whether a column has sentences in it: several words in most rows, and not always the same."""
    found = [row[key] for row in rows[:SAMPLE] if isinstance(row.get(key), str)]
    words = [text for text in found if _WORD.search(text) and not is_like_a_name(text)]
    several = sum(len(_WORD.findall(text)) > 1 and " " in text.strip() for text in words)
    return 2 * several > len(rows[:SAMPLE]) and 2 * len(set(words)) > len(words)


def text_keys(keys: Sequence[str]) -> list[tuple[str, ...]]:
    """The keys that are called as captions are, those that count first before."""
    plain = {key: _squeezed(key) for key in keys}
    found = (
        tuple(k for k, name in plain.items() if name in group or name.rstrip("0123456789") in group)
        for group in TEXTS
    )
    return [group for group in found if group]


def is_called_picture(key: str) -> bool:
    """Whether a column of that name may have names of pictures."""
    return _squeezed(key) in PICTURES


def _squeezed(key: str) -> str:
    return "".join(char for char in key.casefold() if char.isalnum())


def _rank(key: str) -> int:
    return PICTURES.index(_squeezed(key))
