"""Words become sentences that are found by themselves, with their times."""

from __future__ import annotations

import pytest

from cmsearch.models.transcribers.sentences import FEW, LONG, MOST, Word, segments


def spoken(text: str, pace: float = 0.4, *, gap: float = 0.05, start: float = 0.0) -> list[Word]:
    """The words of a text, each `pace` seconds after the one before."""
    return [
        Word(start + place * pace, start + (place + 1) * pace - gap, f" {word}")
        for place, word in enumerate(text.split())
    ]


def texts(words: list[Word]) -> list[str]:
    return [segment.text for segment in segments(words)]


A = "Two brown dogs chase a ball."
B = "A horse jumps over the fence."


def test_each_sentence_is_a_segment() -> None:
    words = spoken(f"{A} {B}")
    first, second = segments(words)
    assert (first.text, second.text) == (A, B)
    assert (first.start, first.end) == (words[0].start, words[5].end)
    assert (second.start, second.end) == (words[6].start, words[-1].end)


@pytest.mark.parametrize("mark", ["!", "?", "…", '."', ".)", "。"])
def test_sentences_end_with_any_mark(mark: str) -> None:
    assert len(texts(spoken(f"One two three four five{mark} Six seven eight nine ten."))) == 2


def test_a_short_sentence_goes_with_its_neighbour() -> None:
    assert texts(spoken(f"Yes. {A}")) == [f"Yes. {A}"]
    assert texts(spoken(f"{A} Good dogs.")) == [f"{A} Good dogs."]
    assert texts(spoken("Yes. No. Maybe.")) == ["Yes. No. Maybe."]


def test_a_short_sentence_far_away_is_alone() -> None:
    assert texts([*spoken("Yes."), *spoken(A, start=5)]) == ["Yes.", A]


def test_short_ones_don_t_add_up_without_end() -> None:
    words = spoken("Yes. " * 200)
    assert max(one.end - one.start for one in segments(words)) <= MOST


def test_a_long_pause_ends_a_sentence() -> None:
    words = [*spoken("So what we have here is"), *spoken("the biggest of all of them", start=9)]
    assert texts(words) == ["So what we have here is", "the biggest of all of them"]


def test_a_long_sentence_is_parted_at_breaths() -> None:
    early = spoken("two dogs, a cat, and five geese,")  # no pause after these commas
    late = spoken("a horse that jumps over the fence of the old farm,", start=early[-1].end + 0.5)
    last = spoken("and nobody who looks at any of them.", start=late[-1].end + 0.5)
    words = [*early, *late, *last]
    assert words[-1].end - words[0].start > LONG
    assert texts(words) == [
        "two dogs, a cat, and five geese,",
        "a horse that jumps over the fence of the old farm,",
        "and nobody who looks at any of them.",
    ]


def test_a_sentence_without_end_is_parted() -> None:
    words = spoken(" ".join(f"word{number}" for number in range(300)))
    found = list(segments(words))
    assert " ".join(one.text for one in found).split() == [word.text.strip() for word in words]
    assert all(one.end - one.start <= MOST for one in found)
    assert min(len(one.text.split()) for one in found) >= FEW


def test_one_without_end_is_parted_after_a_comma_rather() -> None:
    told = " ".join(f"word{number}{',' if number == 60 else ''}" for number in range(100))
    assert texts(spoken(told))[0].endswith("word60,")


def test_nothing_is_said() -> None:
    assert texts([]) == []
