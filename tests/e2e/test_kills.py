"""A run that is killed at any moment loses nothing that the next run doesn't make good."""

from __future__ import annotations

from pathlib import Path

from tests import kills

KILLS = 6


def test_a_run_that_was_killed_and_run_again_equals_an_undisturbed_one(
    tmp_path: Path, fake_model: str
) -> None:
    known = kills.scenarios(tmp_path, 24)
    shares = kills.moments(KILLS, seed=5)
    outcomes = [
        kills.strike(known[number % len(known)], tmp_path, share)
        for number, share in enumerate(shares)
    ]
    assert [one for one in outcomes if one.wrong] == []
    assert sum(one.killed for one in outcomes) >= KILLS // 2, outcomes
    assert len({one.state for one in outcomes}) >= KILLS // 3, outcomes
