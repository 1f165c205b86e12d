"""Refining a query by hits that are right or wrong: relevance feedback after Rocchio (1971)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cmsearch.common.arguments import checked_query
from cmsearch.common.text import printable
from cmsearch.errors import QueryError
from cmsearch.media.thumbnails import is_film, place
from cmsearch.types import Hit, Item, Modality, Place, Query, QueryPart

LIKED, DISLIKED = 0.75, 0.15
"""What all right hits, and all wrong ones, count beside the query; the usual values (Manning et
al. 2008, Introduction to Information Retrieval, section 9.1.1)."""
_ABOUT_PICTURES = frozenset({"caption", "ocr"})
"""Kinds of texts in whose place the picture is asked with."""


def refined(query: str | Query, liked: Sequence[Hit] = (), disliked: Sequence[Hit] = ()) -> Query:
    """Give a query that is drawn towards the hits `liked`, and away from those `disliked`.

    >>> with cmsearch.open("sample_data") as engine:
    ...     hits = engine.search("a cat", target="image", k=2)
    ...     hits = engine.search(cmsearch.refined("a cat", liked=hits[:1]), target="image", k=1)
    >>> hits[0].path.name
    'tabby_cat.jpg'

    Pictures count by their files, pages and shots by what is seen there, text by itself. The
    weights of what is looked for have the same sum as before, so that a query can be refined any
    number of times.
    """
    base = checked_query(query)
    _check(liked, disliked)
    marked = [(hit, LIKED / len(liked)) for hit in liked]
    marked += [(hit, -DISLIKED / len(disliked)) for hit in disliked]
    total = sum(part.weight for part in base.parts if part.weight > 0)
    more = [_part(hit, total * weight) for hit, weight in marked]
    share = 1 / (1 + LIKED) if liked else 1.0
    parts = tuple(replace(part, weight=share * part.weight) for part in (*base.parts, *more))
    return replace(base, parts=parts)


def _check(*marked: Any) -> None:
    for hits in marked:
        if not isinstance(hits, Sequence) or not all(isinstance(hit, Hit) for hit in hits):
            raise QueryError(
                "A query is refined by lists of hits, as a search gives them, not by "
                f"{printable(repr(hits))[:80]}."
            )
        for hit in hits:
            if not isinstance(hit.path, Path) or not isinstance(hit.text, str | None):
                raise QueryError(f"This is no hit that a search gave: {printable(repr(hit))[:80]}.")


def _part(hit: Hit, weight: float) -> QueryPart:
    if hit.text is None:
        return QueryPart(picture_of(hit), Modality.IMAGE, weight)
    return QueryPart(hit.text, Modality.TEXT, weight)


def like(of: Hit | Item, picture: Callable[[], Path | Place]) -> QueryPart:
    """What asks for things like a hit or an item: the text of what is read or said; else the
    picture that `picture` gives, also of what is about one, as a caption and the text in it are.
    """
    if of.text is not None and of.kind not in _ABOUT_PICTURES:
        return QueryPart(of.text)
    return QueryPart(picture(), Modality.IMAGE)


def picture_of(hit: Hit) -> Path | Place:
    """What is seen of a hit, as a query takes it: its file, or a page or a frame of that.

    Raises `QueryError` for what sounds in a recording, where nothing is seen.
    """
    if hit.modality is Modality.SOUND and not is_film(hit.path):
        raise QueryError(
            f"A query is refined by what is said or seen, not by sounds: {hit.source}."
        )
    where = place(hit)
    return hit.path if where is None or not (where.locator or is_film(hit.path)) else where
