"""Cutting text, and making it safe to show."""

import time

import pytest

from cmsearch.text import PASSAGE_WORDS, passages, pieces, printable, sentences


def words(count: int, word: str = "word") -> str:
    """A sentence of so many words."""
    return " ".join([word] * count) + "."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("One.", ["One."]),
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("Version 3.11 is out.", ["Version 3.11 is out."]),
        ("一。二！三？", ["一。", "二！", "三？"]),
        ("  One.\n\tTwo.  ", ["One.", "Two."]),
        ('He said "Yes." She left.', ['He said "Yes."', "She left."]),
        ("(It rained.) We stayed.", ["(It rained.)", "We stayed."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_short_paragraph_is_one_passage_with_its_lines() -> None:
    lines = ["", "One. Two", "goes on. Three.", "", "", "Four."]
    assert list(passages(lines)) == [(2, 3, "One. Two goes on. Three."), (6, 6, "Four.")]


def test_a_passage_ends_with_the_sentence_that_fills_it() -> None:
    first, second, third = words(PASSAGE_WORDS - 1), words(2), words(3)
    assert list(passages([first, second, third])) == [(1, 2, f"{first} {second}"), (3, 3, third)]


def test_two_passages_can_share_a_line() -> None:
    full = words(PASSAGE_WORDS)
    lines = [f"{full} {words(1, 'left')}", words(1, "over")]
    assert list(passages(lines)) == [(1, 1, full), (1, 2, "left. over.")]


def test_equal_sentences_keep_their_own_lines() -> None:
    full = words(PASSAGE_WORDS)
    assert [(first, last) for first, last, _ in passages([full] * 3)] == [(1, 1), (2, 2), (3, 3)]


def test_a_paragraph_of_many_lines_takes_time_in_proportion() -> None:
    start = time.perf_counter()
    found = list(passages([words(8)] * 30_000))
    assert len(found) == 30_000 * 8 // PASSAGE_WORDS
    assert time.perf_counter() - start < 1.5  # a tenth of that; 5 s where time grows as its square


def test_text_that_fits_is_one_piece() -> None:
    assert pieces(" as it is. Even so. ", lambda piece: True) == [" as it is. Even so. "]


def test_pieces_end_with_sentences_where_they_can() -> None:
    found = pieces("One two. Three. Four five six.", lambda piece: len(piece.split()) <= 3)
    assert found == ["One two. Three.", "Four five six."]


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    found = pieces("a b c d e. f.", lambda piece: len(piece.split()) <= 2)
    assert found == ["a b", "c d", "e.", "f."]


def test_a_word_that_is_too_long_is_cut_in_halves() -> None:
    assert pieces("abcdef", lambda piece: len(piece) <= 2) == ["a", "bc", "d", "ef"]


def test_white_space_around_a_text_does_not_cut_it() -> None:
    assert pieces(" ab ", lambda piece: len(piece) <= 2) == ["ab"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines\r\n\tand a tab", "two lines   and a tab"),
        ("\x1b[31mred\x1b[0m\a", "[31mred[0m"),
        ("a\u202eb\u200bc", "abc"),  # turns the writing round; no width
        ("a\u2028b", "a b"),
        ("half of a pair \ud83d", "half of a pair "),
        ("café 東京 🙂", "café 東京 🙂"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected
