"""The figures of an evaluation, against the arithmetic that they come from."""

from __future__ import annotations

from math import isnan, log2
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import MediaError, QueryError
from cmsearch.learning.evaluate import evaluate
from cmsearch.learning.metrics import Gold, ndcg, read_gold
from indexer import Indexer
from tests.builders import write_files, write_picture


def test_ndcg_is_the_discounted_gain_over_the_ideal_one() -> None:
    relevant = np.array([False, True, True, False])
    ideal = 1 / log2(2) + 1 / log2(3)
    assert ndcg(relevant, 10) == pytest.approx((1 / log2(3) + 1 / log2(4)) / ideal)
    assert ndcg(relevant, 2) == pytest.approx(1 / log2(3) / ideal)
    assert ndcg(np.array([True]), 10) == 1
    assert ndcg(np.zeros(3, bool), 10) == 0


@pytest.fixture
def colours(tmp_path: Path, fake_model: str) -> Path:
    """Three pictures; the captions of red and green are right, that of blue says red."""
    for colour in ("red", "green", "blue"):
        write_picture(tmp_path / f"{colour}.png", colour)
    write_files(
        tmp_path, {"red.txt": "red\nred red red\n", "green.txt": "green\n", "blue.txt": "red\n"}
    )
    Indexer(tmp_path, model=fake_model).run()
    return tmp_path


def test_figures_are_those_of_the_ranks(colours: Path) -> None:
    with cmsearch.open(colours) as engine:
        to_image, to_text = evaluate(engine)
    # Pictures tie at a cosine of 0 with a word of another colour, and ties go by path, so that the
    # wrong caption of blue finds red first, then blue.
    assert sorted(to_image.ranks) == [1, 1, 1, 2]
    assert to_image.measures["recall@1"].value == pytest.approx(3 / 4)
    assert to_image.measures["recall@5"].value == 1
    assert to_image.measures["mrr"].value == pytest.approx((3 + 1 / 2) / 4)
    # Green finds its own; blue's only caption is no nearer than any other. Red's two captions and
    # blue's wrong one tie at 1, and blue.txt comes before red.txt.
    assert to_text.queries == 3
    assert dict(zip(("blue", "green", "red"), to_text.ranks, strict=True))["green"] == 1
    assert dict(zip(("blue", "green", "red"), to_text.ranks, strict=True))["red"] == 2


def test_the_interval_holds_the_value(colours: Path) -> None:
    with cmsearch.open(colours) as engine:
        measure = evaluate(engine)[0].measures["recall@1"]
    assert measure.low < measure.value < measure.high


def test_figures_without_the_time_are_the_same(colours: Path) -> None:
    with cmsearch.open(colours) as engine:
        timed, untimed = evaluate(engine), evaluate(engine, timed=0)
    assert all(one.milliseconds > 0 for one in timed)
    assert all(isnan(one.milliseconds) for one in untimed)
    assert [one.measures for one in untimed] == [one.measures for one in timed]


def test_gold_may_come_from_a_file(colours: Path) -> None:
    path = colours / "gold.jsonl"
    path.write_text('{"image": "blue.png", "caption": "blue"}\n\n')
    gold = read_gold(path, colours)
    assert gold == [Gold("blue.png", "blue")]
    with cmsearch.open(colours) as engine:
        assert evaluate(engine, gold)[0].ranks == (1,)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        '{"image": "a.png", "caption": 7}',
        '{"image": "a.png", "caption": " "}',
        '{"image": "../outside.png", "caption": "x"}',
        "{}",
    ],
)
def test_bad_gold_is_an_error(tmp_path: Path, line: str) -> None:
    write_files(tmp_path, {"gold.jsonl": line})
    with pytest.raises(MediaError, match=r"gold\.jsonl"):
        read_gold(tmp_path / "gold.jsonl", tmp_path)


def test_a_store_without_captions_cannot_be_measured(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "red.png")
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine, pytest.raises(QueryError, match="--captions"):
        evaluate(engine)


def test_no_gold_is_not_taken_for_the_captions_in_the_store(colours: Path) -> None:
    with cmsearch.open(colours) as engine, pytest.raises(QueryError, match="no captions"):
        evaluate(engine, [])
