"""Subtitles: what SubRip and WebVTT say, and how cues are joined."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.errors import MediaError
from cmsearch.media import subtitles
from cmsearch.media.subtitles import Cue, SubtitlesReader, cues, joined
from cmsearch.types import Part, Reading, Skipped

SRT = """1
00:00:01,000 --> 00:00:02,500
A <i>brown</i> cat
sits on a sofa.

2
00:01:00,5 --> 00:01:02,000 X1:40
{\\an8}It&#39;s asleep.
"""
VTT = """WEBVTT - made by hand

NOTE a comment
of two lines

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Ann>A <c.loud>brown</c> cat &amp; a dog

01:00:00.000 --> 01:00:02.000
An hour later
"""


def read(path: Path, text: str | bytes) -> list[Part | Skipped]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(SubtitlesReader().read(path, Reading(16)))


def said(path: Path, text: str | bytes) -> list[tuple[str, str]]:
    found = read(path, text)
    return [(part.locator, part.content) for part in found if isinstance(part, Part)]


def test_subrip_is_read(tmp_path: Path) -> None:
    assert said(tmp_path / "a.srt", SRT) == [
        ("1.000-2.500", "A brown cat sits on a sofa."),
        ("60.500-62.000", "It's asleep."),
    ]


def test_webvtt_is_read(tmp_path: Path) -> None:
    assert said(tmp_path / "a.vtt", VTT) == [
        ("1.000-2.500", "A brown cat & a dog"),
        ("3600.000-3602.000", "An hour later"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_are_those_of_other_text(
    tmp_path: Path, encoding: str, end: str
) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nEin Kätzchen – süß\n".replace("\n", end)
    found = said(tmp_path / "a.srt", text.encode(encoding))
    assert found == [("1.000-2.000", "Ein Kätzchen – süß")]


def test_cues_need_no_empty_line_between_them(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:22,000 --> 00:00:23,000\nTwo\n"
    assert [one for _, one in said(tmp_path / "a.srt", text)] == ["One", "Two"]


def test_broken_cues_are_skipped_by_line(tmp_path: Path) -> None:
    text = SRT + "\n3\n00:00:xx --> 1\nNo\n\n4\n00:00:09,000 --> 00:00:08,000\nBackwards\n"
    found = [part for part in read(tmp_path / "a.srt", text) if isinstance(part, Skipped)]
    assert [(one.locator, one.reason) for one in found] == [
        ("11", "not two times with --> between them"),
        ("15", "ends before it begins"),
    ]


@pytest.mark.parametrize("text", ["Dear all,\n", "1\n2\n3\n", "<html>", "WEBVTT\n\nno time here"])
def test_what_has_no_times_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(MediaError, match="no subtitles"):
        read(tmp_path / "a.srt", text)


@pytest.mark.parametrize("text", ["", "\n\n", "WEBVTT\n\n"])
def test_what_is_empty_says_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "a.vtt", text) == []


def test_a_file_that_is_too_large_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmsearch.media.subtitles.MAX_BYTES", 10)
    with pytest.raises(MediaError, match="larger than"):
        read(tmp_path / "a.srt", SRT)


def test_cues_are_joined_up_to_the_end_of_a_sentence() -> None:
    found = joined([Cue(0, 2, "The cat"), Cue(2, 4.5, "sleeps."), Cue(4.5, 6, "It snows.")])
    assert list(found) == [Cue(0, 4.5, "The cat sleeps."), Cue(4.5, 6, "It snows.")]


def test_short_sentences_are_joined() -> None:
    found = joined([Cue(0, 1, "Yes."), Cue(1, 2, "Really?"), Cue(2, 5, "I am sure.")])
    assert [cue.text for cue in found] == ["Yes. Really? I am sure."]


def test_a_pause_parts_cues() -> None:
    assert len(list(joined([Cue(0, 1, "The cat"), Cue(3.5, 4, "sleeps.")]))) == 2


def test_no_more_than_ten_seconds_are_joined() -> None:
    found = list(joined([Cue(n, n + 1, "and") for n in range(25)]))
    assert [(cue.start, cue.end) for cue in found] == [(0, 10), (10, 20), (20, 25)]


def test_rolling_captions_say_everything_once() -> None:
    rolling = ["the cat sat", "the cat sat on the mat", "on the mat and slept"]
    (cue,) = joined([Cue(n, n + 1, text) for n, text in enumerate(rolling)])
    assert cue.text == "the cat sat on the mat and slept"


def test_times_may_be_out_of_order(tmp_path: Path) -> None:
    text = "00:00:20,000 --> 00:00:21,000\nLater\n\n00:00:01,000 --> 00:00:02,000\nFirst\n"
    assert [one for _, one in said(tmp_path / "a.srt", text)] == ["First", "Later"]


def test_many_marks_take_no_longer_than_other_text() -> None:
    line = "<" * 100_000 + "{\\" * 100_000
    assert list(cues(["00:01.000 --> 00:02.000", line])) == [Cue(1, 2, line)]


def test_cues_that_are_all_shown_at_once_are_joined_up_to_a_number() -> None:
    """Else each would be compared with all before it."""
    found = [subtitles.Cue(1.0, 2.0, f"word{number}") for number in range(1000)]
    assert len(list(subtitles.joined(found))) == 5


def test_of_countless_cues_the_first_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subtitles, "MAX_CUES", 2)
    path = tmp_path / "a.srt"
    path.write_text("".join(f"00:00:0{n},000 --> 00:00:0{n},900\nHello.\n\n" for n in range(5)))
    found = list(subtitles.SubtitlesReader().read(path, Reading(64)))
    assert [one.reason for one in found if isinstance(one, Skipped)] == [
        "what comes after 2 cues is left out"
    ]
    assert len([one for one in found if isinstance(one, Part)]) == 1
