"""Understanding pictures: questions with choices, answered with a confidence or by none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch.annotate.annotation import serving
from cmsearch.annotate.zero_shot import Label, Labeller, as_labels, probabilities
from cmsearch.errors import QueryError
from cmsearch.search.engine import Engine
from cmsearch.search.query.encode import encode_queries
from cmsearch.search.rank.attention import Tokens
from cmsearch.store.catalog import files, items
from cmsearch.types import FloatArray, Place

if TYPE_CHECKING:
    from cmsearch.search.query.encode import Picture

    Choices = Sequence[str | Label] | Mapping[str, Sequence[str]]

# Chosen on the train2017 half of a set of 159 photographs with captions, by
# scripts/bench/labels.py; docs/annotation.md has the figures.
NONE = 0.0
"""The log-odds of none of the choices: a choice is the answer if it is likelier than not by itself,
which is when `label` gives it."""
TEMPERATURE = 0.75


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question about one picture."""

    question: str
    """The question."""
    choice: str | None
    """The choice that was taken; None for none of these."""
    confidence: float
    """How likely the answer is, from 0 to 1."""
    choices: Mapping[str, float]
    """How likely each choice is, in their order; with `none` they sum to 1."""
    none: float | None
    """How likely none of the choices is; None if a choice had to be taken."""
    alone: Mapping[str, float]
    """How likely each choice is by itself, as `label` judges it: of choices that are all unlikely
    one may still be far ahead.
    """


def classify(
    engine: Engine,
    image: Picture,
    questions: Mapping[str, Choices],
    *,
    none: bool = True,
) -> list[Answer]:
    """The answer to each question about a picture, in their order.

    `image` is what `Engine.search` takes: a path, bytes, or a `PIL.Image.Image`. For a picture of
    the engine's store that hasn't changed since, what is stored is used. `questions` has for each
    question its choices, which exclude each other: names, `Label`s, or a mapping of names to
    prompts of their own. Without `none` the best choice is taken however little it says. Raises
    `QueryError`, and `MediaError` for a picture that can't be read.
    """
    return Classifier(engine, questions, none=none).answers(image)


class Classifier:
    """Answers the same questions about many pictures; see `classify`."""

    def __init__(
        self, engine: Engine, questions: Mapping[str, Choices], *, none: bool = True
    ) -> None:
        if not questions:
            raise QueryError("There is no question; give at least one with its choices.")
        self._store, self._none = engine.store, none
        with serving(engine) as (view, encoder):
            self._view, self._encoder = view, encoder
            self._labellers = {
                question: Labeller(
                    engine.store, view, encoder, _choices(question, given, none), question
                )
                for question, given in questions.items()
            }

    def answers(self, image: Picture) -> list[Answer]:
        """The answer to each question about a picture."""
        vector, tokens = self._stored(image) or self._encoded(image)
        return [
            self._answer(question, labeller, labeller.logits(vector[None], [tokens]))
            for question, labeller in self._labellers.items()
        ]

    def _answer(self, question: str, labeller: Labeller, logits: FloatArray) -> Answer:
        shares = joint(logits, none=self._none)[0].tolist()
        alone = probabilities(logits)[0].tolist()
        names = [one.name for one in labeller.labels]
        best = int(np.argmax(shares))
        return Answer(
            question,
            names[best] if best < len(names) else None,
            round(shares[best], 4),
            {name: round(share, 4) for name, share in zip(names, shares, strict=False)},
            round(shares[-1], 4) if self._none else None,
            {name: round(one, 4) for name, one in zip(names, alone, strict=True)},
        )

    def _stored(self, image: Picture) -> tuple[FloatArray, Tokens] | None:
        """What the store has of a picture, if its file is as it was indexed."""
        if isinstance(image, Place) and not image.locator:
            image = image.path
        if not isinstance(image, str | Path):
            return None
        try:
            status = Path(image).stat()
            names = self._store.names_of(image)
        except (OSError, ValueError):  # ValueError: a zero byte in the name
            return None
        seen = (status.st_size, status.st_mtime_ns)
        with self._store.catalog.reading():
            assets = files.assets_at(self._store.catalog, names)
            same = [
                name
                for name in names
                if (asset := assets.get(name)) and (asset.size, asset.mtime_ns) == seen
            ]
            found = items.images_at(self._store.catalog, self._view.space_id, same)
            dim = self._encoder.space.dim
            stored = items.contents(self._store.catalog, list(found.values()), dim)
        return next(iter(stored.values()), None)

    def _encoded(self, image: Picture) -> tuple[FloatArray, Tokens]:
        (asked,), _ = encode_queries(self._encoder, None, [image])
        (part,) = asked.parts
        if part.tokens is None or part.weights is None:
            empty = np.zeros((0, self._encoder.space.dim), np.float32)
            return part.vector, (empty, np.zeros(0, np.float32))
        return part.vector, (part.tokens, part.weights)


def answers_as_json(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Answers in JSON's types; docs/annotation.md has what each field holds."""
    return [
        {
            "question": one.question,
            "answer": one.choice,
            "confidence": one.confidence,
            "choices": dict(one.choices),
            "none": one.none,
            "alone": dict(one.alone),
        }
        for one in answers
    ]


def joint(logits: FloatArray, *, none: bool = True) -> FloatArray:
    """Probabilities `(n, l + 1)` of choices that exclude each other, the last that of none.

    Given the log-odds `(n, l)` of each choice alone, as if they were independent, these are what
    they become once it is known that at most one of them holds: each in proportion to its odds,
    and none of them to 1, before `NONE` and `TEMPERATURE`. Without `none` there are l of them.
    """
    if none:
        logits = np.concatenate([logits, np.full((len(logits), 1), NONE, np.float32)], axis=1)
    powers = np.exp((logits - logits.max(1, keepdims=True)) / TEMPERATURE)
    shares: FloatArray = powers / powers.sum(1, keepdims=True)
    return shares


def _choices(question: str, given: Choices, none: bool) -> list[Label]:
    if isinstance(given, str) or not isinstance(given, Sequence | Mapping):
        raise QueryError(f"The choices of {question!r} are a list, not {given!r}.")
    try:
        labels = as_labels(given)
    except QueryError as error:
        raise QueryError(f"The question {question!r}: {error}") from error
    if len(labels) < 2 and not none:
        raise QueryError(f"The question {question!r} has one choice; there is nothing to choose.")
    return labels
