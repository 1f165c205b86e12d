"""What is said of hits: names, kinds, places and times in words, and not too much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.show.spoken_hits import described, in_words, said_of, shortened
from cmsearch.show.text_to_speech import MOST, speakable
from cmsearch.types import Hit, Modality

PHOTO = Hit(
    rank=1, score=1.0, path=Path("/photos/tabby_cat.jpg"), source="tabby_cat.jpg",
    modality=Modality.IMAGE, kind="photo", text=None,
)  # fmt: skip


def hit(kind: str, text: str | None = None, **changes: object) -> Hit:
    return replace(PHOTO, kind=kind, text=text, path=Path("/a/bee_talk-2.x"), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (PHOTO, "tabby cat, photo."),
        (hit("caption", "A bee on a flower."), "bee talk 2, caption: A bee on a flower."),
        (
            hit("transcript", "They come back.", start=83.4, end=90.0),
            "bee talk 2, transcript at 1 minute 23 seconds: They come back.",
        ),
        (hit("shot", start=3601.0, end=3605.0), "bee talk 2, shot at 1 hour 1 second."),
        (hit("page", page=3), "bee talk 2, page 3."),
        (hit("passage", "Bees sting.", page=2), "bee talk 2, passage on page 2: Bees sting."),
        (hit("passage", "Bees sting."), "bee talk 2, passage: Bees sting."),
    ],
)
def test_a_hit_is_a_sentence(found: Hit, said: str) -> None:
    assert described(found) == said


def test_the_first_five_are_read() -> None:
    text = said_of([PHOTO] * 7, doubt="Doubtful.").splitlines()
    assert text[0] == "Doubtful."
    assert text[1] == "First: tabby cat, photo."
    assert text[5] == "Fifth: tabby cat, photo."
    assert text[6:] == ["And 2 more."]
    assert said_of([PHOTO]) == "First: tabby cat, photo."
    assert said_of([]) == "Nothing was found."


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "the beginning"),
        (1.9, "1 second"),
        (60, "1 minute"),
        (7325, "2 hours 2 minutes 5 seconds"),
    ],
)
def test_times_are_said_in_words(seconds: float, said: str) -> None:
    assert in_words(seconds) == said


def test_a_long_text_is_cut_after_a_sentence_or_a_word() -> None:
    assert shortened("One two. Three four five.", 12) == "One two."
    assert shortened("One two three four", 12) == "One two …"
    assert shortened("x" * 30, 12) == f"{'x' * 12} …"


@given(st.lists(st.text(max_size=3000), max_size=8), st.text(min_size=1, max_size=255))
def test_whatever_the_hits_say_can_be_spoken(texts: list[str], name: str) -> None:
    path = Path("/a") / (name.replace("/", "").replace("\0", "") or "x")
    said = said_of([replace(PHOTO, kind="caption", text=text, path=path) for text in texts])
    assert len(speakable(said)) <= MOST
