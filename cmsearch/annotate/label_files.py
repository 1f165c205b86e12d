"""Reading labels, and questions with choices, from files and from the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmsearch.annotate.zero_shot import Label, as_labels
from cmsearch.common.files import read_file
from cmsearch.errors import MediaError, QueryError

MAX_BYTES = 16 * 2**20
MOST = 10_000
"""Labels, or choices of a question, at most."""


def read_labels(path: Path) -> list[Label]:
    """The labels of a file.

    JSON is a list of labels, or an object of labels with their prompts. Else each line is a label,
    alone or with prompts of its own as `label: prompt, prompt`; empty lines and such as begin with
    `#` are left out. Raises `QueryError` for what is neither, and `MediaError` for a file that
    can't be read.
    """
    text = _text(path)
    try:
        if text.lstrip().startswith(("{", "[")):
            return _parsed(_json(text))
        lines = [line.strip() for line in text.splitlines()]
        return _limited([_label(line) for line in lines if line and not line.startswith("#")])
    except QueryError as error:
        raise QueryError(f"{path}: {error}") from error


def read_questions(path: Path) -> dict[str, list[Label]]:
    """Questions with their choices: a JSON object of questions, each with a list of choices.

    A question may also have an object of choices with their prompts. Raises what `read_labels`
    raises.
    """
    try:
        found = _json(_text(path))
        if not isinstance(found, dict) or not found:
            raise QueryError('no object of questions, such as {"Which room is it?": ["kitchen"]}.')
        return questions_of(found)
    except QueryError as error:
        raise QueryError(f"{path}: {error}") from error


def questions_of(found: Mapping[str, Any]) -> dict[str, list[Label]]:
    """Questions with their choices, as JSON has them. Raises `QueryError` for others."""
    return {question: _parsed(choices) for question, choices in found.items()}


def parse_choices(text: str) -> list[Label]:
    """Choices that are separated by commas."""
    return _limited([Label(one.strip()) for one in text.split(",") if one.strip()])


def _label(line: str) -> Label:
    name, colon, rest = line.partition(":")
    prompts = tuple(one.strip() for one in rest.split(",") if one.strip())
    if colon and not (name.strip() and prompts):
        raise QueryError(f"The line {line!r} isn't `label` or `label: prompt, prompt`.")
    return Label(name.strip(), prompts)


def _parsed(found: Any) -> list[Label]:
    if isinstance(found, Mapping):
        if not all(isinstance(one, str | list) for one in found.values()):
            raise QueryError("the prompts of a label are a text or a list of texts.")
        listed = {name: [one] if isinstance(one, str) else one for name, one in found.items()}
        return _limited([Label(name, tuple(prompts)) for name, prompts in listed.items()])
    if isinstance(found, list):
        return _limited([Label(name) for name in found])
    raise QueryError("labels are a list, or an object of labels with their prompts.")


def _limited(labels: list[Label]) -> list[Label]:
    if len(labels) > MOST:
        raise QueryError(f"{len(labels)} labels are more than {MOST}.")
    return as_labels(labels)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise QueryError(f"this is no JSON: {error}.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which no name is given twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name in found if sum(name == one for one, _ in pairs) > 1)
        raise QueryError(f"{twice!r} is given twice.")
    return found


def _text(path: Path) -> str:
    try:
        return read_file(path, MAX_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise QueryError(f"{path} is not UTF-8; save it as UTF-8.") from error
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{path} can't be read: {reason}.") from error
