"""Requests and hits as JSON, for the command line, the history and programs."""

# Tested by tests/unit/cmsearch/commands/test_history.py

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cmsearch.common.text import json_line, native, storable
from cmsearch.search.regions import REGIONS
from cmsearch.store.object_places import address_of, path_at
from cmsearch.types import (
    Applied,
    Facet,
    Facets,
    Filter,
    Hit,
    Mark,
    Modality,
    Notes,
    Place,
    QueryPart,
    Suggestion,
    TextLine,
)

if TYPE_CHECKING:
    from cmsearch.search.explain import Explanation, Joined
    from cmsearch.search.looking import Word
    from cmsearch.search.rank.second_stage import Ranking

T = TypeVar("T")
NO_REGIONS = "No regions: the model gives none, or no word of the query weighs anything."
"""Why an explanation without words has no drawing."""


def as_json(hit: Hit) -> bytes:
    """A hit as one line in UTF-8.

    Bytes of a name that aren't UTF-8 are escaped as JSON escapes surrogates.
    """
    return json_line(hit_as_json(hit)).encode()


def hit_as_json(hit: Hit) -> dict[str, Any]:
    """The fields of a hit in JSON's types; docs/scripting.md has what each holds."""
    fields = {name: getattr(hit, name) for name in Hit.__dataclass_fields__ if name != "notes"}
    notes = {name: getattr(hit.notes, name) for name in Notes.__dataclass_fields__}
    return {
        **fields,
        **notes,
        "path": address_of(hit.path),
        "store": hit.store and os.fsdecode(hit.store),
        "taken": hit.taken and hit.taken.isoformat(" "),
        "copies": [address_of(path) for path in hit.copies],
        "stages": dict(hit.stages),
        "applied": [applied_as_json(one) for one in hit.applied],
        "lines": [line_as_json(line) for line in hit.lines],
    }


def line_as_json(line: TextLine) -> dict[str, Any]:
    """A line of text in a picture, with its box, in JSON's types."""
    return {"text": line.text, "score": line.score, "box": list(line.box), "page": line.page}


def facets_as_json(facets: Facets) -> dict[str, Any]:
    """Counts in JSON's types: of each facet `counts`, a list of values, and `left_out`.

    Bytes of a folder's name that aren't UTF-8 are as in the paths of hits.
    """
    names = [name for name in Facets.__dataclass_fields__ if name not in ("total", "among")]
    return {
        "total": facets.total,
        "among": facets.among,
        **{name: _facet_as_json(getattr(facets, name)) for name in names},
    }


def suggestion_as_json(one: Suggestion) -> dict[str, Any]:
    """A suggestion in JSON's types."""
    return {"text": native(one.text), "kind": one.kind, "count": one.count, "start": one.start}


def mark_as_json(mark: Mark) -> dict[str, Any]:
    """A mark in JSON's types; `item` is the number to look it up by, or null."""
    return {
        "query": mark.query,
        "target": mark.target,
        "right": mark.right,
        "path": address_of(mark.path),
        "source": mark.source,
        "kind": mark.kind,
        "locator": mark.locator,
        "day": mark.day.isoformat(),
        "item": mark.items[0] if mark.items else None,
    }


def _facet_as_json(facet: Facet) -> dict[str, Any]:
    counts = []
    for one in facet.counts:
        places = {"area": one.area and list(one.area), "near": one.near and list(one.near)}
        known = {name: value for name, value in places.items() if value is not None}
        counts.append({"value": native(one.value), "count": one.count, **known})
    return {"counts": counts, "left_out": facet.left_out}


def _line(fields: Mapping[str, Any]) -> TextLine:
    box = tuple(float(share) for share in fields["box"])
    return TextLine(str(fields["text"]), float(fields["score"]), box, int(fields["page"]))


def applied_as_json(one: Applied) -> dict[str, Any]:
    """What of a query was understood as a filter, in JSON's types."""
    return {
        "words": one.words,
        "days": [[str(first), str(last)] for first, last in one.days],
        "place": one.place,
        "near": one.near,
        "area": one.area,
    }


def explanation_as_json(found: Explanation) -> dict[str, Any]:
    """An explanation in JSON's types; docs/search.md has what each field holds.

    `drawn` is for who draws it.
    """
    return {
        "query": found.query,
        "path": address_of(found.path),
        "locator": found.locator,
        "pictures": found.pictures,
        "rank": found.rank,
        "score": found.score,
        "relevance": found.relevance,
        "stages": dict(found.stages),
        "caption": found.caption,
        "lines": [line_as_json(line) for line in found.lines],
        "matched": list(found.matched),
        "words": [_word_as_json(word) for word in found.words],
        "crop": found.crop and list(found.crop),
        "joined": found.joined and _joined_as_json(found.joined),
        "drawn": None,
        "taken_source": found.taken_source,
        **asdict(found.notes),
    }


def _word_as_json(word: Word) -> dict[str, Any]:
    attention = zip(REGIONS, word.attention.tolist(), strict=False)
    return {
        "word": word.text,
        "weight": word.weight,
        "similarity": word.similarity,
        "attention": {region: round(share, 6) for region, share in attention},
    }


def _joined_as_json(joined: Joined) -> dict[str, Any]:
    fused = joined.fused
    image, text = fused.shares.tolist()
    return {
        "trained": fused.is_trained,
        "image": image,
        "text": text,
        "added": fused.added,
        "words": list(joined.words),
        "by_text": fused.by_text.tolist(),
        "by_image": fused.by_image.tolist(),
    }


