"""What a stage gains is measured query by query, on one's own captions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import cmsearch
from cmsearch.learning.ablation import (
    MEASURES,
    Gain,
    ablate,
    gains,
    keep,
    table,
)
from cmsearch.learning.evaluate import Direction
from cmsearch.learning.metrics import Measure
from cmsearch.search.rank.stages import (
    UNMEASURED,
    UNMEASURED_HUBNESS,
    Attention,
    StageSettings,
    defaults,
    pack,
)
from cmsearch.types import Modality
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import called
from tests.conftest import ROOT


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
        for stage in ("attention", "hubness", "both", "default")
        for name in ("text→image", "image→text")
    ]
    assert all(set(one.gains) == set(MEASURES) for one in found)
    # Nothing was measured for the fake encoder, so nothing runs by default.
    assert all(one.gains["mrr"].value == 0 for one in found if one.stage == "default")


UP, DOWN, EVEN = Measure(0.1, 0.05, 0.15), Measure(-0.1, -0.2, -0.01), Measure(0.0, -0.1, 0.1)
TEXT_IMAGE = (Modality.TEXT, Modality.IMAGE)
IMAGE_TEXT = (Modality.IMAGE, Modality.TEXT)


def gain(stage: str, recall: Measure, mrr: Measure, direction: str = "text→image") -> Gain:
    return Gain(direction, stage, {"recall@1": recall, "recall@10": EVEN, "mrr": mrr})


def test_what_gains_most_is_kept_and_what_harms_is_not() -> None:
    assert table("fake", []) == {TEXT_IMAGE: StageSettings(), IMAGE_TEXT: StageSettings()}
    better = Measure(0.2, 0.1, 0.3)
    found = table("fake", [gain("attention", UP, UP), gain("hubness", EVEN, better)])
    assert found[TEXT_IMAGE] == StageSettings(hubness=UNMEASURED_HUBNESS)
    found = table("fake", [gain("attention", UP, UP), gain("both", DOWN, better)])
    assert found[TEXT_IMAGE] == StageSettings(attention=UNMEASURED)
    assert table("fake", [gain("attention", UP, EVEN)])[TEXT_IMAGE] == StageSettings()
    found = table("fake", [gain("both", UP, UP, "image→text"), gain("default", UP, better)])
    assert found == {
        TEXT_IMAGE: StageSettings(),
        IMAGE_TEXT: StageSettings(UNMEASURED, UNMEASURED_HUBNESS),
    }


def test_what_is_kept_runs_by_default(engine: cmsearch.Engine) -> None:
    with engine:
        before = engine.search("a red thing", target="image")
        assert all(set(hit.stages) <= {"picture", "caption", "words", "prior"} for hit in before)
        kept = keep(engine, [gain("both", UP, UP)])
        assert kept[TEXT_IMAGE] == StageSettings(UNMEASURED, UNMEASURED_HUBNESS)
        after = engine.search("a red thing", target="image")
        assert all({"attention", "hubness"} <= set(hit.stages) for hit in after)
        keep(engine, [])
        assert engine.search("a red thing", target="image") == before


def test_a_kept_table_replaces_what_ships_in_its_directions() -> None:
    own = {TEXT_IMAGE: StageSettings(Attention(0.2, 0.1))}
    found = defaults("lite", pack(own))
    assert found == {**defaults("lite", None), **own}
    assert defaults("lite", pack({TEXT_IMAGE: StageSettings()}))[TEXT_IMAGE] == StageSettings()
    shipped = defaults("lite", None)
    assert defaults("lite", pack(shipped)) == shipped
    weighed = {TEXT_IMAGE: StageSettings(weights={"picture": 0.5, "before": -1.5})}
    assert defaults("", pack(weighed)) == weighed
    older = '{"text image": {"attention": [0.2, 0.1], "hubness": null}}'
    assert defaults("lite", older) == found


@pytest.mark.parametrize(
    "text",
    [
        "?",
        "[]",
        "[1]",
        "[[1, 2]]",
        "7",
        "[" * 100_000,
        '{"text image": 3}',
        '{"text": {"attention": null, "hubness": null}}',
        '{"text image": {"attention": [0.5, 0], "hubness": null}}',
        '{"text image": {"attention": [NaN, 1], "hubness": null}}',
        '{"text image": {"attention": [1, 2, 3], "hubness": null}}',
        '{"text image": {"attention": [1, 1, 0.5, -0.5], "hubness": null}}',
        '{"text image": {"attention": [1, 1, NaN, 0.5], "hubness": null}}',
        '{"text image": {"attention": null, "hubness": null, "weights": [1]}}',
        '{"text image": {"attention": null, "hubness": null, "weights": {"picture": -1}}}',
        '{"text image": {"attention": null, "hubness": null, "weights": {"picture": NaN}}}',
        '{"text image": {"attention": null, "hubness": null, "weights": {"before": 1e9}}}',
        '{"text image": {"attention": null, "hubness": null, "weights": {"picture": "a"}}}',
        '{"text image": {"attention": [1, 1, 0.5, 0.5, 0.5], "hubness": null}}',
        '{"text image": {"attention": null, "hubness": [1e999, 4]}}',
        '{"text image": {"attention": null, "hubness": ["a", "b"]}}',
        f'{{"text image": {{"attention": [1{"0" * 400}, 1], "hubness": null}}}}',
        '{"text smell": {"attention": [1, 1], "hubness": null}}',
    ],
)
def test_of_a_kept_table_only_what_is_sound_counts(text: str) -> None:
    assert defaults("lite", text) == defaults("lite", None)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photographs that have captions beside them, indexed with lite."""
    folder = tmp_path_factory.mktemp("few")
    for caption in (ROOT / "sample_data" / "photos").glob("*.txt"):
        shutil.copy(caption, folder)
        shutil.copy(caption.with_suffix(".jpg"), folder)
    Indexer(folder, model="lite").run()
    return folder


