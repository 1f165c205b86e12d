"""Text in pictures by the command line: its default, its plan, an interruption, and finding it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cmsearch.models.ocr import rapid
from tests.commands import called
from tests.processes import Process, environment
from tests.signs import sign

pytestmark = pytest.mark.skipif(not rapid.is_installed(), reason="the extra ocr isn't installed")
SLOW = """
import os, signal, time
from cmsearch import cli
from cmsearch.models.plugins import encoders
from indexer import text_units, texts

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
encoders._rows["fake"] = "tests.fakes:load"
texts.AT_ONCE = 1
read = text_units.read_picture

def slowly(picture, *arguments, **options):
    if picture.args[0].name == "b.png":
        os.write(1, b"at work\\n")
        time.sleep(600)
    return read(picture, *arguments, **options)

text_units.read_picture = slowly
cli.main()
"""


@pytest.fixture
def folder(tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CMSEARCH_OCR")
    sign("GOLDEN HARBOUR").save(tmp_path / "a.png")
    sign("quiet museum").save(tmp_path / "b.png")
    return tmp_path


def found(folder: Path, text: str) -> list[str]:
    done = called("search", text, "--store", folder, "--for", "ocr", "--format", "json")
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


def test_text_is_planned_read_and_found_unless_it_is_left_out(folder: Path) -> None:
    planned = called("index", folder, "--model", "fake:colours", "--dry-run")
    assert "text would be looked for in 2 files, which takes about 1 s\n" in planned.stdout
    done = called("index", folder, "--model", "fake:colours")
    assert "2 text blocks" in done.stdout and "looked for in 2 files" in done.stderr
    assert found(folder, "golden harbour")[0] == "GOLDEN HARBOUR"
    again = called("index", folder, "--ocr", "auto")
    assert "looked for" not in again.stderr
    assert "text block" not in called("index", folder, "--ocr", "none").stdout
    assert "text block" not in called("index", folder).stdout


def test_the_environment_stands_for_the_option(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSEARCH_OCR", "none")
    assert "text" not in called("index", folder, "--model", "fake:colours", "--dry-run").stdout
    monkeypatch.setenv("CMSEARCH_OCR", "some")
    wrong = called("index", folder, "--dry-run")
    assert wrong.returncode == 2 and "some" in wrong.stderr


@pytest.mark.skipif(os.name == "nt", reason="a signal ends the process there")
def test_what_was_read_before_an_interruption_is_kept(folder: Path) -> None:
    options = ["--model", "fake:colours", "--ocr", "auto"]
    command = [sys.executable, "-c", SLOW, "index", str(folder), *options]
    pipe = subprocess.PIPE
    with Process(command, env=environment(), stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"at work\n"
        while found(folder, "golden harbour") != ["GOLDEN HARBOUR"]:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and b"Traceback" not in said
    planned = called("index", folder, "--dry-run")
    assert "looked for in 1 file," in planned.stdout
    done = called("index", folder)
    assert "looked for in 1 file," in done.stderr and "2 text blocks" in done.stdout
