"""The command `transcribe`: forms, places, and what it says of damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cmsearch.commands import transcribe as command
from cmsearch.media.readers import make_reader
from tests import listeners, sounds
from tests.bad_sounds import riff
from tests.builders import write_files
from tests.commands import called
from tests.listeners import beeps

listener = listeners.listener
pytestmark = pytest.mark.skipif(
    bool(make_reader("audio").missing), reason="the extra audio isn't installed"
)


@pytest.fixture
def folder(tmp_path: Path, listener: str) -> Path:
    data = (beeps(0.4) * 32767).astype("<i2").tobytes()
    made = {
        "a.wav": sounds.wav(beeps(0.3, 0.0, 0.5)),
        "b.wav": sounds.wav(beeps(0.7)),
        "cut.wav": riff(data=data, claimed=10 * len(data)),
        "letter.mp3": b"Dear all,",
        "silent.wav": sounds.wav(sounds.silence(1)),
    }
    return write_files(tmp_path, made)


def test_text_is_written_to_stdout(folder: Path, listener: str) -> None:
    done = called("transcribe", folder / "a.wav", "--asr", listener)
    assert (done.returncode, done.stdout, done.stderr) == (0, "red 3\nred 5\n", "")


def test_several_files_are_told_apart(folder: Path, listener: str) -> None:
    done = called("transcribe", folder / "a.wav", folder / "b.wav", "--asr", listener)
    assert done.stdout == f"{folder}/a.wav:\nred 3\nred 5\n{folder}/b.wav:\nred 7\n"


def test_subtitles_go_to_a_file(folder: Path, listener: str) -> None:
    place = folder / "a.srt"
    done = called(
        *("transcribe", folder / "a.wav", "--asr", listener, "--format", "srt", "--out", place)
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert place.read_text().startswith("1\n00:00:00,000 --> 00:00:01,000\nred 3\n\n2\n00:00:02")


def test_several_go_to_a_folder(folder: Path, listener: str) -> None:
    files = (folder / "a.wav", folder / "b.wav", folder / "silent.wav")
    done = called(
        *("transcribe", *files, "--asr", listener, "--format", "vtt", "--out", f"{folder}/new/")
    )
    assert done.returncode == 0
    made = {path.name: path.read_text() for path in (folder / "new").iterdir()}
    assert made.keys() == {"a.vtt", "b.vtt", "silent.vtt"}
    assert made["silent.vtt"] == "WEBVTT\n\n"


def test_json_names_the_file_and_the_transcriber(folder: Path, listener: str) -> None:
    done = called("transcribe", folder / "b.wav", "--asr", listener, "--format", "json")
    assert json.loads(done.stdout) == {
        "path": f"{folder}/b.wav",
        "asr": listener,
        "segments": [{"start": 0.0, "end": 1.0, "text": "red 7"}],
    }


@pytest.mark.parametrize("options", [["--format", "srt"], ["--out", "both.txt"]])
def test_several_need_a_folder(folder: Path, listener: str, options: list[str]) -> None:
    done = called("transcribe", folder / "a.wav", folder / "b.wav", "--asr", listener, *options)
    assert done.returncode == 2
    assert "need a folder" in done.stderr


def test_no_file_is_replaced(folder: Path, listener: str) -> None:
    (folder / "a.txt").write_text("mine")
    for place in (folder / "a.txt", folder):
        done = called("transcribe", folder / "a.wav", "--asr", listener, "--out", place)
        assert done.returncode == 1
        assert f"{folder}/a.txt is there already" in done.stderr
    assert (folder / "a.txt").read_text() == "mine"
    assert listeners.heard == []


def test_a_place_that_cannot_be_is_told(folder: Path, listener: str) -> None:
    done = called("transcribe", folder / "a.wav", "--asr", listener, "--out", folder / "no/a.txt")
    assert (done.returncode, "can't be written" in done.stderr) == (1, True)


def test_damage_is_told_after_what_was_said(folder: Path, listener: str) -> None:
    files = (folder / "letter.mp3", folder / "cut.wav", folder / "b.wav")
    done = called("transcribe", *files, "--asr", listener, "--format", "json")
    assert done.returncode == 3
    heard = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(Path(one["path"]).name, len(one["segments"])) for one in heard] == [
        ("cut.wav", 1),
        ("b.wav", 1),
    ]
    assert f"{folder}/letter.mp3: not a recording" in done.stderr
    assert f"{folder}/cut.wav: cut short: 00:00:01 of the 00:00:09" in done.stderr


def test_a_file_that_cannot_be_heard_is_an_error(folder: Path, listener: str) -> None:
    place = folder / "out.txt"
    done = called("transcribe", folder / "letter.mp3", "--asr", listener, "--out", place)
    assert done.returncode == 1
    assert f"{folder}/letter.mp3 can't be transcribed: not a recording" in done.stderr
    assert not place.exists()


@pytest.mark.parametrize(
    ("asr", "status"), [("none", 2), ("no such thing", 2), ("listener:gone", 1)]
)
def test_mistaken_names_are_told(folder: Path, asr: str, status: int) -> None:
    assert called("transcribe", folder / "a.wav", "--asr", asr).returncode == status


def test_progress_is_told_where_words_are_not_shown(
    folder: Path, listener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_PLAIN_SECONDS", 0.0)
    done = called("transcribe", folder / "a.wav", "--asr", listener)
    assert "a.wav: 00:00:01 of 00:00:03\n" in done.stderr