def test_eval_keeps_what_gained_and_says_so(few: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(few, tmp_path / "few")
    absurd = tmp_path / "absurd.txt"
    absurd.write_text("an electron micrograph\n\ncoronation robe\n")
    done = called("eval", folder, "--ablate", "--keep", "--format", "json")
    assert done.returncode == 0, done.stderr
    kept = [line for line in map(json.loads, done.stdout.splitlines()) if "kept" in line]
    assert {line["direction"] for line in kept} == {"text→image", "image→text"}
    done = called("eval", folder, "--calibration", "--absurd", absurd)
    assert "absurd" in done.stdout and done.returncode == 0, done.stderr
    for wrong, said in {
        "--keep": "--keep keeps what --ablate measures",
        "--absurd": "--absurd is for --calibration",
    }.items():
        given = [wrong] if wrong == "--keep" else [wrong, absurd]
        failed = called("eval", folder, *given)
        assert failed.returncode == 2 and said in failed.stderr
    absurd.write_text("\n")
    failed = called("eval", folder, "--calibration", "--absurd", absurd)
    assert failed.returncode == 2 and "has no query" in failed.stderr


@pytest.mark.long
def test_eval_prints_gains_calibration_and_comparisons(few: Path) -> None:
    given = ["--ablate", "--calibration", "--compare", "lite", "--format", "json"]
    done = called("eval", few, *given)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["direction"] for line in lines[:2]] == ["text→image", "image→text"]
    assert {line["stage"] for line in lines if "stage" in line} == {
        *("attention", "hubness", "both", "default", "lite"),
    }
    (curve,) = [line["calibration"] for line in lines if "calibration" in line]
    assert curve["queries"] > 0
    for line in lines[-2:]:  # the same model again
        assert all(abs(one["value"]) < 1e-9 for one in line["gains"].values())
    table = called("eval", few, "--ablate", "--calibration").stdout
    assert "area under ROC" in table and "paired bootstrap" in table
