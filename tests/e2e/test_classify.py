"""The command `classify`, on the sample photographs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.builders import write_files
from tests.commands import called, cmsearch

ANIMALS = {
    "tabby_cat.jpg": "cat",
    "calico_kitten.jpg": "cat",
    "window_dogs.jpg": "dog",
    "honey_bee.jpg": "bee",
}
NONE = ["espresso.jpg", "launch_pad.jpg", "pagoda.jpg", "retina.jpg", "wine_evening.jpg"]
CHOICES = ["--question", "What animal is it?", "--choices", "cat, dog, bee"]
CAT = "photos/tabby_cat.jpg"


def test_each_photograph_has_its_answer_or_none_of_these(sample: Path) -> None:
    result = cmsearch("classify", "photos", *CHOICES, "--format", "json", cwd=sample)
    assert (result.returncode, result.stderr) == (0, "")
    found = {}
    for line in map(json.loads, result.stdout.splitlines()):
        (answer,) = line["answers"]
        found[Path(line["path"]).name] = answer
    assert len(found) == 23
    for name, expected in ANIMALS.items():
        assert found[name]["answer"] == expected, name
        assert found[name]["confidence"] > 0.5
    for name in NONE:
        assert found[name]["answer"] is None, name
    one = found["tabby_cat.jpg"]
    assert list(one) == ["question", "answer", "confidence", "choices", "none", "alone"]
    assert sum(one["choices"].values()) + one["none"] == pytest.approx(1, abs=1e-3)


def test_a_table_is_for_people(sample: Path) -> None:
    result = called("classify", CAT, "photos/retina.jpg", *CHOICES, cwd=sample)
    cat, answer, retina, none = result.stdout.splitlines()
    assert (cat, retina) == (CAT, "photos/retina.jpg")
    assert "%  What animal is it?  cat  (" in answer
    assert "What animal is it?  none of these  (" in none


def test_a_picture_outside_the_index_gets_the_answer_of_the_same_one_inside(
    sample: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(sample / CAT, tmp_path / "mine.jpg")
    arguments = [*CHOICES, "--format", "json"]
    inside = called("classify", CAT, *arguments, cwd=sample)
    outside = called("classify", copy, "--store", sample, *arguments, cwd=tmp_path)
    (one,), (other,) = (json.loads(run.stdout)["answers"] for run in (inside, outside))
    assert one["answer"] == other["answer"] == "cat"
    assert one["confidence"] == pytest.approx(other["confidence"], abs=0.01)


def test_several_questions_come_from_a_file(sample: Path, tmp_path: Path) -> None:
    asked = {
        "What is it?": ["an animal: no", "a landscape"],
        "Which animal?": {"feline": ["a cat"], "canine": ["a dog"]},
    }
    place = write_files(tmp_path, {"q.json": json.dumps(asked)}) / "q.json"
    result = called("classify", CAT, "--questions", place, "--format", "json", cwd=sample)
    answers = json.loads(result.stdout)["answers"]
    assert [one["question"] for one in answers] == list(asked)
    assert answers[1]["answer"] == "feline"


def test_a_choice_is_taken_if_there_has_to_be_one(sample: Path) -> None:
    options = ["--choices", "cat, dog", "--format", "json"]
    free = json.loads(called("classify", "photos/retina.jpg", *options, cwd=sample).stdout)
    assert free["answers"][0]["answer"] is None
    forced = called("classify", "photos/retina.jpg", *options, "--no-none", cwd=sample)
    (answer,) = json.loads(forced.stdout)["answers"]
    assert answer["answer"] in ("cat", "dog")
    assert answer["none"] is None


def test_a_picture_that_can_t_be_read_stops_no_others(sample: Path, tmp_path: Path) -> None:
    write_files(tmp_path, {"in/a.jpg": "no picture", "in/.hidden.jpg": "no", "in/b.txt": "no"})
    shutil.copy(sample / CAT, tmp_path / "in" / "b.jpg")
    result = called("classify", "in", "--store", sample, *CHOICES, cwd=tmp_path)
    assert result.returncode == 3
    assert result.stdout.startswith("in/b.jpg\n")
    assert "a.jpg" in result.stderr
    assert "hidden" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([CAT], 2, "one of the two"),
        ([CAT, "--choices", "a", "--questions", "b"], 2, "one of the two"),
        ([CAT, "--choices", ","], 2, "no labels"),
        ([CAT, "--choices", "a, A"], 2, "twice"),
        ([CAT, "--choices", "a", "--no-none"], 2, "nothing to choose"),
        ([CAT, "--questions", "none.json"], 1, "none.json"),
        ([CAT, "--questions", "queries.jsonl"], 2, "queries.jsonl"),
        ([CAT, "--questions", "x", "--question", "y"], 2, "--question"),
        (["none.jpg", "--choices", "a, b"], 1, "none.jpg"),
        (["queries.jsonl", "--choices", "a, b"], 1, "not a picture"),
        (["--choices", "a, b"], 2, "FILE_OR_FOLDER"),
    ],
)
def test_mistakes_are_one_message_and_an_exit_code(
    sample: Path, arguments: list[str], status: int, said: str
) -> None:
    result = called("classify", *arguments, cwd=sample)
    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_a_folder_without_pictures_is_said(sample: Path) -> None:
    result = called("classify", "notes", *CHOICES, cwd=sample)
    assert (result.returncode, result.stdout) == (0, "")
    assert "no picture" in result.stderr
