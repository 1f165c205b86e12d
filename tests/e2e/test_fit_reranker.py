"""`cmsearch fit --reranker`: kept, used, named, taken elsewhere, removed, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cmsearch.learning import fit_reranker
from cmsearch.learning.training.reranker import Settings
from tests.processes import faked, json_lines, script
from tests.spots import write_spots

MODEL = "fake:colours"
ASKED = ("red above last", "--for", "image", "--match", "picture", "--expand")


SEARCH = """
import sys
from cmsearch.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def fit(folder: Path, *arguments: object, steps: int = 100) -> tuple[int, str, str]:
    """The command with fewer steps than it takes by default, and two parts held out."""
    settings = Settings(width=16, rate=1e-2, dropout=0.1, steps=(steps, steps), checks=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_reranker, "FEW", 0)
        patch.setattr(fit_reranker, "SETTINGS", settings)
        done = faked("fit", folder, "--reranker", *arguments, status=None)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def hits(folder: Path, *arguments: object) -> list[dict[str, Any]]:
    return json_lines(faked("search", "--store", folder, *ASKED, *arguments, "--format", "json"))


def test_it_is_learned_used_exported_and_removed(tmp_path: Path) -> None:
    folder, file = write_spots(tmp_path / "photos"), tmp_path / "mine.safetensors"
    faked("index", folder, "--model", MODEL)
    status, told, _ = fit(folder, "--export", file)
    assert status == 0
    assert "two fifths held out in turn" in told
    assert "kept: searches rerank with" in told and f"written: {file}" in told
    found = hits(folder)
    assert set(found[0]["stages"]) == {"picture", "learned", "prior"}
    assert found[0]["score"] == pytest.approx(sum(found[0]["stages"].values()), abs=1e-5)
    with script(SEARCH, "search", "--store", folder, *ASKED, "--rerank", "learned") as process:
        assert process.communicate(timeout=600)[1].splitlines()[-1] == "False"  # no torch
    assert set(hits(folder, "--rerank", "none")[0]["stages"]) == {"picture", "prior"}
    picture = tmp_path / "explained.png"
    explained = faked("explain", ASKED[0], folder / "000.png", "--store", folder, "--out", picture)
    assert b"learned" in explained.stdout
    removed = faked("fit", folder, "--reranker", "--forget")
    assert b"removed: the reranker" in removed.stdout
    assert set(hits(folder)[0]["stages"]) == {"picture", "prior"}
    assert hits(folder, "--rerank", f"learned:{file}") == found


def test_what_is_not_better_is_refused(tmp_path: Path) -> None:
    folder = write_spots(tmp_path / "photos", 40, shuffled=True)
    faked("index", folder, "--model", MODEL)
    status, told, error = fit(folder, "--format", "json", steps=20)
    row = json.loads(told)
    assert (status, row["kept"], row["is_better"], row["exported"]) == (3, False, False, None)
    assert "Not kept" in error
    assert set(hits(folder)[0]["stages"]) == {"picture", "prior"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", ".", "--reranker", "--forget", "--force"], "--forget goes with --reranker"),
        (["fit", ".", "--reranker", "--fusion"], "one after the other"),
        (["fit", ".", "--reranker", "--use-folders"], "learns from captions alone"),
        (["search", "a", "--rerank", "learned"], "no reranker of its own"),
        (["search", "a", "--rerank", "learned:a.txt"], "no reranker as"),
    ],
)
def test_mistakes_are_told(indexed: Path, arguments: list[str], message: str) -> None:
    done = faked(*arguments, cwd=indexed, status=None)
    assert done.returncode in (1, 2)
    assert message in done.stderr.decode()


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_spots(tmp_path_factory.mktemp("fit-reranker") / "photos", 6)
    faked("index", folder, "--model", MODEL)
    (folder / "a.txt").write_text("no reranker")
    return folder
