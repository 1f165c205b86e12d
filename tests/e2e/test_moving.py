"""A small form of scripts/bench/moving.py: in each form, out and in again, nothing differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.models.plugins import encoders
from scripts.bench import moving

ROWS = 100


@pytest.mark.parametrize("form", moving.FORMS)
def test_vectors_and_paths_are_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setitem(encoders._rows, "bench", "scripts.bench.moving:load")  # type: ignore[index]
    moving.write_folder(tmp_path / "pictures", ROWS)
    found = moving.moved(form, tmp_path, tmp_path / "pictures", ROWS)
    assert found["equal"] and found["rows"] == ROWS
