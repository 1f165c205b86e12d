"""Cutting text, and making it safe to show."""

import json
import os
import time

import pytest

from cmsearch.common.text import (
    PASSAGE_WORDS,
    caseless,
    json_line,
    native,
    passages,
    pieces,
    printable,
    sentences,
    storable,
)


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
    start = time.process_time()
    found = list(passages([words(8)] * 90_000))
    assert len(found) == 90_000 * 8 // PASSAGE_WORDS
    assert time.process_time() - start < 8  # half a second; 45 s where time grows as its square


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
        ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨\u200d👩\u200d👧 ❤\ufe0f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_a_text_without_sentences_is_not_tried_as_a_whole_again_and_again() -> None:
    """What is asked of the tokenizer grows with the text, not with its square."""
    asked = 0

    def fits(piece: str) -> bool:
        nonlocal asked
        asked += len(piece)
        return len(piece) <= 1000

    text = "word " * 100_000
    assert len(pieces(text, fits)) == 500
    assert asked < 20 * len(text)


def test_bytes_that_are_no_utf8_have_a_form_that_is_shown() -> None:
    name = os.fsdecode(b"caf\xe9\x80.jpg")
    assert storable(name) == "caf\U0010ffe9\U0010ff80.jpg"
    assert printable(storable(name)) == printable(name) == "caf\ufffd\ufffd.jpg"


@pytest.mark.parametrize("name", ["\U0010ff80", "a\U0010ffff", "\ud800", "\udfff", "\udc7f\udce9"])
def test_names_that_could_be_confused_have_no_form(name: str) -> None:
    with pytest.raises(ValueError, match="rename it"):
        storable(name)


def test_native_leaves_other_names_alone() -> None:
    assert native("caf\u00e9\U0010ff7f.jpg") == "caf\u00e9\U0010ff7f.jpg"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("IMG_1.JPG", "img_1.jpg"),
        ("\u00e9", "e\u0301"),
        ("\u00c9", "e\u0301"),
        ("STRASSE", "stra\u00dfe"),
        ("\u01c5\u0323", "\u01c6\u0323"),
    ],
)
def test_names_that_are_alike(name: str, other: str) -> None:
    assert caseless(name) == caseless(other)


@pytest.mark.parametrize(("name", "other"), [("a", "b"), ("e", "\u00e9"), ("a.jpg", "a.jpeg")])
def test_names_that_are_not_alike(name: str, other: str) -> None:
    assert caseless(name) != caseless(other)


@pytest.mark.parametrize(
    "char", "\x7f\x9b\u202a\u202e\u2066\u2069\u200e\u200f\u061c\u2028\ufeff\U000e0001\udce9\n\0"
)
def test_json_has_no_character_that_steers_others(char: str) -> None:
    line = json_line({"a": f"x{char}é👨\u200d👩"})
    assert char not in line
    line.encode()
    assert json.loads(line) == {"a": f"x{char}é👨\u200d👩"}
    assert "é👨" in line


def test_json_leaves_what_can_be_shown() -> None:
    assert json_line({"ä": "日本\U0010ffe9"}) == '{"ä": "日本\U0010ffe9"}'
