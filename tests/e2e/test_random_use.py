"""A few steps of random use; `scripts/bench/random_use.py` takes minutes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.uses import Uses


@pytest.mark.parametrize("seed", [1, 2])
def test_random_use_ends_with_errors_of_ours_alone(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setenv("CMSEARCH_STATE", str(tmp_path / "state"))
    uses = Uses(tmp_path, seed)
    for _ in range(12):
        uses.step()
    assert not uses.failures, "\n".join(uses.failures)
