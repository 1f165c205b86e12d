"""What a search finds with the options of a command: by an engine here, or by a daemon's."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.commands import warm
from cmsearch.commands.applied import asked
from cmsearch.search.wire import hit_as_json, hit_from_json, ranking
from cmsearch.types import Hit, Modality, Query

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine
    from cmsearch.search.federated import FederatedEngine
    from cmsearch.search.query.understanding import Understood

_LARGEST = 64 * 2**20
"""Bytes of a picture that are sent; with a larger one the search is made here."""


@dataclass(frozen=True, slots=True)
class Found:
    """The hits in some stores, why there are none, whether picture and text were only summed, and a
    line about the language of the query.
    """

    stores: Sequence[Path]
    hits: Sequence[Hit]
    why: str = ""
    is_summed: bool = False
    advice: str = ""


def found_by(
    engine: Engine | FederatedEngine,
    query: Query,
    options: Mapping[str, Any],
    seen: Sequence[Hit] = (),
) -> Found:
    """What an engine finds with a command's options, without the hits `seen`."""
    from cmsearch.commands.nothing import why_none
    from cmsearch.search.query.languages import advice

    hits = hits_of(engine, query, options, seen)
    is_summed = _asks_for_both(query, options) and not engine.fuses
    why = "" if hits else why_none(engine, query, options, seen)
    return Found(engine.stores, hits, why, is_summed, advice(query.parts, engine.spaces))


def hits_of(
    engine: Engine | FederatedEngine,
    query: Query,
    options: Mapping[str, Any],
    seen: Sequence[Hit] = (),
) -> list[Hit]:
    """The hits of a query with a command's options, without those `seen` and their copies.

    Where the modalities are wanted apart, their hits come one after the other, and the ranks go on.
    """
    target = options.get("target", "any")
    is_apart = options.get("apart", False) and target == "any"
    # Sounds, which `audio` has too, are apart from what is said.
    apart = ("transcript" if one == "audio" else one for one in engine.modalities)
    targets = tuple(apart) if is_apart else (target,)
    understood = asked(engine, query, options)
    left = [hit for one in targets for hit in _unseen(engine, understood, options, one, seen)]
    own = understood.applied
    return [replace(hit, rank=rank, applied=own) for rank, hit in enumerate(left, 1)]


def _unseen(
    engine: Engine | FederatedEngine,
    understood: Understood,
    options: Mapping[str, Any],
    target: str,
    seen: Sequence[Hit],
) -> list[Hit]:
    """The k best of one target, without those `seen`."""
    k = int(options.get("k", 10))
    named = {(hit.path, hit.source) for hit in seen}
    copies = {path for hit in seen if hit.kind == "photo" for path in hit.copies}
    hits = engine.search(
        understood.query,
        target=target,
        k=k + len(named) + len(copies),
        where=understood.where,
        ranking=ranking(options),
    )
    left = [
        hit
        for hit in hits
        if (hit.path, hit.source) not in named and not (hit.kind == "photo" and hit.path in copies)
    ]
    return left[:k]


def _asks_for_both(query: Query, options: Mapping[str, Any]) -> bool:
    """Whether a picture and a text are joined: in the query, or in what is searched."""
    wanted = [part.modality for part in query.parts if part.weight > 0]
    both = sorted(wanted) == [Modality.IMAGE, Modality.TEXT]
    return options.get("fusion") != "sum" and (both or options.get("match") == "fused")


def by_daemon(query: Query, options: Mapping[str, Any], seen: Sequence[Hit] = ()) -> Found | None:
    """What a daemon finds; None where none runs, or the search is to be made here."""
    if ":" in options.get("rerank", ""):  # a model's name may be a path from here
        return None
    if isinstance(options.get("store"), list):  # it has each open for itself
        return None
    answer = warm.asked("search", options.get("store"), lambda: _request(query, options, seen))
    try:
        return _found(answer) if answer else None
    except warm.UNREADABLE:
        return None


def answered(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """A daemon's answer to a search, both in JSON's types."""
    parts, without = (
        tuple(map(warm.received_part, request[name])) for name in ("parts", "without")
    )
    seen = list(map(hit_from_json, request["seen"]))
    found = found_by(engine, Query(parts, without), _options(request["options"]), seen)
    return {
        "stores": list(map(os.fsdecode, found.stores)),
        "hits": list(map(hit_as_json, found.hits)),
        "why": found.why,
        "is_summed": found.is_summed,
        "advice": found.advice,
    }


def _found(fields: Mapping[str, Any]) -> Found:
    hits = list(map(hit_from_json, fields["hits"]))
    summed, said = bool(fields["is_summed"]), str(fields["advice"])
    return Found(list(map(Path, fields["stores"])), hits, str(fields["why"]), summed, said)


def _request(
    query: Query, options: Mapping[str, Any], seen: Sequence[Hit]
) -> dict[str, Any] | None:
    """A search in JSON's types; None for one with a picture that is too large to be sent."""
    parts = (*query.parts, *query.without)
    if any(isinstance(one.content, bytes) and len(one.content) > _LARGEST for one in parts):
        return None
    plain = {name: value for name, value in options.items() if name != "store"}
    plain |= {name: plain[name].isoformat() for name in ("since", "until") if plain.get(name)}
    return {
        "parts": list(map(warm.sent_part, query.parts)),
        "without": list(map(warm.sent_part, query.without)),
        "options": plain,
        "seen": list(map(hit_as_json, seen)),
    }


def _options(plain: Mapping[str, Any]) -> dict[str, Any]:
    days = {
        name: datetime.fromisoformat(plain[name]) for name in ("since", "until") if plain.get(name)
    }
    lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
    return {**plain, **days, **lists}
