"""Transcripts in the forms that players and programs read."""

from __future__ import annotations

import json

from cmsearch.show.cues import WIDTH, subtitles, written
from cmsearch.types import Segment

TWO = [
    Segment(1.25, 2.5, "Two dogs."),
    Segment(3661.0, 3669.0, "A & B <i> " + "and a very long sentence " * 5 + "ends."),
]


def form(name: str) -> str:
    return "".join(written(name, "a.mp3", "faster-whisper:tiny.en", TWO))


def test_text_is_a_line_a_segment() -> None:
    assert form("text").split("\n")[0] == "Two dogs."
    assert len(form("text").split("\n")) == 3


def test_srt() -> None:
    lines = form("srt").split("\n")
    assert lines[:4] == ["1", "00:00:01,250 --> 00:00:02,500", "Two dogs.", ""]
    end = round(1000 * (1 + 8 * (40 + 34) / (40 + 34 + 39 + 24)))  # by the characters of its lines
    assert lines[4:6] == ["2", f"01:01:01,000 --> 01:01:0{end // 1000},{end % 1000}"]
    assert lines[6].startswith("A & B <i>")
    assert all(len(line) <= WIDTH for line in lines)


def test_vtt_escapes_what_would_be_markup() -> None:
    lines = form("vtt").split("\n")
    assert lines[:4] == ["WEBVTT", "", "00:00:01.250 --> 00:00:02.500", "Two dogs."]
    assert lines[6].startswith("A &amp; B &lt;i&gt;")


def test_json_is_one_line() -> None:
    whole = form("json")
    assert whole.count("\n") == 1
    value = json.loads(whole)
    assert (value["path"], value["asr"]) == ("a.mp3", "faster-whisper:tiny.en")
    assert value["segments"][0] == {"start": 1.25, "end": 2.5, "text": "Two dogs."}


def test_long_segments_are_shown_two_lines_at_a_time() -> None:
    parts = list(subtitles(TWO[1]))
    assert len(parts) == 2
    assert parts[0].end == parts[1].start
    assert (parts[0].start, parts[1].end) == (3661.0, 3669.0)
