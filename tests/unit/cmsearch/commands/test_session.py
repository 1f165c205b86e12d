"""A session: what is asked for after each step, what stays when one fails, and the marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cmsearch.commands.session import Session
from cmsearch.errors import CmsearchError, MediaError, QueryError
from cmsearch.search.query.grammar import parse
from cmsearch.types import Hit, Modality, Query, QueryPart


def photo(name: str) -> Hit:
    return Hit(1, 0.5, Path(f"/{name}.jpg"), f"{name}.jpg", Modality.IMAGE, "photo", None)


PASSAGE = Hit(4, 0.1, Path("/a.md"), "a.md:1", Modality.TEXT, "passage", "a red house")
HITS = [photo("a"), photo("b"), photo("c"), PASSAGE]


class Finder:
    """Finds the same hits for everything, without those seen, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Query, Mapping[str, Any], Sequence[Hit]]] = []
        self.error: CmsearchError | None = None

    def __call__(self, query: Query, options: Mapping[str, Any], seen: Sequence[Hit]) -> list[Hit]:
        if self.error:
            raise self.error
        self.asked.append((query, options, seen))
        return [hit for hit in HITS if hit not in seen]


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def session(finder: Finder) -> Session:
    session = Session(finder, {"k": 10, "target": "any"})
    session.ask(parse("red"))
    return session


def test_parts_and_exclusions_are_added(session: Session, finder: Finder) -> None:
    session.add(parse("blue - sea").parts)
    session.exclude(QueryPart("people"))
    assert session.query == Query(parse("red + blue - sea").parts, (QueryPart("people"),))
    assert finder.asked[-1] == (session.query, {"k": 10, "target": "any"}, ())


def test_another_question_begins_anew(session: Session) -> None:
    session.exclude(QueryPart("people"))
    session.more([1])
    session.ask(parse("green"))
    assert session.query == parse("green")
    assert session.hits == HITS


def test_more_leaves_out_all_hits_that_led_to_it(session: Session, finder: Finder) -> None:
    session.more([1], [3])
    assert finder.asked[-1][2] == (HITS[0], HITS[2])
    assert session.hits == [HITS[1], PASSAGE]
    session.more([1])
    assert finder.asked[-1][2] == (HITS[0], HITS[2], HITS[1])
    contents = [part.content for part in session.query.parts]
    assert contents == ["red", Path("/a.jpg"), Path("/c.jpg"), Path("/b.jpg")]
    session.exclude(QueryPart("people"))
    assert session.hits == [PASSAGE]


def test_similar_asks_for_pictures_like_a_picture_and_for_anything_like_a_text(
    session: Session, finder: Finder
) -> None:
    session.similar(2)
    assert session.query == Query((QueryPart(Path("/b.jpg"), Modality.IMAGE),))
    assert finder.asked[-1][1]["target"] == session.wanted["target"] == "image"
    session.similar(4)
    assert session.query == parse("a red house")
    assert finder.asked[-1][1]["target"] == "any"


def test_similar_to_what_is_about_a_picture_asks_with_that() -> None:
    for kind in ("caption", "ocr"):
        own = Hit(1, 0.5, Path("/a.jpg"), "a.txt:1", Modality.TEXT, kind, "words")
        session = Session(lambda *_, own=own: [own], {})
        session.ask(parse("red"))
        session.similar(1)
        assert session.query == Query((QueryPart(Path("/a.jpg"), Modality.IMAGE),))


def test_options_hold_from_then_on(session: Session, finder: Finder) -> None:
    session.similar(1)
    session.set("k", 3)
    assert finder.asked[-1][1] == {"k": 3, "target": "image"}
    session.set("target", "caption")
    assert finder.asked[-1][1] == {"k": 3, "target": "caption"}
    session.ask(parse("blue"))
    assert finder.asked[-1][1] == {"k": 3, "target": "caption"}


def test_options_may_be_set_before_anything_is_asked(finder: Finder) -> None:
    session = Session(finder, {})
    session.set("k", 3)
    assert not finder.asked and not session.is_asked
    session.ask(parse("red"))
    assert finder.asked[-1][1] == {"k": 3}


def test_back_goes_back_step_by_step(session: Session, finder: Finder) -> None:
    session.more([1])
    session.add(parse("blue").parts)
    session.back()
    assert len(session.query.parts) == 2 and session.hits == HITS[1:]
    session.back()
    assert session.query == parse("red") and session.hits == HITS
    with pytest.raises(QueryError, match="no search before"):
        session.back()


def test_again_asks_the_same(session: Session, finder: Finder) -> None:
    session.more([1])
    session.again()
    assert finder.asked[-1] == finder.asked[-2]
    session.back()
    assert session.query == parse("red")


@pytest.mark.parametrize(
    "step",
    [
        lambda session: session.ask(parse("blue")),
        lambda session: session.add(parse("blue").parts),
        lambda session: session.exclude(QueryPart("blue")),
        lambda session: session.more([1]),
        lambda session: session.similar(1),
        lambda session: session.set("k", 99),
        lambda session: session.again(),
        lambda session: session.back(),
    ],
)
def test_a_step_that_fails_leaves_everything_as_it_was(
    session: Session, finder: Finder, step: Any
) -> None:
    session.more([2])
    query, hits = session.query, session.hits
    finder.error = MediaError("the picture is gone")
    with pytest.raises(MediaError):
        step(session)
    assert (session.query, session.hits, session.options["k"]) == (query, hits, 10)
    finder.error = None
    session.back()
    assert session.query == parse("red")


@pytest.mark.parametrize(
    "step",
    [
        lambda session: session.query,
        lambda session: session.wanted,
        lambda session: session.add(parse("blue").parts),
        lambda session: session.exclude(QueryPart("blue")),
        lambda session: session.more([1]),
        lambda session: session.again(),
        lambda session: session.back(),
        lambda session: session.hit(1),
        lambda session: session.mark([1]),
        lambda session: session.unmark([1]),
    ],
)
def test_nothing_goes_on_from_nothing(finder: Finder, step: Any) -> None:
    with pytest.raises(QueryError):
        step(Session(finder, {}))
    assert not finder.asked


@pytest.mark.parametrize(("liked", "disliked"), [([], []), ([1], [1]), ([5], []), ([0], [])])
def test_ranks_that_cannot_be_meant_are_refused(
    session: Session, liked: list[int], disliked: list[int]
) -> None:
    with pytest.raises(QueryError):
        session.more(liked, disliked)
    assert session.query == parse("red")


def test_marks_stay_from_search_to_search_each_once(session: Session) -> None:
    assert session.mark([3, 1, 3]) == 2
    session.more([1])
    assert session.mark([1, 2]) == 1  # the other is marked already
    assert session.marked == [HITS[2], HITS[0], HITS[1]]


def test_marks_are_taken_back_by_their_own_numbers(session: Session) -> None:
    session.mark([3, 1, 2])
    session.unmark([1, 3])
    assert session.marked == [HITS[0]]
    with pytest.raises(QueryError, match="no hit 2: the list of the marked has 1"):
        session.unmark([2])


def test_a_wrong_rank_marks_nothing(session: Session) -> None:
    with pytest.raises(QueryError, match="no hit 9"):
        session.mark([1, 9])
    assert session.marked == []
