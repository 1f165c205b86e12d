"""The words of texts and paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.store.catalog.terms import LONGEST, path_terms, terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A man, riding: a BIKE!", "a man riding a bike"),
        ("Don't—“stop”", "don t stop"),
        ("Ünïcode ÇAFÉ e\u0301te\u0301 straße İzmir", "unicode cafe ete strasse izmir"),
        ("Ελλάδα Ёлка", "ελλαδα елка"),
        ("ＦＵＬＬ　ﬁne ²", "full fine 2"),
        ("co\u00adop \u200eleft", "coop left"),
        ("हिन्दी में", "हिन्दी में"),
        ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
        ("한국어 텍스트", "한국어 텍스트"),
        ("猫の絵 2 ok", "猫 の 絵 猫の の絵 2 ok"),
        ("が\u304b\u3099", "が が がが"),
        ("❤️ ☃ \u0301 - _", ""),
        ("a\0b\ud800c\U0010ff80d", "a b c d"),
        ("AND or NEAR(x) y* ^z :w", "and or near x y z w"),
    ],
)
def test_words_of_a_text(text: str, words: str) -> None:
    assert terms(text) == words.split()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Grandma's 80th/IMG_2041.jpg", "grandma s 80th img 2041"),
        ("BirthdayParty.jpg", "birthdayparty birthday party"),
        ("DSC0042.NEF", "dsc0042 dsc 0042"),
        ("2019Paris/XMLFile.png", "2019paris 2019 paris xmlfile xml file"),
        ("50mm A4.tif", "50mm a4 a 4"),
        ("v1.2/no.5.jpg", "v1 v 1 2 no 5"),
        ("a/.jpg", "a jpg"),
        ("ÉtéÀParis.jpg", "eteaparis ete a paris"),
        ("東京2020.jpg", "東 京 東京 2020"),
        ("a\U0010ff80b.jpg", "a b"),
        ("jpg", "jpg"),
        ("", ""),
    ],
)
def test_words_of_a_path(path: str, words: str) -> None:
    assert path_terms(path) == words.split()


def test_a_long_word_is_cut() -> None:
    assert terms("x" * 1000) == ["x" * LONGEST]
    assert terms("é" * 1000) == ["e" * LONGEST]


@given(st.text(st.characters()))
def test_words_can_be_stored_and_divided_at_their_spaces(text: str) -> None:
    for words in (terms(text), path_terms(text)):
        assert " ".join(words).split(" ") == (words or [""])
        assert all(word and '"' not in word and "\0" not in word for word in words)
        assert " ".join(words).encode().decode().split() == words


@given(st.text())
def test_case_makes_no_difference(text: str) -> None:
    assert terms(text.casefold()) == terms(text)
