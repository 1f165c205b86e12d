"""`cmsearch train` by the command line: killed, resumed, and what it wrote indexed with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.commands import called
from tests.duals import SIDE, TOWER, coloured, coloured_pairs, write_text_tower

KILLED = """
import os, signal
from cmsearch.cli import main
from cmsearch.learning.training.saving import Checkpoints

save, saved = Checkpoints.save, []

def killed(self, *arguments):
    save(self, *arguments)
    saved.append(arguments)
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoints.save = killed
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with captions, and a text tower beside the folder."""
    place = tmp_path_factory.mktemp("train")
    (place / "set").mkdir()
    lines = []
    for pair in coloured_pairs(40):
        coloured(pair.image, SIDE).save(place / "set" / f"{pair.image}.png")
        lines.append(json.dumps({"image": f"{pair.image}.png", "caption": pair.caption}))
    (place / "set" / "captions.jsonl").write_text("\n".join(lines))
    (place / "text").mkdir()
    write_text_tower(place / "text", weights=False)
    return place


def arguments(folder: Path, out: str, *more: str) -> list[str]:
    towers = ["--image", TOWER, "--text", str(folder / "text"), "--random-towers", "image,text"]
    sizes = ["--size", str(SIDE), "--context", "24", "--dim", "16", "--batch", "8"]
    length = ["--epochs", "3", "--patience", "3", "--device", "cpu"]
    return ["train", str(folder / "set"), *towers, *sizes, *length, "--out", out, *more]


def killed(folder: Path, *command: str) -> None:
    """Run a training that is killed as its second checkpoint is there."""
    line = [sys.executable, "-c", KILLED, *command]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (folder / "killed.safetensors.training" / "checkpoint.pt").is_file()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch's sums depend on how many threads it has, here and in a process of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_a_killed_training_is_resumed_to_the_same_model(folder: Path) -> None:
    whole = called(*arguments(folder, "whole.safetensors", "--format", "json"), cwd=folder)
    assert whole.returncode == 0, whole.stderr
    killed(folder, *arguments(folder, "killed.safetensors", "--checkpoint-seconds", "0"))
    more = ("--resume", "--format", "json")
    resumed = called(*arguments(folder, "killed.safetensors", *more), cwd=folder)
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after" in resumed.stderr
    assert json.loads(resumed.stdout)["losses"] == json.loads(whole.stdout)["losses"]
    one, other = (folder / f"{name}.safetensors" for name in ("whole", "killed"))
    assert one.read_bytes() == other.read_bytes()
    assert not (folder / "killed.safetensors.training").exists()

    indexed = called("index", "set", "--model", "dual:killed.safetensors", cwd=folder)
    assert indexed.returncode == 0, indexed.stderr
    found = called(
        "search", "a red square 1", "--for", "image", "--format", "json", cwd=folder / "set"
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout.splitlines()[0])["kind"] == "photo"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model", "dual:a+b", "--image", "c"], "--model or by"),
        (["--model", "resnet18"], "dual:IMAGE+TEXT"),
        (["--freeze", "images"], "image,text"),
        (["--random-towers", "image", "--freeze", "image"], "don't freeze"),
        (["--image", "resnet18", "--text", "bert-base-uncased"], "--random-towers image"),
    ],
)
def test_mistakes_are_said_in_one_sentence(folder: Path, more: list[str], message: str) -> None:
    done = called("train", "set", "--out", "none.safetensors", *more, cwd=folder)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert not (folder / "none.safetensors.training").exists()


def test_a_folder_without_captions_teaches_nothing(tmp_path: Path) -> None:
    done = called("train", tmp_path, "--out", tmp_path / "a.safetensors")
    assert done.returncode == 2
    assert "captions" in done.stderr
    assert list(tmp_path.iterdir()) == []
