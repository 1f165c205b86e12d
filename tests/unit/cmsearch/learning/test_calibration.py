"""Relevance against what is right, by the arithmetic; and queries that nothing answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import CmsearchError
from cmsearch.learning.calibration import BINS, judged, reliability
from cmsearch.learning.no_match import FALSE_ALARMS, THRESHOLDS, absurd, calibrate, no_match
from cmsearch.learning.questions import EACH, held_out
from cmsearch.show.reliability import check_place, write
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import called

COLOURS = ("red", "green", "blue", "yellow", "cyan", "magenta")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colours")
    for colour in COLOURS:
        write_picture(folder / f"{colour}.png", colour)
    lines = "".join(f"{colour}.png,a {colour} thing\n" for colour in COLOURS)
    write_files(folder, {"captions.csv": f"image,caption\n{lines}"})
    return folder


@pytest.fixture
def engine(folder: Path, fake_model: str) -> Iterator[cmsearch.Engine]:
    if not (folder / ".cmsearch").exists():
        Indexer(folder, model=fake_model).run()
    with cmsearch.open(folder) as engine:
        yield engine


def test_errors_and_scores_are_those_of_the_bins() -> None:
    hits = [(0.25, False)] * 3 + [(0.25, True)] + [(0.75, True)] * 2 + [(0.75, False)] * 2
    found = reliability("text→image", "first", hits)
    # Equal relevances share a bin: 4 at 0.25 of which 1/4 is right, 4 at 0.75 of which 1/2 is.
    assert [(one.hits, one.said, one.right) for one in found.equal_counts] == [
        (4, 0.25, 1 / 4),
        (4, 0.75, 2 / 4),
    ]
    assert found.equal_widths == found.equal_counts
    assert found.error == pytest.approx((4 * 0 + 4 * 0.25) / 8)
    assert found.right == 3 / 8
    squares = 3 * 0.25**2 + 0.75**2 + 2 * 0.25**2 + 2 * 0.75**2
    assert found.brier == pytest.approx(squares / 8)
    assert found.brier_of_base == pytest.approx(3 / 8 * 5 / 8)


def test_what_is_exact_has_no_more_error_than_by_chance() -> None:
    random = np.random.default_rng(1)
    said = random.random(2000)
    right = random.random(2000) < said
    exact = reliability("", "shown", list(zip(said.tolist(), right.tolist(), strict=True)))
    assert exact.error < 2 * exact.by_chance < 0.06
    assert len(exact.equal_counts) == len(exact.equal_widths) == BINS
    assert {one.hits for one in exact.equal_counts} == {2000 // BINS}
    assert exact.brier < 0.85 * exact.brier_of_base
    far = reliability("", "shown", [(1 - value, ok) for value, ok in zip(said, right, strict=True)])
    assert far.error > 0.4
    (alone,) = reliability("", "first", [(1.0, True)]).equal_widths
    assert (alone.low, alone.hits, alone.right) == (1.0, 1, 1.0)


def test_hits_are_judged_in_both_directions(engine: cmsearch.Engine) -> None:
    to_images, to_texts = judged(engine, held_out(engine, EACH))
    assert (len(to_images.rows), len(to_texts.rows)) == (6, 6)
    # Red, green and blue lie where their words do; each picture is among the six.
    assert all(any(right for _, right in row) for row in to_images.rows)
    assert sum(row[0][1] for row in to_images.rows) >= 3
    for found in to_images.reliabilities() + to_texts.reliabilities():
        assert found.hits == sum(one.hits for one in found.equal_counts)
        assert 0 <= found.error <= 1
    assert to_images.best == [max(value for value, _ in row) for row in to_images.rows]


def test_queries_that_nothing_answers_have_their_relevance(engine: cmsearch.Engine) -> None:
    some = absurd()[:20]
    found = no_match(engine, some, [1.0] * 6)
    assert found.queries == 20 and tuple(found.relevance) == FALSE_ALARMS
    best = [engine.search(text, target="image")[0].relevance for text in some]
    for share, least in found.relevance.items():
        assert np.mean([value > least for value in best]) <= share
    assert found.auc == pytest.approx(np.mean([(one < 1.0) + (one == 1.0) / 2 for one in best]))


def test_the_absurd_are_many_and_in_many_scripts() -> None:
    lines = absurd()
    assert len(lines) == len(set(lines)) >= 60
    assert sum(any(ord(sign) > 0x2FF for sign in line) for line in lines) >= 12


def test_a_diagram_is_drawn_and_replaces_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "plot.svg"
    panels = {"text→image": {"first <&>": [(0.1, 0.2, 0.5), (0.9, 0.7, 0.5)]}, "image→text": {}}
    write(place, panels)
    write(place, panels)
    root = ElementTree.fromstring(place.read_text(encoding="utf-8"))
    assert len(root.findall(".//{*}circle")) == 2
    assert "first <&>" in "".join(root.itertext())
    write_files(tmp_path, {"own.svg": "<svg/>"})
    for name in ("own.svg", "plot.png", "nowhere/plot.svg"):
        with pytest.raises(CmsearchError):
            check_place(tmp_path / name)


def test_eval_prints_reliability_and_draws_it(
    engine: cmsearch.Engine, folder: Path, tmp_path: Path
) -> None:
    plot, odd = tmp_path / "plot.svg", tmp_path / "odd.txt"
    odd.write_text("zzz\nqqq\n")
    given = ["eval", folder, "--calibration", "--absurd", odd]
    done = called(*given, "--plot", plot, "--format", "json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = [line["reliability"] for line in lines if "reliability" in line]
    assert [(one["direction"], one["of"]) for one in found] == [
        (direction, of) for direction in ("text→image", "image→text") for of in ("first", "shown")
    ]
    (none,) = [line["no_match"] for line in lines if "no_match" in line]
    assert none["queries"] == 2 and set(none["relevance"]) == {"0.01", "0.05", "0.1"}
    assert plot.read_text().count("<path") > 4
    table = called(*given).stdout
    assert "expected calibration error" in table and "a hit of a relevance above" in table
    failed = called("eval", folder, "--plot", plot)
    assert failed.returncode == 2 and "--plot draws" in failed.stderr


def test_what_is_not_known_is_null(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "red.png", "red")
    write_files(tmp_path, {"red.txt": "red\n", "odd.txt": "zzz\n"})
    Indexer(tmp_path, model=fake_model).run()
    given = ["eval", tmp_path, "--calibration", "--absurd", tmp_path / "odd.txt"]
    done = called(*given, "--plot", tmp_path / "plot.svg", "--format", "json")
    assert done.returncode == 0 and "NaN" not in done.stdout, done.stdout
    assert called(*given).returncode == 0


def test_calibration_is_of_captions_with_and_without_their_picture(
    engine: cmsearch.Engine,
) -> None:
    with engine:
        found = calibrate(engine)
    assert found.queries == 6
    assert found.auc is not None and 0.5 <= found.auc <= 1
    assert list(found.thresholds) == list(THRESHOLDS)
    for row in np.array(list(found.thresholds.values())).T:
        assert (np.diff(row) >= 0).all()
    assert all(within <= without for within, without in found.thresholds.values())


def test_calibration_takes_queries_that_nothing_here_answers(engine: cmsearch.Engine) -> None:
    with engine:
        found = calibrate(engine, absurd=["old dog", "an old old tree"])
    assert found.queries == 6
    assert found.auc is not None and 0.5 < found.auc <= 1
    assert all(within <= without for within, without in found.thresholds.values())
