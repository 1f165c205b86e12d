"""What is alike lies together, nothing lies on another, and the same vectors give the same map."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cmsearch.errors import CmsearchError
from cmsearch.show.map_layout import WIDTH, arrange, check_extra
from cmsearch.types import FloatArray


def groups(count: int, each: int, dim: int = 24) -> FloatArray:
    """Unit vectors of some groups that are far from each other, one group after the other."""
    rng = np.random.default_rng(0)
    centres = np.repeat(np.eye(dim, dtype=np.float32)[:count], each, 0)
    rows = centres + rng.normal(0, 0.05, centres.shape).astype(np.float32)
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9, 20, 159])
def test_any_number_fills_the_area_without_leaving_it(count: int) -> None:
    places, side = arrange(groups(5, 40)[:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert (places >= side / 2 - 1e-9).all()
    assert (places <= (WIDTH - side / 2 + 1e-9, 1 - side / 2 + 1e-9)).all()


def test_neighbours_are_of_ones_own_group() -> None:
    places, _ = arrange(groups(5, 30))
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(apart, np.inf)
    own = np.arange(150) // 30
    nearest = apart.argsort(1)[:, :3]
    assert (own[nearest] == own[:, None]).mean() > 0.9


@pytest.mark.parametrize("vectors", [groups(5, 30), np.repeat(groups(1, 1), 60, 0)])
def test_pictures_hardly_cover_each_other(vectors: FloatArray) -> None:
    """Those of equal vectors too."""
    places, side = arrange(vectors)
    gaps = np.abs(places[:, None] - places).max(2)
    np.fill_diagonal(gaps, np.inf)
    covered: NDArray[Any] = 1 - gaps.min(1) / side
    assert (covered > 0.3).mean() < 0.02


def test_the_same_vectors_give_the_same_places() -> None:
    first, again = arrange(groups(5, 30)), arrange(groups(5, 30))
    assert np.array_equal(first[0], again[0])
    assert first[1] == again[1]


def test_steps_are_told_up_to_the_last() -> None:
    told: list[tuple[int, int]] = []
    arrange(groups(2, 20), lambda done, total: told.append((done, total)))
    done = [step for step, _ in told]
    assert done == sorted(done) and len(done) > 10
    assert told[-1][0] == told[-1][1]


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    absent = {"openTSNE"}
    monkeypatch.setattr(
        "cmsearch.show.map_layout.find_spec", lambda name: None if name in absent else real(name)
    )
    with pytest.raises(CmsearchError, match=r"pip install 'cmsearch\[map\]'"):
        check_extra()
