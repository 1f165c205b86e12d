"""Files that a query names: `IMG_0007.JPG`, `2024/IMG_0007.JPG`, or `VID_20220804_101500`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import Source
from cmsearch.search.retrieve.nearest import Candidate, NearestRequest
from cmsearch.types import ComposedQuery, Modality

MOST = 100
"""Files of one name that are looked at."""
_SHOWN = (Modality.IMAGE, Modality.VIDEO, Modality.TEXT, Modality.SPEECH)
"""As what a file is shown that has items of several modalities."""
_SUFFIX = re.compile(r"(?<=[^/])\.([^\W_]{1,5})$")
_NUMBERED = re.compile(r"(?=.*\d)(?=.*[^\W\d_])\S{4,}")


class Name(NamedTuple):
    """A file's name without its suffix, that suffix, and the folders before it, as far as given."""

    stem: str
    suffix: str
    folders: tuple[str, ...]


def asked(query: ComposedQuery) -> Name | None:
    """The name that the texts of a query are, if they look like one.

    A name has a suffix, or else a digit, a letter and no blank. One with ` - ` in it was read as a
    subtraction.
    """
    if any(part.modality is not Modality.TEXT for part in query.parts):
        return None
    if any(abs(weight) != 1 for weight in query.weights):
        return None
    text = query.parts[0].content
    for part, weight in zip(query.parts[1:], query.weights[1:], strict=True):
        text += f" {'-' if weight < 0 else '+'} {part.content}"
    name = parsed(text.strip().replace("\\", "/").removeprefix("./"))
    return name if name.suffix or _NUMBERED.fullmatch(name.stem) else None


def parsed(path: str) -> Name:
    """A path with / between its parts, in any case and any form of Unicode."""
    *folders, last = unicodedata.normalize("NFC", path).casefold().split("/")
    suffix = _SUFFIX.search(last)
    stem = last[: suffix.start()] if suffix else last
    return Name(stem, suffix[1] if suffix else "", tuple(folder for folder in folders if folder))


def among(name: Name, paths: Iterable[str]) -> dict[str, tuple[bool, int]]:
    """Those paths that are of this name, at most `MOST`, each with what orders it: those with its
    suffix, and with most of its folders, come first.

    Of the folders, those must agree that both have, from the last one on.
    """
    ranked = []
    for path in paths:
        own = parsed(path)
        both = min(len(own.folders), len(name.folders))
        agrees = own.folders[len(own.folders) - both :] == name.folders[len(name.folders) - both :]
        if own.stem == name.stem and agrees:
            is_other = bool(name.suffix) and own.suffix != name.suffix
            ranked.append(((is_other, -both), path))
    return {path: distance for distance, path in sorted(ranked)[:MOST]}


def find_by_name(
    source: Source,
    paths: Sequence[str],
    queries: Mapping[Modality, QueryVector],
    request: NearestRequest,
) -> list[Candidate]:
    """A candidate for each of the files at `paths` with an item that is searched, in their order.

    `request` says what may be found, in whatever modality.
    """
    candidates: dict[str, Candidate] = {}
    for modality in _SHOWN:
        if modality in queries and modality in source.view.indexes and paths:
            wanted = replace(request, modality=modality)
            for own in source.retriever.in_files(source.view, queries[modality], wanted, paths):
                told = own._replace(stages={"words": 1.0}, store=source.place)
                candidates.setdefault(own.item.path, told)
    return [candidates[path] for path in paths if path in candidates]
