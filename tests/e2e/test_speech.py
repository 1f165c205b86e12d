"""Speech from end to end, with the model that the extra `audio` brings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cmsearch.media.readers import make_reader
from tests.bad_files import DATA
from tests.bad_sounds import bad_sounds, good_sounds
from tests.builders import write_files
from tests.commands import cmsearch
from tests.e2e.test_bad_files import index

pytestmark = pytest.mark.skipif(
    bool(make_reader("audio").missing), reason="the extra audio isn't installed"
)
MOST = 1100.0
"""MB of a run over small files with lite and tiny.en: what the two and their libraries take."""


def test_speech_finds_and_is_found(sample: Path, tmp_path: Path) -> None:
    """Files that are bad in any way are reported, and take no more memory than others.

    `sample` has lite prepared, which takes more.
    """
    bad, good = bad_sounds(), good_sounds()
    write_files(tmp_path, {name: data for name, (data, _) in bad.items()} | good)
    for name in ("dogs.ogg", "harbour.mp3"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    run = index(tmp_path)
    assert run.status == 3
    assert run.reasons().keys() == bad.keys()
    assert run.report["items"] == {"transcript": 3}
    if sys.platform == "linux":
        assert run.peak < MOST
    done = cmsearch("search", "--store", tmp_path / ".cmsearch", "a ship", "--format", "json")
    first = json.loads(done.stdout.splitlines()[0])
    assert (Path(first["path"]).name, first["kind"]) == ("harbour.mp3", "transcript")
    assert "boats" in first["text"].lower()
    assert (first["start"], first["end"]) == pytest.approx((5.3, 7.8), abs=0.3)


def test_a_recording_becomes_subtitles() -> None:
    done = cmsearch("transcribe", DATA / "harbour.mp3", "--format", "srt")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.lower().split("\n")
    assert lines[0] == "1" and " --> " in lines[1]
    assert lines[2:4] == ["the lighthouse stands on a rocky cliff", "above the sea."]
