"""The command `fit` in a process, in both forms, with the way back and its mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.commands.fit import fit
from tests.processes import faked, json_lines
from tests.unit.cmsearch.learning.test_fit_adapter import write_album

MODEL = "fake:colours"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_album(tmp_path_factory.mktemp("fit") / "photos")
    faked("index", folder, "--model", MODEL)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "photos"))


def serving(folder: Path) -> str:
    rows = json_lines(faked("generations", "--store", folder, "--format", "json"))
    (model,) = (row["model"] for row in rows if row["state"] == "serves")
    return str(model)


def test_fit_keeps_what_is_better_and_rollback_goes_back(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    done = faked("fit", folder, "--export", path)
    told = done.stdout.decode()
    assert "text→image  60 queries" in told
    assert "kept: generation 2 serves, fake:colours+" in told
    assert f"written: {path}" in told
    assert "weights of evidence, from 60 captions: " in told and "before" in told
    assert serving(folder).startswith("fake:colours+")
    assert b"removed: the weights" in faked("fit", folder, "--forget").stdout
    assert b"no weights of evidence" in faked("fit", folder, "--forget").stdout
    faked("search", "--store", folder, "tomato tomato")
    faked("index", folder, "--model", path)
    faked("rollback", "--store", folder)
    assert serving(folder) == MODEL


def test_a_dry_run_prints_json_and_keeps_nothing(folder: Path) -> None:
    done = faked("fit", folder, "--dry-run", "--format", "json")
    row = json.loads(done.stdout)
    assert (row["pictures"], row["kept"], row["is_better"]) == (60, False, True)
    evidence = row["evidence"]
    assert evidence["after"] < evidence["before"] and not evidence["kept"]
    first = row["comparisons"][0]
    assert first["gain"]["mrr"]["low"] > 0
    assert first["before"]["mrr"]["value"] < first["after"]["mrr"]["value"]
    assert serving(folder) == MODEL


def test_what_is_not_better_is_refused(tmp_path: Path) -> None:
    folder = write_album(tmp_path / "photos", shuffled=True)
    faked("index", folder, "--model", MODEL)
    done = faked("fit", folder, status=3)
    assert b"Not kept" in done.stderr and b"kept: generation" not in done.stdout
    forced = faked("fit", folder, "--force", status=3)
    assert b"--force was given" in forced.stderr and b"kept: generation 2" in forced.stdout


def test_a_picture_and_a_text_are_joined_by_what_was_learned(
    folder: Path, tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--store", folder, "--image", folder / "00.png")
    summed = faked("search", *asked, "--text", "grass grass", "--format", "json")
    assert b"weighted sum; `cmsearch fit --fusion`" in summed.stderr
    monkeypatch.setattr("cmsearch.learning.fit_fusion.STEPS", 2)
    done = CliRunner().invoke(fit, [str(folder), "--fusion", "--force"], catch_exceptions=False)
    assert "picture + text→image  60 queries" in done.stdout
    assert "each fifth held out in turn" in done.stdout
    assert "kept: generation 2 serves, fake:colours+" in done.stdout
    assert "is kept since --force" in done.stderr
    joined = faked("search", *asked, "--text", "grass grass", "--format", "json")
    assert b"weighted sum" not in joined.stderr
    assert json_lines(joined) != json_lines(summed)
    fused = faked(
        "search", "grass grass", "--store", folder, "--match", "fused", "--format", "json"
    )
    assert all("fused" in row["stages"] for row in json_lines(fused) if row["kind"] == "photo")
    explained = ("explain", "red grass", folder / "01.png", *asked, "--force")
    out = ("--out", tmp_path / "a.png")
    row = json.loads(faked(*explained, *out, "--format", "json").stdout)["joined"]
    assert row["trained"] and row["words"][0] == "red"
    assert row["image"] + row["text"] == pytest.approx(1)
    assert "by the network, which adds" in faked(*explained, *out).stdout.decode()
    faked("rollback", "--store", folder)
    assert "not trained: the weighted sum" in faked(*explained, *out).stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--export", "a.txt"], "ends in .safetensors"),
        (["--dry-run", "--force"], "--dry-run keeps nothing"),
        (["--forget", "--force"], "--forget goes with"),
        (["--fusion", "--use-folders"], "--fusion learns from captions alone"),
        (["--export", "missing/a.safetensors"], "can't be written"),
    ],
)
def test_mistakes_are_told(folder: Path, arguments: list[str], message: str) -> None:
    done = faked("fit", folder, *arguments, status=None)
    assert done.returncode in (1, 2)
    assert message in done.stderr.decode()
