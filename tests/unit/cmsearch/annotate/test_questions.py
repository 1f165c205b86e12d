"""Choices that exclude each other, none of them, and pictures that are in the store or not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch import Engine, MediaError, QueryError
from cmsearch.annotate.annotation import LEAST_LABEL, label
from cmsearch.annotate.questions import NONE, TEMPERATURE, Classifier, classify, joint
from cmsearch.annotate.zero_shot import Label, probabilities
from tests.builders import write_files, write_picture
from tests.processes import faked

COLOURS = ("red", "green", "blue")
QUESTION = "Which colour?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("questions") / "photos"
    for number in range(30):
        write_picture(folder / f"{number:02}.png", COLOURS[number % 3], (8, 8 + number))
    faked("index", folder, "--model", "fake:colours")
    return folder


@pytest.fixture
def engine(made: Path, tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    with cmsearch.open(shutil.copytree(made, tmp_path / "photos")) as opened:
        yield opened


@pytest.mark.parametrize("logit", [-0.3, -0.01, 0.01, 0.3])
def test_a_choice_is_the_answer_where_it_is_given_as_a_label(logit: float) -> None:
    logits = np.array([[logit, -3.0]], np.float32)
    assert (joint(logits).argmax() == 0) == (probabilities(logits)[0, 0] >= LEAST_LABEL)


def test_choices_are_shared_out_in_proportion_to_their_odds() -> None:
    logits = np.array([[2.0, 0.0, -1.0]], np.float32)
    odds = np.exp(np.array([2.0, 0.0, -1.0, NONE]) / TEMPERATURE)
    np.testing.assert_allclose(joint(logits)[0], odds / odds.sum(), rtol=1e-5)
    np.testing.assert_allclose(joint(logits, none=False)[0], odds[:3] / odds[:3].sum(), rtol=1e-5)


def test_huge_odds_don_t_overflow() -> None:
    found = joint(np.array([[1e6, -1e6], [-1e6, -1e6]], np.float32))
    np.testing.assert_allclose(found, [[1, 0, 0], [0, 0, 1]], atol=1e-6)


def test_the_answer_is_the_choice_that_the_picture_shows(engine: Engine) -> None:
    for number, colour in enumerate(COLOURS):
        (found,) = classify(engine, engine.store.root / f"{number:02}.png", {QUESTION: COLOURS})
        assert (found.question, found.choice) == (QUESTION, colour)
        assert list(found.choices) == list(COLOURS)
        assert found.confidence == max(found.choices.values())
        assert found.none is not None
        assert sum(found.choices.values()) + found.none == pytest.approx(1, abs=1e-3)


def test_each_choice_by_itself_is_as_likely_as_the_label(engine: Engine) -> None:
    picture = engine.store.root / "00.png"
    (labelled,) = label(engine, COLOURS, pictures=[picture], least=0)
    expected = {one.name: one.confidence for one in labelled.labels}
    for none in (True, False):
        (found,) = classify(engine, picture, {"": COLOURS}, none=none)
        assert found.alone == expected
    (forced,) = classify(engine, picture, {"": ["green", "blue"]}, none=False)
    assert forced.choice is not None
    assert forced.alone[forced.choice] < 0.1 < forced.confidence


def test_none_of_these_is_the_answer_where_no_choice_is_likely(engine: Engine) -> None:
    (found,) = classify(engine, engine.store.root / "00.png", {QUESTION: ["green", "blue"]})
    assert found.choice is None
    assert found.confidence == found.none
    (forced,) = classify(
        engine, engine.store.root / "00.png", {QUESTION: ["green", "blue"]}, none=False
    )
    assert forced.choice in ("green", "blue")
    assert forced.none is None
    assert sum(forced.choices.values()) == pytest.approx(1, abs=1e-3)


def test_several_questions_are_answered_in_their_order(engine: Engine) -> None:
    asked = {"b?": ["red", "blue"], "a?": {"warm": ["red"], "cold": ["blue"]}}
    found = classify(engine, engine.store.root / "00.png", asked)
    assert [(one.question, one.choice) for one in found] == [("b?", "red"), ("a?", "warm")]


def test_a_picture_of_the_store_is_not_opened(engine: Engine) -> None:
    place = engine.store.root / "00.png"
    before = classify(engine, place, {QUESTION: COLOURS})
    status = place.stat()
    place.write_bytes(b"x" * status.st_size)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert classify(engine, place, {QUESTION: COLOURS}) == before


def test_one_that_has_changed_since_is_encoded(engine: Engine) -> None:
    place = write_picture(engine.store.root / "00.png", "blue", (9, 9))
    (found,) = classify(engine, place, {QUESTION: COLOURS})
    assert found.choice == "blue"


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "picture"])
def test_a_picture_outside_the_store_is_encoded(engine: Engine, tmp_path: Path, kind: str) -> None:
    place = write_picture(tmp_path / "mine.png", "green")
    given: Any = {
        "path": place,
        "text": str(place),
        "bytes": place.read_bytes(),
        "picture": Image.new("RGB", (5, 5), "green"),
    }[kind]
    (found,) = classify(engine, given, {QUESTION: COLOURS})
    (stored,) = classify(engine, engine.store.root / "01.png", {QUESTION: COLOURS})
    assert found.choice == stored.choice == "green"
    assert found.confidence == pytest.approx(stored.confidence, abs=0.01)


WRONG: list[Any] = [
    {},
    {"a?": []},
    {"a?": "red, blue"},
    {"a?": None},
    {"a?": ["red", "Red"]},
    {"a?": [""]},
    {"a?": [1]},
]


@pytest.mark.parametrize("questions", WRONG)
def test_questions_that_can_t_be_meant_are_said(engine: Engine, questions: Any) -> None:
    with pytest.raises(QueryError):
        Classifier(engine, questions)


def test_one_choice_is_a_question_only_if_it_may_be_none(engine: Engine) -> None:
    (found,) = classify(engine, engine.store.root / "00.png", {"Red?": [Label("red")]})
    assert found.choice == "red"
    with pytest.raises(QueryError, match="nothing to choose"):
        Classifier(engine, {"Red?": ["red"]}, none=False)


def test_what_is_no_picture_is_said(engine: Engine, tmp_path: Path) -> None:
    classifier = Classifier(engine, {QUESTION: COLOURS})
    bad = write_files(tmp_path, {"bad.png": "no"}) / "bad.png"
    for path in (bad, tmp_path / "none.png", tmp_path, Path("a\0b.png")):
        with pytest.raises(MediaError):
            classifier.answers(path)
    wrong: Any = 3
    with pytest.raises(QueryError):
        classifier.answers(wrong)
