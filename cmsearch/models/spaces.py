"""The description of an embedding space as JSON, as catalogs and adapters keep it."""

# Tested by tests/unit/cmsearch/models/test_adapters.py

from __future__ import annotations

import json
from dataclasses import asdict

from cmsearch.types import Space

MAX_DIM = 65_536
_LONGEST = 100_000


def described(space: Space) -> str:
    """A space as JSON, always the same for the same one."""
    return json.dumps(asdict(space), sort_keys=True)


def parsed(description: str) -> Space:
    """A space as it was described; raises `TypeError` and `ValueError` for what describes none."""
    if len(description) > _LONGEST:
        raise ValueError("no description of a space is as long")
    try:
        space = Space(**json.loads(description))
    except RecursionError as error:
        raise ValueError("brackets within brackets") from error
    texts = [space.encoder, space.model, space.weights, space.recipe, space.metric]
    texts.append(space.adapter or "")
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise TypeError("a name is a string without zero bytes")
    if type(space.dim) is not int or not 1 <= space.dim <= MAX_DIM:
        raise ValueError("no dimension")
    return space


def model_name(space: Space) -> str:
    """The canonical name of the model that a space is of."""
    name = f"{space.encoder}:{space.model}" if space.model else space.encoder
    return name if space.adapter is None else f"{name}+{space.adapter[:12]}"
