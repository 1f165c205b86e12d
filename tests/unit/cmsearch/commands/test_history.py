"""The last search, kept: a round trip, damage, and places that can't be written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.commands import history
from cmsearch.errors import QueryError
from cmsearch.search.wire import as_json, hit_from_json
from cmsearch.types import Applied, Hit, Modality, Query, QueryPart

NAME = os.fsdecode(b"/photos/caf\xe9.jpg")
PHOTO = Hit(1, 0.5, Path(NAME), "caf.jpg", Modality.IMAGE, "photo", None, copies=(Path("/b.jpg"),))
CAPTION = Hit(2, 0.25, Path("/a.jpg"), "c:1", Modality.TEXT, "caption", "“naïve”", relevance=0.0)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMSEARCH_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def search(*parts: QueryPart, **changes: Any) -> history.LastSearch:
    query = Query(parts or (QueryPart("red"),), (QueryPart("people"),))
    fields = {"options": {"k": 3, "near": "1,2,3"}, "hits": [PHOTO, CAPTION], **changes}
    return history.LastSearch([Path("/store")], query, **fields)


def test_what_is_kept_comes_back() -> None:
    parts = QueryPart("a + b", weight=0.5), QueryPart(Path(NAME), Modality.IMAGE, -2.0)
    kept = search(*parts, seen=[])
    history.keep(kept)
    assert history.last() == kept


def test_the_hits_that_led_to_it_are_kept() -> None:
    history.keep(search(seen=[PHOTO]))
    assert history.last().seen == [PHOTO]


def test_a_picture_is_kept_by_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    history.keep(search(QueryPart("cat.jpg", Modality.IMAGE)))
    assert history.last().query.parts[0].content == tmp_path / "cat.jpg"


def test_a_picture_without_a_path_leaves_no_last_search(state: Path) -> None:
    history.keep(search())
    history.keep(search(QueryPart(b"bytes", Modality.IMAGE)))
    assert not list(state.iterdir())
    with pytest.raises(QueryError, match="no last search"):
        history.last()


def test_only_the_first_hits_of_many_are_kept() -> None:
    history.keep(search(hits=[CAPTION] * (history.MOST + 5)))
    assert len(history.last().hits) == history.MOST


def test_nothing_else_stays_in_the_folder(state: Path) -> None:
    for _ in range(3):
        history.keep(search())
    assert [path.name for path in state.iterdir()] == ["last.json"]


@pytest.mark.parametrize("content", [b"red", "red"])
def test_a_place_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CMSEARCH_STATE", str(tmp_path / "file" / "below"))
    modality = Modality.IMAGE if isinstance(content, bytes) else Modality.TEXT
    history.keep(search(QueryPart(content, modality)))
    with pytest.raises(QueryError, match="cmsearch search TEXT"):
        history.last()


def test_a_folder_in_its_place_is_no_error(state: Path) -> None:
    (state / "last.json").mkdir(parents=True)
    history.keep(search())
    history.keep(search(QueryPart(b"bytes", Modality.IMAGE)))
    assert [path.name for path in state.iterdir()] == ["last.json"]
    with pytest.raises(QueryError, match="no last search"):
        history.last()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_in_its_place_is_not_waited_for(state: Path) -> None:
    state.mkdir()
    os.mkfifo(state / "last.json")
    with pytest.raises(QueryError, match="no last search"):
        history.last()


WRONG: list[tuple[list[Any], Any]] = [
    ([], []),
    ([], None),
    (["stores"], 5),
    (["parts"], "red"),
    (["parts", 0], "red"),
    (["parts", 0, "modality"], "smell"),
    (["parts", 0, "weight"], "heavy"),
    (["parts", 0, "weight"], 10**400),
    (["hits"], {"rank": 1}),
    (["hits", 0, "path"], None),
    (["hits", 0, "score"], []),
    (["hits", 0, "relevance"], {"a": 1}),
    (["hits", 0, "relevance"], "likely"),
    (["hits", 0, "cosine"], None),
    (["hits", 0, "cosine"], []),
    (["hits", 0, "copies"], 5),
    (["options"], 5),
    (["options"], ["ab", "c"]),
]


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_a_file_that_says_something_else_is_no_last_search(
    state: Path, place: list[Any], value: Any
) -> None:
    history.keep(search())
    fields = json.loads((state / "last.json").read_text())
    whole = {"all": fields}
    inner: Any = whole
    *way, last = ["all", *place]
    for step in way:
        inner = inner[step]
    inner[last] = value
    (state / "last.json").write_text(json.dumps(whole["all"]))
    with pytest.raises(QueryError, match="no last search"):
        history.last()


@given(st.binary(max_size=60), st.integers(0, 500))
def test_any_damage_is_no_last_search_or_another(damage: bytes, at: int) -> None:
    history.keep(search())
    place = history.folder() / "last.json"
    data = place.read_bytes()
    place.write_bytes(data[:at] + damage + data[at + len(damage) :])
    try:
        found = history.last()
    except QueryError:
        return
    assert isinstance(found.query, Query)


def test_deep_brackets_are_no_last_search(state: Path) -> None:
    state.mkdir()
    (state / "last.json").write_text("[" * 100_000)
    with pytest.raises(QueryError, match="no last search"):
        history.last()


def test_every_field_of_a_hit_is_kept() -> None:
    hit = Hit(
        rank=1, score=0.5, path=Path("/a"), source="a.mkv@1", modality=Modality.VIDEO, kind="shot",
        text=None, taken=datetime(2020, 1, 1), stages={"picture": 3.5, "prior": -3.0},
        relevance=0.25, copies=(Path("/b"),), start=1.0, end=2.5, page=None, item=7,
        locator="1-2.5", cosine=0.4,
    )  # fmt: skip
    history.keep(search(hits=[hit]))
    assert history.last().hits == [hit]


def test_what_an_older_version_kept_is_read(state: Path) -> None:
    """Hits had no cosine then, and no relevance where there was nothing to judge by."""
    history.keep(search(hits=[PHOTO, CAPTION], seen=[PHOTO]))
    kept = json.loads((state / "last.json").read_text())
    for hit in kept["hits"] + kept["seen"]:
        del hit["cosine"]
        hit["stages"] = {"cosine": 0.5}
    kept["hits"][0]["relevance"] = None
    kept["hits"][1]["relevance"] = 0.75
    (state / "last.json").write_text(json.dumps(kept))
    found = history.last()
    stages = {"cosine": 0.5}
    assert found.hits == [
        replace(PHOTO, stages=stages),
        replace(CAPTION, stages=stages, relevance=0.75),
    ]
    assert found.seen == [replace(PHOTO, stages=stages)]


def test_what_was_understood_comes_back() -> None:
    """Days and places are both told of by whoever reads a hit."""
    day = date(2024, 5, 1), date(2024, 5, 31)
    applied = (
        Applied("in May", (day,)),
        Applied("in Lisbon", (), "Lisbon", (38.7, -9.1, 10.0)),
        Applied("in Portugal", (), "Portugal", None, ("PT", "")),
    )
    hit = replace(PHOTO, applied=applied)
    assert hit_from_json(json.loads(as_json(hit))) == hit
