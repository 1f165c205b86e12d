"""The route that answers questions with choices about a picture."""

# Tested by tests/e2e/server/test_classify.py

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cmsearch.annotate.label_files import questions_of
from cmsearch.annotate.questions import Classifier, answers_as_json
from cmsearch.errors import QueryError
from cmsearch.server import context
from cmsearch.server.answers import Classified
from cmsearch.server.bodies import described, sent
from cmsearch.server.located import located
from cmsearch.server.requests import Files, Number
from cmsearch.server.stores import Served

router = APIRouter(prefix="/v1", tags=["classify"])
MOST_CHOICES = 200
"""Choices and prompts of one request; each is encoded."""
Check = Callable[[], None]
Text = Annotated[str, StringConstraints(max_length=1000)]
Choices = list[Text] | dict[Text, Text | list[Text]]
_EXAMPLES: list[Any] = [
    {"item": 12, "question": "What animal is it?", "choices": ["cat", "dog", "bee"]},
    {
        "item": 12,
        "questions": {
            "Is it day or night?": ["day", "night"],
            "Which animal?": {"feline": ["a cat", "a kitten"], "canine": ["a dog"]},
        },
        "none": False,
    },
]
_ANSWER = {
    "store": "photos",
    "item": 12,
    "path": "/home/me/photos/cat.jpg",
    "answers": [
        {
            "question": "What animal is it?",
            "answer": "cat",
            "confidence": 0.93,
            "choices": {"cat": 0.93, "dog": 0.02, "bee": 0.01},
            "none": 0.04,
            "alone": {"cat": 0.95, "dog": 0.11, "bee": 0.06},
        }
    ],
}


class ClassifyBody(BaseModel):
    """Questions with choices about a picture: that of an `item`, or the one file that is sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})
    store: str | None = Field(None, max_length=255)
    item: Number | None = None
    choices: Choices | None = Field(
        None, description="A list of choices, or an object of choices with prompts of their own."
    )
    question: Text = Field("", description="What the choices answer.")
    questions: dict[Text, Choices] | None = Field(
        None, max_length=50, description="Several questions, each with its choices."
    )
    none: bool = Field(True, description="Whether none of the choices may be the answer.")


@router.post(
    "/classify",
    summary="Answer questions with choices about a picture",
    responses={200: {"model": Classified, "content": {"application/json": {"example": _ANSWER}}}},
    openapi_extra={"requestBody": described(ClassifyBody, "image")},
)
async def classify(request: Request) -> dict[str, Any]:
    """The answer to each question with its confidence, or none of its choices.

    The picture needn't be in the index: others are encoded by its model. But the index has to have
    some, since these tell how likely an answer is.
    """
    body, files = await sent(request, ClassifyBody)
    own = context.of(request)
    served = own.stores.get(body.store)
    return await own.work.run(request, lambda check: _classified(served, body, files, check))


def _classified(served: Served, body: ClassifyBody, files: Files, check: Check) -> dict[str, Any]:
    if len(files) + (body.item is not None) != 1:
        raise QueryError("Name an `item`, or send one picture as `image`: one of the two.")
    place = None if body.item is None else located(served, body.item)
    classifier = Classifier(served.engine, _asked(body), none=body.none)
    check()
    answers = classifier.answers(files[0][1] if place is None else place)
    return {
        "store": served.name,
        "item": body.item,
        "path": place and os.fsdecode(place.path),
        "answers": answers_as_json(answers),
    }


def _asked(body: ClassifyBody) -> Any:
    if (body.choices is None) == (body.questions is None):
        raise QueryError("Give `choices`, or `questions`: one of the two.")
    if body.questions is not None and body.question:
        raise QueryError("`question` goes with `choices`; `questions` has its own.")
    several = body.questions
    asked = questions_of({body.question: body.choices} if several is None else several)
    count = sum(max(1, len(one.prompts)) for labels in asked.values() for one in labels)
    if count > MOST_CHOICES:
        raise QueryError(f"{count} choices and prompts are more than {MOST_CHOICES}.")
    return asked
