"""The options of the second stage on the sample photographs: what the field `stages` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import called

TEXT = ["a furry animal", "--for", "image", "--match", "picture", "-k", "8"]
PICTURE = ["--image", "photos/raccoon.jpg", "-k", "8"]


def found(sample: Path, *arguments: str) -> list[dict[str, Any]]:
    result = called("search", *arguments, "--format", "json", cwd=sample)
    assert result.returncode == 0, result.stderr
    hits = [json.loads(line) for line in result.stdout.splitlines()]
    scores = [hit["score"] for hit in hits]
    assert hits and scores == sorted(scores, reverse=True)
    return hits


def stages(hits: list[dict[str, Any]]) -> set[frozenset[str]]:
    return {frozenset(hit["stages"]) for hit in hits}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (TEXT, {"attention"}),
        ([*TEXT, "--rerank", "auto"], {"attention"}),
        ([*TEXT, "--rerank", "attention"], {"attention"}),
        ([*TEXT, "--rerank", "none"], set()),
        ([*PICTURE, "--for", "text"], {"hubness"}),
        ([*PICTURE, "--for", "text", "--rerank", "none"], {"hubness"}),
        ([*PICTURE, "--for", "text", "--no-correct"], set()),
        ([*PICTURE, "--for", "text", "--rerank", "attention"], {"hubness", "attention"}),
        ([*PICTURE, "--for", "image"], set()),
    ],
)
def test_stages_are_what_ran_and_add_up(
    sample: Path, arguments: list[str], expected: set[str]
) -> None:
    hits = found(sample, *arguments)
    assert stages(hits) == {frozenset(expected | {"picture", "prior"})}
    for hit in hits:
        assert hit["score"] == pytest.approx(sum(hit["stages"].values()), abs=1e-5)


def test_only_so_many_are_looked_at(sample: Path) -> None:
    plain = found(sample, *TEXT, "--rerank", "none")
    hits = found(sample, *TEXT, "--rerank-depth", "3")
    assert ["attention" in hit["stages"] for hit in hits] == [True] * 3 + [False] * 5
    assert {hit["path"] for hit in hits[:3]} == {hit["path"] for hit in plain[:3]}
    assert [hit["path"] for hit in hits[3:]] == [hit["path"] for hit in plain[3:]]


@pytest.mark.parametrize(
    ("match", "possible"),
    [
        ("picture", {"picture"}),
        ("caption", {"caption"}),
        ("words", {"words"}),
        ("all", {"picture", "caption", "words"}),
    ],
)
def test_stages_say_by_what_a_picture_was_found(
    sample: Path, match: str, possible: set[str]
) -> None:
    hits = found(sample, "the raccoon", "--for", "image", "--match", match, "--rerank", "none")
    assert hits[0]["source"] == "photos/raccoon.jpg"
    assert set(hits[0]["stages"]) == {"prior", *possible}
    assert all(set(hit["stages"]) <= {"prior", *possible} for hit in hits)


def test_a_file_is_found_by_its_name(sample: Path) -> None:
    for text in ("launch_pad.jpg", "LAUNCH pad"):
        for target in ("image", "any"):
            hits = found(sample, text, "--for", target)
            photos = [hit["source"] for hit in hits if hit["kind"] == "photo"]
            assert photos[0] == "photos/launch_pad.jpg"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rerank", "nonsense"], "no reranker 'nonsense'"),
        (["--rerank", ""], "no reranker ''"),
        (["--rerank-depth", "0"], "--rerank-depth"),
        (["--rerank-depth", "all"], "--rerank-depth"),
        (["--match", "nonsense"], "'picture', 'caption', 'words'"),
    ],
)
def test_mistakes_are_one_message_and_exit_code_2(
    sample: Path, arguments: list[str], said: str
) -> None:
    result = called("search", "a cat", *arguments, cwd=sample)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stdout == ""
