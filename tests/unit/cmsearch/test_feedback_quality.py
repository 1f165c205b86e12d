"""Composed queries, exclusions and feedback on real photographs, against what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine, Ranking
from indexer import Indexer
from scripts.bench import asking

SAMPLE = {
    "an animal": ("raccoon", "tabby_cat", "calico_kitten", "window_dogs"),
    "a flower": ("dahlia", "dandelions", "honey_bee"),
    "something to eat or drink": ("citrus_slices", "espresso", "fig_bowl", "wine_evening"),
    "a landscape": ("forest_stream", "hilltop_sunset", "rocky_peaks", "autumn_meadow"),
    "space travel": ("astronaut", "launch_pad", "deep_field"),
}
RANKINGS = [Ranking(match=match, fold=False) for match in ("picture", "all")]


@pytest.fixture(scope="module")
def measured(coco159: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    store = tmp_path_factory.mktemp("store")
    Indexer(coco159, store=store, model="lite").run()
    with cmsearch.open(store) as engine:
        yield engine


@pytest.mark.parametrize("ranking", RANKINGS, ids=lambda one: one.match)
def test_what_is_subtracted_comes_later(measured: Engine, ranking: Ranking) -> None:
    first = asking.right_first(measured, ranking)
    assert len(first) == 30
    assert np.mean(first) >= 0.8


@pytest.mark.parametrize("ranking", RANKINGS, ids=lambda one: one.match)
def test_what_captions_name_is_left_out(measured: Engine, coco159: Path, ranking: Ranking) -> None:
    assert asking.naming(measured, asking.read_captions(coco159), ranking) == [0] * 30


@pytest.mark.parametrize("ranking", RANKINGS, ids=lambda one: one.match)
def test_marked_hits_help_to_find_the_others(
    measured: Engine, coco159: Path, ranking: Ranking
) -> None:
    right = asking.by_things(asking.read_captions(coco159))
    before, after = asking.fed_back(measured, right, ranking)
    assert len(before) >= 15
    assert np.mean(after) >= np.mean(before)


@pytest.mark.parametrize("ranking", RANKINGS, ids=lambda one: one.match)
def test_marked_hits_help_among_the_sample_photographs(sample: Path, ranking: Ranking) -> None:
    right = {
        thing: [sample / "photos" / f"{name}.jpg" for name in names]
        for thing, names in SAMPLE.items()
    }
    with cmsearch.open(sample) as engine:
        before, after = asking.fed_back(engine, right, ranking)
    assert np.mean(after) >= np.mean(before)
