"""Which lines are words, and which belong together."""

from __future__ import annotations

import pytest

from cmsearch.models.ocr.words import blocks, is_words, plain
from cmsearch.types import TextLine


@pytest.mark.parametrize(
    ("text", "score"),
    [("STOP", 0.9), ("EXIT", 0.71), ("Nr. 7", 0.96), ("bar", 0.9), ("出口", 0.97), ("1987", 0.8)],
)
def test_words_are_kept(text: str, score: float) -> None:
    assert is_words(text, score)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        *(("", 1.0), ("A", 0.99), ("立", 0.99), ("88", 0.99), ("AX", 0.9), ("bar", 0.8)),
        *(("==", 1.0), ("-.-.-", 1.0), ("words", 0.6), ("IIIIII", 0.99)),
    ],
)
def test_scraps_are_dropped(text: str, score: float) -> None:
    assert not is_words(text, score)


def test_texts_have_one_form_without_control_characters() -> None:
    assert plain("ＡＢ\x1b[31m  c\u200b\td") == "AB[31m c d"


def line(text: str, left: float, top: float, width: float = 0.3, height: float = 0.05) -> TextLine:
    right, bottom = left + width, top + height
    return TextLine(text, 1.0, (left, top, right, top, right, bottom, left, bottom))


def texts(*lines: TextLine) -> list[list[str]]:
    return [[one.text for one in own] for own in blocks(lines, (100, 100))]


def test_lines_below_and_beside_each_other_are_a_block() -> None:
    found = texts(line("third", 0.1, 0.17), line("first", 0.1, 0.1), line("second", 0.43, 0.105))
    assert found == [["first", "second", "third"]]


def test_what_is_far_away_or_of_another_size_is_another_block() -> None:
    assert texts(line("a", 0.1, 0.1), line("b", 0.1, 0.7)) == [["a"], ["b"]]
    assert texts(line("a", 0.1, 0.1), line("b", 0.1, 0.16, height=0.2)) == [["a"], ["b"]]


def test_many_lines_are_joined_over_those_between_them() -> None:
    many = [line(str(number), 0.1, 0.01 + 0.06 * number) for number in range(16)]
    assert texts(*reversed(many)) == [[one.text for one in many]]


def test_no_lines_are_no_blocks() -> None:
    assert blocks([], (10, 10)) == []


def test_lines_without_an_extent_are_blocks() -> None:
    assert len(texts(line("a", 0.5, 0.5, 0, 0), line("b", 0.1, 0.1, 0, 0))) == 2
