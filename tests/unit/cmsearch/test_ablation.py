"""What a stage gains is measured query by query, on one's own captions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch.ablation import MEASURES, THRESHOLDS, ablate, calibrate, gains
from cmsearch.evaluate import Direction
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import cmsearch as command


def direction(*ranks: int) -> Direction:
    return Direction("text→image", len(ranks), {}, 0.0, ranks)


def test_gains_are_means_of_differences_by_query() -> None:
    found = gains(direction(1, 2, 0, 12), direction(1, 1, 4, 12))
    assert found["recall@1"].value == 1 / 4  # the second query
    assert found["recall@10"].value == 1 / 4  # the third
    assert found["mrr"].value == pytest.approx((0 + 1 / 2 + 1 / 4 + 0) / 4)
    assert all(one.low <= one.value <= one.high for one in found.values())


def test_nothing_is_gained_over_oneself() -> None:
    for one in gains(direction(1, 2, 3), direction(1, 2, 3)).values():
        assert (one.low, one.value, one.high) == (0, 0, 0)


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> cmsearch.Engine:
    colours = ("red", "green", "blue", "yellow", "cyan", "magenta")
    for colour in colours:
        write_picture(tmp_path / f"{colour}.png", colour)
    lines = "".join(f"{colour}.png,a {colour} thing\n" for colour in colours)
    write_files(tmp_path, {"captions.csv": f"image,caption\n{lines}"})
    Indexer(tmp_path, model=fake_model).run()
    return cmsearch.open(tmp_path)


def test_each_stage_is_measured_in_both_directions(engine: cmsearch.Engine) -> None:
    with engine:
        found = ablate(engine)
    assert [(one.stage, one.direction) for one in found] == [
        (stage, name)
        for stage in ("attention", "hubness", "default")
        for name in ("text→image", "image→text")
    ]
    assert all(set(one.gains) == set(MEASURES) for one in found)
    # Nothing was measured for the fake encoder, so nothing runs by default.
    assert all(one.gains["mrr"].value == 0 for one in found if one.stage == "default")


def test_calibration_is_of_captions_with_and_without_their_picture(
    engine: cmsearch.Engine,
) -> None:
    with engine:
        found = calibrate(engine)
    assert found.queries == 6
    assert 0.5 <= found.auc <= 1
    assert list(found.thresholds) == list(THRESHOLDS)
    for row in np.array(list(found.thresholds.values())).T:
        assert (np.diff(row) >= 0).all()
    assert all(within <= without for within, without in found.thresholds.values())


def test_eval_prints_gains_calibration_and_comparisons(sample: Path) -> None:
    done = command(
        *("eval", ".", "--ablate", "--calibration", "--compare", "lite", "--format", "json"),
        cwd=sample,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["direction"] for line in lines[:2]] == ["text→image", "image→text"]
    assert {line["stage"] for line in lines if "stage" in line} == {
        *("attention", "hubness", "default", "lite"),
    }
    (curve,) = [line["calibration"] for line in lines if "calibration" in line]
    assert curve["queries"] > 0
    for line in lines[-2:]:  # the same model again
        assert all(abs(one["value"]) < 1e-9 for one in line["gains"].values())
    table = command("eval", ".", "--ablate", "--calibration", cwd=sample).stdout
    assert "area under ROC" in table and "paired bootstrap" in table
