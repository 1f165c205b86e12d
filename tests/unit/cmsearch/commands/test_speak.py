"""`cmsearch speak`, and hits that are read aloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.commands.asking import DOUBT
from cmsearch.show import wav
from cmsearch.show.text_to_speech import MOST
from tests.commands import called
from tests.programs import PLAYS, SPEAKS, Programs, programs, tone

__all__ = ["programs"]


@pytest.fixture
def voiced(programs: Programs) -> Programs:
    """With programs that speak and play."""
    programs.add("espeak-ng", SPEAKS)
    programs.add("aplay", PLAYS)
    return programs


def test_a_text_is_played(voiced: Programs) -> None:
    result = called("speak", "three dogs", "--voice", "de")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert voiced.said == "three dogs."
    assert "de" in voiced.arguments
    assert voiced.played == tone()


def test_a_text_is_written(voiced: Programs, tmp_path: Path) -> None:
    target = tmp_path / "spoken.wav"
    for _ in range(2):  # a recording of its own is replaced
        result = called("speak", "-", "--out", target, stdin="zwölf\nKatzen".encode())
        assert result.returncode == 0 and "Written to" in result.stderr
    assert voiced.said == "zwölf. Katzen."
    assert wav.duration(target.read_bytes()) == wav.duration(tone())
    assert voiced.played is None
    target.write_bytes(b"somebody's")
    result = called("speak", "x", "--out", target)
    assert result.returncode == 1 and "wasn't written by cmsearch" in result.stderr
    assert target.read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "said"),
    [
        (["..."], b"", 2, "nothing in the text"),
        (["-"], b"", 2, "nothing in the text"),
        (["-"], b"\xff\xfe\x00", 2, "nothing in the text"),
        (["-"], b"x" * 10 * MOST, 2, f"and {MOST} are spoken at once"),
        (["x", "--out", "x.mp3"], b"", 1, "ends with .wav"),
        (["x", "--out", "no/x.wav"], b"", 1, "can't be written"),
        (["x", "--engine", "piper"], b"", 1, "piper isn't installed"),
        (["x", "--voice", "-v"], b"", 2, "no voice of espeak-ng"),
    ],
)
def test_what_cannot_be_spoken_is_told(
    voiced: Programs, arguments: list[str], stdin: bytes, status: int, said: str
) -> None:
    result = called("speak", *arguments, stdin=stdin)
    assert result.returncode == status
    assert said in result.stderr


def test_that_nothing_plays_is_told_before_anything_is_spoken(programs: Programs) -> None:
    programs.add("espeak-ng", SPEAKS)
    result = called("speak", "x")
    assert result.returncode == 1 and "--out FILE.wav" in result.stderr
    assert not (programs.folder / "said").exists()


def test_hits_are_read_aloud(folder: Path, voiced: Programs) -> None:
    plain = called("search", "red", "--for", "image", "-k", "2")
    result = called("search", "red", "--for", "image", "-k", "2", "--speak")
    assert result.stdout == plain.stdout
    assert voiced.said == "First: a, photo. Second: blue, photo."
    assert voiced.played == tone()


def test_hits_are_written_as_a_recording(folder: Path, voiced: Programs, tmp_path: Path) -> None:
    called("search", "red", "--for", "caption", "-k", "1")
    result = called("again", "--speak-to", tmp_path / "a.wav")
    assert result.returncode == 0, result.stderr
    assert voiced.said == "First: a, caption: red."
    assert voiced.played is None and (tmp_path / "a.wav").is_file()


def test_that_probably_nothing_is_meant_is_said(folder: Path, voiced: Programs) -> None:
    called("search", "quite another matter", "--for", "image", "-k", "1", "--speak")
    assert voiced.said.startswith(f"{DOUBT} First: ")


def test_that_nothing_was_found_is_said(folder: Path, voiced: Programs) -> None:
    called("search", "red", "--path", "nowhere", "--speak")
    assert voiced.said == "Nothing was found."


def test_nothing_is_searched_if_nothing_can_speak(folder: Path, programs: Programs) -> None:
    result = called("search", "red", "--speak")
    assert (result.returncode, result.stdout) == (1, "")
    assert "Nothing here speaks" in result.stderr
    programs.add("espeak-ng", SPEAKS)
    result = called("search", "red", "--speak")
    assert (result.returncode, result.stdout) == (1, "")
    assert "--speak-to FILE.wav" in result.stderr


def test_a_session_speaks(folder: Path, voiced: Programs, tmp_path: Path) -> None:
    lines = f"red\n:speak\n:speak {tmp_path / 'a.wav'}\n:speak {tmp_path / 'a.mp3'}\n"
    result = called("shell", "--for", "image", stdin=lines.encode())
    assert "ends with .wav" in result.stderr
    assert voiced.said.startswith("First: a, photo. Second:")
    assert voiced.played == tone() and (tmp_path / "a.wav").is_file()
    result = called("shell", stdin=b":speak\n")
    assert "nothing to read" in result.stderr
