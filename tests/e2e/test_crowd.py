"""Searches beside a process that writes see what was committed, all of it, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests import crowd


def test_readers_see_committed_states_while_one_writes_and_switches(tmp_path: Path) -> None:
    tally = crowd.trial(tmp_path, seconds=3)
    assert tally.wrong == []
    assert tally.commits >= crowd.COMMITS
    assert tally.answers >= crowd.READERS * crowd.ANSWERS
