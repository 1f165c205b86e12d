"""A folder of files that nobody looks after: each is read, or reported with its reason."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cmsearch
from cmsearch.models.encoders import lite
from tests import bad_files
from tests.builders import write_files, write_picture

ALLOWED = 400.0
"""MB more than a run over one good file takes; one of the pictures has 100 megapixels."""

RUN = r"""
import re, sys
from pathlib import Path
from cmsearch.cli import main
try:
    main()
finally:
    status = Path("/proc/self/status")
    text = status.read_text() if status.exists() else "VmHWM: 0"
    print("peak", re.search(r"VmHWM:\s+(\d+)", text)[1], file=sys.stderr)
"""


class Run(NamedTuple):
    """What a run of `cmsearch index` ended with, and the most memory in MB that it took."""

    status: int
    report: dict[str, Any]
    peak: float

    def reasons(self) -> dict[str, str]:
        """By path; the first of several."""
        return {one["path"]: one["reason"] for one in reversed(self.report["skipped"])}


def index(folder: Path) -> Run:
    arguments = ["index", str(folder), "--model", "lite", "--format", "json"]
    done = subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, check=False)
    said = done.stderr.decode()
    assert "Traceback" not in said, said
    peak = re.search(r"^peak (\d+)$", said, re.MULTILINE)
    assert peak, said
    return Run(done.returncode, json.loads(done.stdout), int(peak[1]) / 1024)


class Bad(NamedTuple):
    """A folder, a part of the reason for each bad file in it, and the first two runs over it."""

    folder: Path
    expected: dict[str, str]
    runs: list[Run]


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Bad:
    lite.load("")  # makes the export, which takes torch and its memory, where there is none yet
    folder = tmp_path_factory.mktemp("bad") / "folder"
    files = bad_files.bad_pictures() | bad_files.bad_texts()
    write_files(folder, {name: data for name, (data, _) in files.items()})
    write_files(folder, bad_files.good_pictures() | bad_files.good_texts())
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_bytes(bad_files.saved("PNG"))
    expected = {name: reason for name, (_, reason) in files.items()} | bad_files.make_odd(folder)
    return Bad(folder, expected, [index(folder), index(folder)])


def test_every_bad_file_is_reported_with_its_reason(bad: Bad) -> None:
    assert len(bad.expected) >= 40
    found = bad.runs[0].reasons()
    assert found.keys() == bad.expected.keys()
    wrong = {name: found[name] for name, part in bad.expected.items() if part not in found[name]}
    assert wrong == {}
    assert bad.runs[0].status == 3


PARTLY = ("cut.bmp", "cut.gif", "cut.jpg", "cut.png", "cut.tif", "endless.gif")
"""Bad pictures that are shown as far as they can be decoded, or are read."""
EACH = cmsearch.Ranking(fold=False)


def test_every_good_file_is_read(bad: Bad) -> None:
    pictures, texts = bad_files.good_pictures(), bad_files.good_texts()
    with cmsearch.open(bad.folder) as engine:
        shown = engine.search("anything", target="image", k=1000, ranking=EACH)
        names = [os.fsencode(hit.path.name) for hit in shown]
        captions = {hit.text for hit in engine.search("noise", target="caption", k=1000)}
    assert sorted(names) == sorted([*map(str.encode, [*pictures, *PARTLY]), b"caf\xe9.png"])
    assert all(hit.path.is_file() for hit in shown)
    assert {"noise", "Rauschen in Köln"} <= captions
    read = bad.runs[0].report["added"]
    by_line = {"lines.jsonl", "quotes.csv", "row.csv", "surrogate.jsonl"}  # not every line is read
    assert read == len(pictures) + len(PARTLY) + len(texts) + 1 + len(by_line)


def by_place(run: Run) -> list[tuple[str, str, str]]:
    return sorted((one["path"], one["locator"], one["reason"]) for one in run.report["skipped"])


def test_a_second_run_says_the_same_and_reads_nothing(bad: Bad) -> None:
    first, second = bad.runs
    assert second.status == 3
    assert (second.report["added"], second.report["changed"], second.report["removed"]) == (0, 0, 0)
    assert "read" not in second.report["seconds"]
    assert by_place(second) == by_place(first)
    assert second.report["items"] == first.report["items"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak where Linux notes it")
def test_the_memory_is_bounded(bad: Bad, tmp_path: Path) -> None:
    write_picture(tmp_path / "good.jpg")
    write_files(tmp_path, {"good.txt": "A good picture."})
    usual = index(tmp_path)
    assert usual.status == 0
    assert bad.runs[0].peak < usual.peak + ALLOWED
