"""`cmsearch import`: what it says, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests import imports
from tests.processes import faked

MODEL = ("--model", "fake:colours")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    imports.write_pictures(tmp_path / "pics", 6)
    return tmp_path / "pics"


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Path:
    names = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.png"))
    return imports.write_clip_retrieval(tmp_path / "from", folder, names)


def test_it_says_what_it_did_and_searching_finds_it(folder: Path, source: Path) -> None:
    done = faked("import", source, folder, "--was", "pics", *MODEL)
    assert done.stdout.decode().splitlines() == [
        "checked: 6 pictures encoded again have a median cosine of 1.000 with their vectors, 1.000 "
        "at the lowest",
        "checked: 6 texts encoded again have a median cosine of 1.000 with their vectors, 1.000 at "
        "the lowest",
        "imported: 12 from a folder of clip-retrieval",
        f"index: 6 captions, 6 photos, with fake:colours, in {folder / '.cmsearch'}",
    ]
    assert done.stderr == b""
    found = faked("search", "red", "--store", folder, "--format", "paths", "--for", "image")
    assert found.stdout.decode().splitlines()[0].endswith("picture 0.png")
    again = faked("import", source, folder, "--was", "pics", *MODEL, "--format", "json")
    fields = json.loads(again.stdout)
    assert (fields["added"], fields["known"], fields["passed"]) == (0, 12, {})
    assert fields["checked"]["pictures"]["compared"] == 6
    assert b"12 known before" in faked("import", source, folder, "--was", "pics", *MODEL).stdout


def test_rows_that_are_passed_over_are_told(folder: Path, tmp_path: Path) -> None:
    names = [one.relative_to(folder).as_posix() for one in folder.rglob("*.png")]
    vectors = imports.pictures(folder, names)
    place = imports.write_arrays(
        tmp_path / "from", np.concatenate([vectors, np.zeros((30, 8))]), names * 6, ".txt"
    )
    done = faked("import", place, folder, *MODEL, status=3)
    lines = done.stderr.decode().splitlines()
    assert lines[0] == f"passed over {names[0]}: it has a vector that is zero or no number"
    assert len(lines) == 21
    assert lines[-1].startswith("30 rows passed over in all")


def test_without_files_it_has_to_be_said(source: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ("import", source, empty, "--was", "pics", *MODEL)
    refused = faked(*command, status=1)
    assert b"None of the pictures" in refused.stderr and b"--unchecked" in refused.stderr
    done = faked(*command, "--unchecked")
    assert b"not checked: none of the pictures" in done.stderr
    assert b"12 of them are of files that aren't there" in done.stdout


def test_mistakes_are_told(folder: Path, source: Path, tmp_path: Path) -> None:
    assert b"--model NAME" in faked("import", source, folder, status=2).stderr
    assert b"There is no" in faked("import", tmp_path / "x", folder, *MODEL, status=2).stderr
    assert b"FOLDER" in faked("import", source, tmp_path / "x", status=2).stderr
    assert b"--was DIR" in faked("import", source, folder, *MODEL, status=1).stderr
    assert not (folder / ".cmsearch").exists()
