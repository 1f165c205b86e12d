"""No text is lost when it is cut, whatever the text."""

from __future__ import annotations

import os
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.common.text import caseless, native, passages, pieces, printable, sentences, storable

# Mostly what sentences end with, so that few examples see many ends.
prose = st.text(st.sampled_from("ab .!…\"'”) 。\n\t"), max_size=200) | st.text(max_size=200)
# A file's lines never hold an end of line.
line = st.text(st.sampled_from("ab .!?\"') "), max_size=60)
long_line = st.integers(1, 100).map(lambda count: "word. " * count)


def without_space(text: str) -> str:
    return "".join(text.split())


@given(prose)
def test_sentences_keep_every_character(text: str) -> None:
    assert without_space("".join(sentences(text))) == without_space(text)


@given(prose, st.integers(1, 20))
def test_pieces_keep_every_character(text: str, length: int) -> None:
    found = pieces(text, lambda piece: len(piece) <= length)
    assert without_space("".join(found)) == without_space(text)


@given(prose, st.integers(1, 20))
def test_each_piece_fits_or_is_one_character(text: str, length: int) -> None:
    found = pieces(text, lambda piece: len(piece) <= length)
    assert all(len(piece) <= length for piece in found if piece.strip())


@given(prose, st.integers(1, 20))
def test_a_piece_that_can_never_fit_is_one_character(text: str, length: int) -> None:
    found = pieces(text, lambda piece: False)
    assert all(len(piece) == 1 for piece in found if piece.strip())


@given(st.lists(line | long_line, max_size=30))
def test_passages_keep_every_character(lines: list[str]) -> None:
    found = [text for _, _, text in passages(lines)]
    assert without_space("".join(found)) == without_space("".join(lines))


@given(st.lists(line | long_line, max_size=30))
def test_a_passage_stands_in_its_lines(lines: list[str]) -> None:
    reached = 1
    for first, last, text in passages(lines):
        assert reached <= first <= last <= len(lines)
        assert without_space(text) in without_space("".join(lines[first - 1 : last]))
        reached = last


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char).startswith("C") for char in shown)
    assert printable(shown) == shown


@given(st.binary())
def test_any_name_of_a_file_has_a_form_that_leads_back_to_it(name: bytes) -> None:
    try:
        form = storable(os.fsdecode(name))
    except ValueError:
        assert any(char >= "\U0010ff80" for char in name.decode(errors="replace"))
        return
    assert form.encode().decode() == form
    assert os.fsencode(native(form)) == name


@given(st.text())
def test_what_is_alike_stays_alike(name: str) -> None:
    assert caseless(caseless(name)) == caseless(name)
    for form in ("NFC", "NFD"):
        assert caseless(unicodedata.normalize(form, name)) == caseless(name)  # type: ignore[arg-type]
