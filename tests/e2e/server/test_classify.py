"""Questions about a picture, answered by a true service as the command line answers them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from cmsearch.server.answers import Classified
from tests.commands import called

CHOICES = {"question": "What animal is it?", "choices": ["cat", "dog", "bee"]}


@pytest.fixture(scope="module")
def cat(client: httpx.Client) -> int:
    """The number of the photograph of a tabby cat."""
    params: dict[str, str | int] = {"q": "tabby cat", "target": "image", "k": 1}
    return int(client.get("/v1/search", params=params).json()["hits"][0]["item"])


def asked(client: httpx.Client, **body: Any) -> Any:
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_answers_are_those_of_the_command_line(
    client: httpx.Client, cat: int, sample: Path
) -> None:
    done = called(
        "classify", "photos/tabby_cat.jpg", "--question", "What animal is it?",
        "--choices", "cat, dog, bee", "--format", "json", cwd=sample,
    )  # fmt: skip
    told = {"store": "sample_data", "item": cat, **json.loads(done.stdout)}
    assert asked(client, item=cat, **CHOICES) == told
    Classified.model_validate(told)
    (answer,) = told["answers"]
    assert answer["answer"] == "cat"


def test_a_picture_that_is_sent_gets_the_same_answer(client: httpx.Client, sample: Path) -> None:
    answer = client.post(
        "/v1/classify",
        data={"request": json.dumps(CHOICES)},
        files={"image": ("mine.jpg", (sample / "photos/tabby_cat.jpg").read_bytes())},
    )
    told = answer.json()
    assert (told["item"], told["path"]) == (None, None)
    assert told["answers"][0]["answer"] == "cat"


def test_several_questions_with_prompts_and_without_none(client: httpx.Client, cat: int) -> None:
    questions = {
        "Which animal?": {"feline": ["a cat", "a kitten"], "canine": "a dog"},
        "": ["tram", "ship"],
    }
    first, second = asked(client, item=cat, questions=questions, none=False)["answers"]
    assert (first["question"], first["answer"], first["none"]) == ("Which animal?", "feline", None)
    assert second["answer"] in ("tram", "ship")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"choices": ["a"]}, 400, "Name an `item`, or send one picture"),
        ({"item": 1}, 400, "one of the two"),
        ({"item": 1, "choices": ["a"], "questions": {"b": ["c"]}}, 400, "one of the two"),
        ({"item": 1, "question": "a", "questions": {"b": ["c"]}}, 400, "goes with `choices`"),
        ({"item": 1, "questions": {}}, 400, "no question"),
        ({"item": 1, "choices": []}, 400, "no labels"),
        ({"item": 1, "choices": ["a", "A"]}, 400, "given twice"),
        ({"item": 1, "choices": ["a"], "none": False}, 400, "nothing to choose"),
        ({"item": 1, "choices": [" "]}, 400, "is a text"),
        ({"item": 1, "choices": [f"a{n}" for n in range(201)]}, 400, "201 choices"),
        ({"item": 1, "choices": {"a": ["b"] * 201}}, 400, "201 choices"),
        ({"item": 1, "choices": ["a" * 1001]}, 422, "choices"),
        ({"item": 1, "choices": "cat, dog"}, 422, "choices"),
        ({"item": 2**60, "choices": ["a"]}, 404, "no item"),
        ({"item": 0, "choices": ["a"]}, 422, "item"),
        ({"item": 1, "choices": ["a"], "store": "other"}, 404, "no store 'other'"),
        ({"item": 1, "choices": ["a"], "top": 3}, 422, "top"),
    ],
)
def test_what_cant_be_answered_is_a_problem(
    client: httpx.Client, body: Any, status: int, words: str
) -> None:
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_what_is_no_picture_is_a_problem(client: httpx.Client) -> None:
    params: dict[str, str | int] = {"q": "a note", "target": "passage", "k": 1}
    passage = client.get("/v1/search", params=params).json()["hits"][0]["item"]
    answer = client.post("/v1/classify", json={"item": passage, "choices": ["a", "b"]})
    assert (answer.status_code, "has no picture" in answer.text) == (422, True)
    sent = {"request": json.dumps(CHOICES)}
    for data in (b"no picture", b""):
        answer = client.post("/v1/classify", data=sent, files={"image": ("a.jpg", data)})
        assert answer.status_code == 422, answer.text
    two = [("image", ("a.jpg", b"a")), ("image", ("b.jpg", b"b"))]
    assert client.post("/v1/classify", data=sent, files=two).status_code == 400


def test_the_description_refers_to_nothing_that_isnt_there(client: httpx.Client) -> None:
    told = client.get("/openapi.json")
    assert "$defs" not in told.text
    body = told.json()["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    name = body["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert told.json()["components"]["schemas"][name]["examples"]
    answer = told.json()["paths"]["/v1/classify"]["post"]["responses"]["200"]["content"]
    Classified.model_validate(answer["application/json"]["example"])
    assert body["multipart/form-data"]["schema"]["properties"].keys() == {"request", "image"}
