"""Spoken queries: which words of them are the query, and what is told of those that are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from cmsearch.errors import MediaError, QueryError
from cmsearch.models.transcribers import transcripts
from cmsearch.search.query import voice
from cmsearch.search.query.voice import MOST_WORDS, asked_for, understood
from cmsearch.types import Segment


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("A red car.", "A red car"),
        ("Search for a red car.", "a red car"),
        ("search for: a red car", "a red car"),
        ("Please look for a red car, please.", "a red car"),
        ("Find me a red car!", "a red car"),
        ("Find a red car.", "a red car"),
        ("Show me photos of a red car", "a red car"),
        ("Show me all the pictures of snow.", "all the pictures of snow"),
        ("Show me all pictures with snow.", "snow"),
        ("Could you please show me a picture of a cat?", "a cat"),
        ("Finding Nemo", "Finding Nemo"),
        ("Find Nemo.", "Find Nemo"),
        ("Show jumping", "Show jumping"),
        ("Show me.", "Show me"),
        ("Photos of a wedding", "Photos of a wedding"),
        ("A man searching for gold", "A man searching for gold"),
        (
            "A beach, not people, minus clouds + 2:dogs",
            "A beach, not people, minus clouds + 2:dogs",
        ),
        ('The word "stop"', 'The word "stop"'),
        ("", ""),
    ],
)
def test_only_the_words_that_ask_are_left_out(said: str, asked: str) -> None:
    assert asked_for(said) == asked


def test_what_is_said_is_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    heard(monkeypatch, "Find me a dog", " on  the\nbeach.")
    assert understood(b"RIFF") == "a dog on the beach"


@pytest.mark.parametrize("said", ["", "...", " ♪ "])
def test_that_no_word_was_understood_is_told(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    heard(monkeypatch, said)
    with pytest.raises(QueryError, match="no word that was understood"):
        understood(b"RIFF")


def test_a_speech_is_no_query_and_is_not_heard_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "word " * 50

    heard(monkeypatch, more=endless())
    with pytest.raises(QueryError, match=f"more than {MOST_WORDS} words"):
        understood(b"RIFF")


def test_what_was_heard_before_the_damage_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(text: str) -> Iterator[str]:
        if text:
            yield text
        raise MediaError("cut short")

    heard(monkeypatch, more=damaged("a red car"))
    assert understood(b"RIFF") == "a red car"
    heard(monkeypatch, more=damaged(""))
    with pytest.raises(MediaError, match=r"^The recording can't be searched with: cut short\.$"):
        understood(b"RIFF")


def test_what_is_no_recording_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match=r"no\.wav can't be searched with: No such file"):
        understood(tmp_path / "no.wav")
    with pytest.raises(MediaError, match="can't be searched with"):
        understood(tmp_path)
    with pytest.raises(MediaError, match="can't be searched with"):
        understood("zero\0.wav")
    with pytest.raises(QueryError, match="not int"):
        understood(5)
    monkeypatch.setattr(voice, "MOST_BYTES", 2**20)
    with pytest.raises(MediaError, match="larger than 1 MiB"):
        understood(b"x" * (2**20 + 1))
    (tmp_path / "note.wav").write_text("a text")
    with pytest.raises(MediaError, match=r"note\.wav can't be searched with"):
        understood(tmp_path / "note.wav")


def heard(monkeypatch: pytest.MonkeyPatch, *texts: str, more: Iterable[str] = ()) -> None:
    """Let these be what is said in any recording."""

    def transcribe(source: object, asr: str | None = None) -> Iterator[Segment]:
        yield from (Segment(0.0, 1.0, text) for text in texts)
        yield from (Segment(1.0, 2.0, text) for text in more)

    monkeypatch.setattr(transcripts, "transcribe", transcribe)
