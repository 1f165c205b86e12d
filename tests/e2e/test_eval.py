"""Which index `cmsearch eval` measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import write_files, write_picture
from tests.commands import called


def test_eval_takes_the_index_of_the_environment_unless_a_model_is_named(
    sample: Path, tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "red.png")
    write_files(tmp_path, {"red.txt": "a red thing"})
    monkeypatch.setenv("CMSEARCH_STORE", str(sample / ".cmsearch"))
    for options, measured in (((), ("lite", 46)), (("--model", fake_model), (fake_model, 1))):
        line, _ = called("eval", tmp_path, *options, "--format", "json").stdout.splitlines()
        found = json.loads(line)
        assert (found["model"], found["queries"]) == measured
    assert not (tmp_path / ".cmsearch").exists()
