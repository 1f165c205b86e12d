"""Why a search found nothing, in the words of the command line."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmsearch.commands.applied import LITERALLY, asked, in_words
from cmsearch.search.wire import ranking, where
from cmsearch.types import Filter, Hit, Query

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine
    from cmsearch.search.federated import FederatedEngine


def why_none(
    engine: Engine | FederatedEngine,
    query: Query,
    options: Mapping[str, Any],
    seen: Sequence[Hit] = (),
) -> str:
    """Why a search found nothing: what is missing here, or what left everything out."""
    target = options.get("target", "any")
    what = "Nothing" if target == "any" else f"Nothing of the kind {target}"
    if not engine.count(target):
        return f"{what} is in this index. Run `cmsearch info` to see what is."
    understood = asked(engine, query, options)
    if understood.where != Filter() and not engine.count(target, understood.where):
        given = where(options)
        told = ", ".join(filter(None, (_filters(given), in_words(understood.applied))))
        hint = f" {LITERALLY}" if understood.applied else ""
        return f"{what} passes the filters: {told}.{hint} {_path_hint(given)}".rstrip()
    if seen:
        return "That was all: nothing more was found."
    if query.without:
        return f"{what} is left once --not has taken out what is about it."
    if ranking(options).min_relevance:
        return f"{what} is relevant enough; leave out --min-relevance and --cutoff to see the rest."
    return f"{what} was found."


def _filters(asked: Filter) -> str:
    """The filters of a search as they are written on a command line."""
    named = {
        "path": asked.path, "since": asked.since, "until": asked.until, "camera": asked.camera,
        "near": asked.near and ",".join(f"{one:g}" for one in asked.near),
    }  # fmt: skip
    if asked.area is not None:
        from cmsearch.models.areas import area_names

        named["near"] = area_names()[asked.area]
    found = [f"--{name} {value}" for name, value in named.items() if value is not None]
    found += [f"--keyword {one}" for one in asked.keywords]
    found += [f"--person {one}" for one in asked.people]
    found += [f"--label {one}" for one in asked.labels]
    if asked.rating is not None:
        least, most = asked.rating
        found.append(f"--rating {least if least == most else f'{least}..{most}'}")
    if asked.has_caption is not None:
        found.append("--has-caption" if asked.has_caption else "--no-caption")
    return ", ".join(found)


def _path_hint(asked: Filter) -> str:
    if asked.path is None:
        return ""
    return (
        "A path goes on from the indexed folder, and is a name or a pattern: 2024 is a file or "
        "folder of that name, *2024* all that have it in theirs."
    )
