"""Several directions as one list, in which one thing is one candidate, and the best first."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.search.merge.evidence import SURE
from cmsearch.search.merge.things import as_things, followed, merged, named_first, thing
from cmsearch.search.retrieve.nearest import Answers, Candidate
from cmsearch.types import Item, Modality

KINDS = {
    "photo": Modality.IMAGE,
    "page": Modality.IMAGE,
    "caption": Modality.TEXT,
    "passage": Modality.TEXT,
    "shot": Modality.VIDEO,
    "speech": Modality.SPEECH,
    "sound": Modality.SOUND,
}
SCORES = st.lists(st.integers(-9, 9), max_size=8).map(lambda own: sorted(own, reverse=True))


def candidate(
    number: int,
    kind: str,
    path: str,
    score: float,
    about: str | None = None,
    stages: Mapping[str, float] | None = None,
) -> Candidate:
    item = Item(number, path, KINDS[kind], kind, None, about, str(number), str(number), None)
    return Candidate(item, number, 0.0, score, stages or {"picture": score})


def pictures(scores: list[int], first: int = 0) -> list[Candidate]:
    """Each one of a file of its own."""
    return [
        candidate(first + row, "photo", f"{first + row}.jpg", float(score))
        for row, score in enumerate(scores)
    ]


def rows(answers: Answers) -> list[tuple[int, float]]:
    return [(own.item.id, own.score) for own in (*answers.best, *answers.rest)]


# --- what follows ---


@given(SCORES, SCORES)
def test_none_of_the_rest_is_above_the_best(best: list[int], rest: list[int]) -> None:
    """The rest keeps its order and its distances."""
    found = followed(pictures(best), pictures(rest, 100))
    scores = [own.score for own in (*found.best, *found.rest)]
    assert scores == sorted(scores, reverse=True)
    assert [own.score for own in found.best] == best
    assert [own.item.id for own in found.rest] == list(range(100, 100 + len(rest)))
    if rest:
        assert [found.rest[0].score - own.score for own in found.rest] == [
            rest[0] - score for score in rest
        ]


def test_a_rest_that_is_below_stays_as_it_is() -> None:
    assert rows(followed(pictures([3]), pictures([1, 0], 10))) == [(0, 3), (10, 1), (11, 0)]


# --- several directions ---


def test_directions_are_one_list_by_their_log_odds() -> None:
    one, other = Answers(pictures([5, 1]), []), Answers(pictures([4, 2], 10), [])
    assert rows(merged([one, other], 100)) == [(0, 5), (10, 4), (11, 2), (1, 1)]
    assert merged([], 10) == Answers([], [])


def test_what_only_follows_comes_after_all_that_was_looked_at() -> None:
    one, other = Answers(pictures([5, 4]), pictures([3], 50)), Answers(pictures([1], 10), [])
    assert rows(merged([one, other], 100)) == [(0, 5), (1, 4), (10, 1), (50, 1)]


def test_of_a_direction_that_may_have_more_nothing_unknown_is_overtaken() -> None:
    """The first has as many as were wanted: of what is below its last one more may come before."""
    one = Answers(pictures([5]), pictures([3], 50))
    other = Answers(pictures([9], 10), pictures([4, 2], 60))
    assert [row for row, _ in rows(merged([one, other], 2))] == [10, 0, 60, 50]
    assert [row for row, _ in rows(merged([one, other], 100))] == [10, 0, 60, 50, 61]


# --- one thing ---


def test_what_was_written_about_a_thing_is_of_it() -> None:
    assert thing(candidate(1, "caption", "captions.csv", 0.0, "a.jpg")) == "a.jpg"
    assert thing(candidate(1, "photo", "a.jpg", 0.0)) == "a.jpg"


def test_a_picture_has_the_evidence_of_its_captions_already() -> None:
    """It stands for them even where a caption alone has more, which is judged as a text."""
    caption = candidate(1, "caption", "captions.csv", 4.0, "a.jpg")
    picture = candidate(2, "photo", "a.jpg", 3.0)
    other = candidate(3, "photo", "b.jpg", 2.0)
    assert as_things(Answers([caption, picture, other], [])).best == [picture, other]


def test_captions_of_a_picture_that_was_not_found_are_one_candidate() -> None:
    two = [candidate(row, "caption", "captions.csv", 4.0 - row, "a.jpg") for row in range(2)]
    assert as_things(Answers(two, [])).best == [two[0]]


def test_a_film_is_as_likely_as_what_is_seen_and_heard_together() -> None:
    """Of each modality the loudest speaks; the odds of modalities are added."""
    shots = [candidate(1, "shot", "a.mp4", 2.0), candidate(2, "shot", "a.mp4", 1.5)]
    speech = [candidate(3, "speech", "a.mp4", 1.0), candidate(4, "speech", "a.mp4", 0.5)]
    sound = candidate(5, "sound", "a.mp4", -1.0)
    (film,) = as_things(Answers([*shots, *speech, sound], [])).best
    assert film.item.id == 1
    assert film.score == pytest.approx(log(exp(2) + exp(1) + exp(-1)), abs=1e-5)
    assert film.stages.keys() == {"picture", Modality.SPEECH, Modality.SOUND}
    assert sum(film.stages.values()) == pytest.approx(film.score, abs=1e-5)


def test_things_are_in_order_again_and_what_follows_is_of_others() -> None:
    """Both modalities of the film bring it before the picture."""
    best = [
        candidate(1, "photo", "b.jpg", 2.2),
        candidate(2, "shot", "a.mp4", 2.0),
        candidate(3, "speech", "a.mp4", 1.9),
    ]
    rest = [
        candidate(4, "shot", "a.mp4", 1.0),
        candidate(5, "shot", "c.mp4", 0.5),
        candidate(6, "speech", "c.mp4", 0.4),
    ]
    found = as_things(Answers(best, rest))
    assert [own.item.id for own in found.best] == [2, 1]
    assert [own.item.id for own in found.rest] == [5]


def test_pages_and_passages_of_a_document_are_one() -> None:
    page, passage = candidate(1, "page", "a.pdf", 1.0), candidate(2, "passage", "a.pdf", 1.0)
    (document,) = as_things(Answers([page, passage], [])).best
    assert document.score == pytest.approx(1 + log(2), abs=1e-5)


# --- names ---


def test_a_file_that_is_named_comes_first_and_once() -> None:
    others = Answers(pictures([9, 1]), pictures([0], 10))
    named = [*pictures([1], 1), *pictures([0], 10)]
    found = named_first(named, others)
    assert [own.item.id for own in found.best] == [1, 10, 0]
    assert found.rest == []
    first, second, third = (own.score for own in found.best)
    assert first > second > third == 9


def test_a_name_alone_is_sure() -> None:
    found = named_first(pictures([-5]), Answers([], []))
    assert found.best[0].score == pytest.approx(SURE, abs=1e-4)
    others = Answers(pictures([1]), [])
    assert named_first([], others) is others
