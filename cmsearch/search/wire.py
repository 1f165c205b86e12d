"""Requests and hits as JSON, for the command line, the history and programs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.commands.options import Place
from cmsearch.common.text import json_line, storable
from cmsearch.types import Filter, Hit, Modality, Place, QueryPart

if TYPE_CHECKING:
    from cmsearch.search.rank.second_stage import Ranking


def as_json(hit: Hit) -> bytes:
    """A hit as one line in UTF-8.

    Bytes of a name that aren't UTF-8 are escaped as JSON escapes surrogates.
    """
    line = json_line(
        {
            "rank": hit.rank,
            "score": hit.score,
            "path": str(hit.path),
            "source": hit.source,
            "modality": hit.modality,
            "kind": hit.kind,
            "text": hit.text,
            "taken": hit.taken and hit.taken.isoformat(" "),
            "relevance": hit.relevance,
            "copies": [str(path) for path in hit.copies],
            "start": hit.start,
            "end": hit.end,
            "page": hit.page,
            "stages": dict(hit.stages),
        }
    )
    return line.encode()


def where(options: Mapping[str, Any]) -> Filter:
    """The filter that a command's options make, with names as the catalog has them."""
    from cmsearch.errors import QueryError

    found: dict[str, Any] = {name: options.get(name) for name in Filter.__dataclass_fields__}
    days = {name: found[name] and found[name].date() for name in ("since", "until")}
    try:
        texts = {name: found[name] and storable(found[name]) for name in ("path", "camera")}
    except ValueError as error:
        raise QueryError("No name that --path or --camera asks for can be in an index.") from error
    return Filter(**found | days | texts)


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


def _written(part: QueryPart) -> dict[str, Any]:
    is_text = part.modality is Modality.TEXT
    fields = {"modality": part.modality, "weight": part.weight}
    if isinstance(part.content, Place):
        path = os.fsdecode(part.content.path.absolute())
        return {**fields, "content": path, "locator": part.content.locator}
    content = part.content if is_text else os.fsdecode(Path(part.content).absolute())
    return {**fields, "content": content}


def _read(fields: Mapping[str, Any]) -> QueryPart:
    modality, content = Modality(fields["modality"]), str(fields["content"])
    where: Any = content if modality is Modality.TEXT else Path(content)
    if fields.get("locator"):
        where = Place(Path(content), str(fields["locator"]))
    return QueryPart(where, modality, float(fields["weight"]))


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "path": os.fsdecode(hit.path),
        "source": hit.source,
        "modality": hit.modality,
        "kind": hit.kind,
        "text": hit.text,
        "score": hit.score,
        "relevance": hit.relevance,
        "copies": [os.fsdecode(path) for path in hit.copies],
        "start": hit.start,
        "end": hit.end,
        "page": hit.page,
    }


def _known(rank: int, fields: Mapping[str, Any]) -> Hit:
    """A hit as far as it was kept."""
    return Hit(
        rank=rank,
        score=float(fields["score"]),
        path=Path(fields["path"]),
        source=str(fields["source"]),
        modality=Modality(fields["modality"]),
        kind=str(fields["kind"]),
        text=fields["text"] and str(fields["text"]),
        relevance=fields["relevance"] and float(fields["relevance"]),
        copies=tuple(map(Path, fields["copies"])),
        start=_seconds(fields.get("start")),
        end=_seconds(fields.get("end")),
        page=fields.get("page") and int(fields["page"]),
    )


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
