"""Whatever a program passes to the public functions, only errors of cmsearch come back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import cmsearch
from cmsearch import CmsearchError, Engine, Filter, Hit, Modality, Query, QueryPart, Ranking
from cmsearch.store.store import find
from indexer import Indexer
from tests.builders import write_files, write_picture

NAN, HUGE = math.nan, 10**400
PLAIN: list[Any] = [
    None, True, 0, -1, HUGE, 1.5, NAN, math.inf, 1j, "", " ", "red", "a" * 9999, "\0", "\ud800",
    "any", "image", b"", b"x", [], [None], ["red"], [5], (), ("red", "x"), {}, {"a": 1}, set(),
    object(), Path("x"), Path("\0"), Path("a" * 9999), int, Modality.SOUND, np.zeros((3, 3)),
    PIL.Image.new("RGB", (0, 0)), PIL.Image.new("F", (3, 3)), PIL.Image.new("RGBA", (1, 5000)),
]  # fmt: skip
QUERIES: list[Any] = [
    Query(()), Query(("a",)), Query(None), Query(5, 6), Query("red"),  # type: ignore[arg-type]
    Query((QueryPart("red"),), "x"), Query((QueryPart("red"),), (5,)),  # type: ignore[arg-type]
    *(Query((QueryPart(one),)) for one in (None, 5, "\0", b"x", Path("x"))),
    *(Query((QueryPart("red", weight=one),)) for one in (NAN, HUGE, 0, "a", None)),  # type: ignore[arg-type]
    *(Query((QueryPart("red", one),)) for one in ("image", "text", "x", None, 5)),  # type: ignore[arg-type]
    *(Query((QueryPart("red"),), left_out=one) for one in (None, 5, [1], {"a"}, {HUGE})),  # type: ignore[arg-type]
    *(Query((QueryPart("red"),), given=one) for one in (None, 5, [1], {"a"})),  # type: ignore[arg-type]
    QueryPart("red"),
]  # fmt: skip
FILTERS: list[Any] = [
    Filter(path=3), Filter(path="\ud800"), Filter(path="["), Filter(path="*" * 5000),  # type: ignore[arg-type]
    Filter(path=""), Filter(camera=""), Filter(camera="\0"), Filter(has_caption=1),  # type: ignore[arg-type]
    Filter(since="2024"), Filter(since=datetime(2024, 1, 1)), Filter(until=datetime.max),  # type: ignore[arg-type]
    *(Filter(near=one) for one in ((1,), (1, 2, "x"), (NAN, NAN, NAN), (HUGE, 0, 1), (9e99, 0, 1))),  # type: ignore[arg-type]
]  # fmt: skip
RANKINGS: list[Any] = [
    *(Ranking(rerank=one) for one in (5, None, [], "\0", "learned:x", "learned:\0", "itm:\0")),  # type: ignore[arg-type]
    *(Ranking(depth=one) for one in (True, 1.5, 10**30, -1, "x")),  # type: ignore[arg-type]
    *(Ranking(match=one) for one in ([], 5, None, "x")),  # type: ignore[arg-type]
    *(Ranking(min_relevance=one) for one in (NAN, "x", 2)),  # type: ignore[arg-type]
    *(Ranking(budget=one) for one in (NAN, "x", -1, 0)),  # type: ignore[arg-type]
    *(Ranking(stages=one) for one in (5, "x")),  # type: ignore[arg-type]
    *(Ranking(without=one) for one in (5, None, "words", [5], {1}, b"words", object())),  # type: ignore[arg-type]
    Ranking(fusion=None), Ranking(fold="x"), Ranking(diverse=None),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    for colour in ("red", "green"):
        write_picture(tmp_path / f"{colour}.png", colour)
    write_files(tmp_path, {"captions.jsonl": '{"image": "red.png", "caption": "red"}\n'})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as opened:
        yield opened


def hits(found: Hit) -> list[Any]:
    """Hits as no search gives them, and lists of such."""
    odd: list[dict[str, Any]] = [
        {"text": 5}, {"path": "x"}, {"path": None, "text": None}, {"modality": "x", "text": None},
        {"page": "x", "text": None}, {"start": "x", "end": 1, "text": None}, {"kind": 5},
    ]  # fmt: skip
    made = [replace(found, **fields) for fields in odd]
    return [found, [found], [found, None], *([one] for one in made)]


def attempt(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    with suppress(CmsearchError):
        call(*arguments, **options)


def test_only_errors_of_ours_come_back(engine: Engine, tmp_path: Path) -> None:
    found = engine.search("red", k=1)[0]
    values = [*PLAIN, *QUERIES, *FILTERS, *RANKINGS, *hits(found)]
    picture = tmp_path / "red.png"
    for value in values:
        for ask in (engine.search, engine.embed):
            attempt(ask, value)
            attempt(ask, image=value)
            attempt(ask, audio=value)
        for name in ("target", "k", "where", "ranking"):
            attempt(engine.search, "red", **{name: value})
        attempt(engine.count, value)
        attempt(engine.count, where=value)
        attempt(engine.explain, value, picture)
        attempt(engine.explain, "red", value)
        attempt(engine.transform, image=value, text="red")
        attempt(engine.transform, image=picture, text=value)
        attempt(cmsearch.parse, value)
        attempt(cmsearch.refined, value)
        attempt(cmsearch.refined, "red", liked=value)
        attempt(cmsearch.refined, "red", disliked=value)
        attempt(cmsearch.open, value)
        attempt(cmsearch.open, tmp_path, model=value)
        attempt(lambda one: list(cmsearch.transcribe(one)), value)
        attempt(lambda one: list(cmsearch.transcribe("/dev/null", one)), value)


@pytest.mark.parametrize("name", ["a" * 300, "\0", "\ud800", "loop", "a/" * 3000])
def test_a_place_that_can_be_none_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for act in (cmsearch.open, find):
        with pytest.raises(CmsearchError):
            act(tmp_path / name)
