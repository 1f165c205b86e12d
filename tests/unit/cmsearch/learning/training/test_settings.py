"""Settings that make no sense are refused, and the learning rate rises and falls."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cmsearch.errors import QueryError
from cmsearch.learning.training.settings import Settings, share_of_rate

PLAIN = Settings("resnet18", "bert-tiny")


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 0},
        {"dim": 10**6},
        {"batch": 1},
        {"epochs": 0},
        {"micro": 0},
        {"context": 4},
        {"size": 10**5},
        {"rate": 0.0},
        {"rate": float("nan")},
        {"tower_rate": -1.0},
        {"held_out": 0.6},
        {"warm_up": 2.0},
        {"random": frozenset({"image"}), "freeze": frozenset({"image", "text"})},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        replace(PLAIN, **change).check()
    PLAIN.check()


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine() -> None:
    shares = [share_of_rate(step, 100, 0.1) for step in range(100)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1
    assert shares[55] == pytest.approx(0.5)
    assert all(one > other for one, other in pairwise(shares[10:]))
    assert 0 < shares[-1] < 0.01


def test_towers_with_weights_of_their_own_learn_slower() -> None:
    half = replace(PLAIN, random=frozenset({"text"}))
    assert half.rate_of("text") == half.rate == 20 * half.rate_of("image")
    assert replace(half, tower_rate=0.5).rate_of("text") == 0.5