def _applied(fields: Mapping[str, Any]) -> Applied:
    spans = (
        (date.fromisoformat(first), date.fromisoformat(last)) for first, last in fields["days"]
    )
    near, area = fields.get("near"), fields.get("area")
    return Applied(
        str(fields["words"]),
        tuple(spans),
        str(fields.get("place", "")),
        None if near is None else _circle(near),
        None if area is None else _codes(area),
    )


def _circle(value: Any) -> tuple[float, float, float]:
    north, east, kilometres = map(float, value)
    return north, east, kilometres


def _codes(value: Any) -> tuple[str, str]:
    country, part = map(str, value)
    return country, part


def hit_from_json(fields: Mapping[str, Any]) -> Hit:
    """The hit of `hit_as_json`, also of before hits had cosines and all of them a relevance.

    Raises `LookupError`, `TypeError` or `ValueError` for others.
    """
    return Hit(
        rank=int(fields["rank"]),
        score=float(fields["score"]),
        path=path_at(fields["path"]),
        source=str(fields["source"]),
        modality=Modality(fields["modality"]),
        kind=str(fields["kind"]),
        text=_optional(str, fields["text"]),
        taken=_optional(datetime.fromisoformat, fields["taken"]),
        stages={str(name): float(value) for name, value in fields["stages"].items()},
        relevance=_optional(float, fields["relevance"]) or 0.0,
        copies=tuple(map(path_at, fields["copies"])),
        start=_optional(float, fields["start"]),
        end=_optional(float, fields["end"]),
        page=_optional(int, fields["page"]),
        item=int(fields["item"]),
        locator=str(fields["locator"]),
        cosine=float(fields.get("cosine", 0.0)),
        applied=tuple(map(_applied, fields.get("applied", ()))),
        notes=notes_from_json(fields),
        taken_source=_optional(str, fields.get("taken_source")),
        taken_zone=_optional(str, fields.get("taken_zone")),
        position=_position(fields.get("position")),
        town=_optional(str, fields.get("town")),
        lines=tuple(map(_line, fields.get("lines", ()))),
        copy_items=tuple(map(int, fields.get("copy_items", ()))),
        store=_optional(Path, fields.get("store")),
    )


def _position(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    north, east = map(float, value)
    return north, east


def notes_from_json(fields: Mapping[str, Any]) -> Notes:
    """What is noted of a hit or of an explanation, of its fields."""
    lists = {
        name: tuple(map(str, fields.get(name) or ()))
        for name in Notes.__dataclass_fields__
        if name != "rating"
    }
    return Notes(**lists, rating=_optional(int, fields.get("rating")))


def part_as_json(part: QueryPart) -> dict[str, Any]:
    """A part of a query in JSON's types; its picture or recording has to have a path."""
    fields: dict[str, Any] = {"modality": part.modality, "weight": part.weight}
    if part.is_literal:
        fields["is_literal"] = True
    if isinstance(part.content, Place):
        path = os.fsdecode(part.content.path.absolute())
        return {**fields, "content": path, "locator": part.content.locator}
    if part.modality is Modality.TEXT:
        return {**fields, "content": part.content}
    return {**fields, "content": os.fsdecode(Path(part.content).absolute())}


def part_from_json(fields: Mapping[str, Any]) -> QueryPart:
    """The part of `part_as_json`. Raises `LookupError`, `TypeError` or `ValueError` for others."""
    modality, content = Modality(fields["modality"]), str(fields["content"])
    where: Any = content if modality is Modality.TEXT else Path(content)
    if fields.get("locator"):
        where = Place(Path(content), str(fields["locator"]))
    is_literal = bool(fields.get("is_literal", False))
    return QueryPart(where, modality, float(fields["weight"]), is_literal)


def where(options: Mapping[str, Any]) -> Filter:
    """The filter that a command's options make, with names as the catalog has them."""
    from cmsearch.errors import QueryError

    found: dict[str, Any] = {
        name: options.get(name, one.default) for name, one in Filter.__dataclass_fields__.items()
    }
    if found["near"] and len(found["near"]) == 2:
        found |= {"near": None, "area": found["near"]}
    days = {name: found[name] and found[name].date() for name in ("since", "until")}
    try:
        texts = {name: found[name] and storable(found[name]) for name in ("path", "camera")}
    except ValueError as error:
        raise QueryError("No name that --path or --camera asks for can be in an index.") from error
    lists = {name: tuple(found[name] or ()) for name in ("keywords", "people", "labels")}
    return Filter(**found | days | texts | lists)


def ranking(options: Mapping[str, Any]) -> Ranking:
    """The ranking that a command's options make."""
    from cmsearch.search.merge.relevance import DOUBTFUL
    from cmsearch.search.rank.second_stage import Ranking

    least = options.get("min_relevance")
    if least is None:
        least = DOUBTFUL if options.get("cutoff") == "auto" else 0.0
    return Ranking(
        rerank=options.get("rerank", "auto"),
        depth=options.get("depth"),
        correct=options.get("correct", True),
        match=options.get("match", "all"),
        min_relevance=least,
        budget=options.get("budget"),
        fold=not options.get("expand", False),
        diverse=options.get("diverse", False),
        fusion=options.get("fusion", "auto"),
    )


def _optional(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)
