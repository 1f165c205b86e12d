"""Merging, mending and changing models: what is killed at any moment loses nothing, and is done
again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import acts

KILLS = 3
ACTS = ("compact", "repair", "rollback", "prune")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="it is killed in forks")


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[bool]]]:
    """Where the folders are, and which were killed at work."""
    from cmsearch.models.plugins import encoders

    place = tmp_path_factory.mktemp("acts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        return place, acts.struck(place, 32, KILLS, ACTS)


@pytest.mark.parametrize("act", ACTS)
def test_what_is_killed_is_done_by_the_next_run(
    struck: tuple[Path, dict[str, list[bool]]], fake_model: str, act: str
) -> None:
    place, killed = struck
    assert sum(killed[act]) >= KILLS // 2
    for number in range(KILLS):
        assert acts.wrong_after(place, act, number) == []
