"""Sound that isn't speech by the command itself, with a small CLAP of random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cmsearch.media.readers import make_reader
from cmsearch.models.encoders.exports import cache_dir
from cmsearch.models.encoders.towers_onnx import folder_name
from cmsearch.store.store import Store
from tests import sounds
from tests.commands import called

pytestmark = pytest.mark.skipif(
    bool(make_reader("audio").missing), reason="the extra audio isn't installed"
)


def test_sounds_are_indexed_searched_and_left_out_without_their_model(
    tiny_clap: Path, tmp_path: Path
) -> None:
    model, folder = tmp_path / "clap", tmp_path / "media"
    shutil.copytree(tiny_clap, model)
    folder.mkdir()
    (folder / "noise.wav").write_bytes(sounds.wav(sounds.noise(12)))
    (folder / "music.wav").write_bytes(sounds.wav(sounds.chords(3)))
    (folder / "sea.txt").write_text("A dog barks at the sea.\n")
    options = ("--model", "lite", "--asr", "none", "--sound", model)
    done = called("index", folder, *options)
    assert done.returncode == 0, done.stderr
    assert "1 passage, 3 sounds" in done.stdout

    done = called("search", "a dog", "--store", folder, "--for", "sound", "--format", "json")
    hits = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(hit["kind"], hit["modality"], hit["text"]) for hit in hits} == {
        ("sound", "sound", None)
    }
    assert {hit["source"] for hit in hits} == {
        "music.wav@00:00:00–00:00:03",
        "noise.wav@00:00:00–00:00:10",
        "noise.wav@00:00:10–00:00:12",
    }
    done = called("search", "a dog", "--store", folder, "--per-modality")
    assert [line for line in done.stdout.splitlines() if line.isalpha()] == ["Texts", "Sounds"]
    done = called("info", "--store", folder)
    assert f"sound     transformers:{model}" in done.stdout

    with Store(folder / ".cmsearch") as store:
        found = store.catalog.sound_space()
    assert found is not None
    shutil.rmtree(cache_dir() / folder_name(found[1]))
    shutil.rmtree(model)
    done = called("search", "a dog", "--store", folder)
    assert done.returncode == 0 and "sea.txt" in done.stdout
    assert "There is no model in" in done.stderr and "sounds are left out" in done.stderr
    done = called("search", "a dog", "--store", folder, "--for", "sound")
    assert done.returncode == 1 and not done.stdout
    assert "There is no model in" in done.stderr and "Traceback" not in done.stderr
    done = called("index", folder, "--sound", "none")
    assert done.returncode == 0 and ", 3 sounds" not in done.stdout
