"""The form of an exported CLAP: what its files say of it."""

# Tested by tests/unit/cmsearch/models/encoders/test_clap.py

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from cmsearch.models.checkpoints import Purpose
from cmsearch.models.encoders.exports import Export

if TYPE_CHECKING:
    pass


PURPOSE = Purpose(
    "The sounds of the index were encoded with {model}, whose weights are not on this machine. "
    "Fetch them: `cmsearch index FOLDER --sound transformers:{model}`.",
    "index with --sound none",
    processor="feature extractor",
)
TYPE = "clap"
"""What config.json calls these models, and how the recipes of their spaces begin."""


class Form(NamedTuple):
    """The sound that a model takes: samples a second, and at most so many seconds of them."""

    rate: int
    seconds: float


def _form(found: Export) -> Form:
    """What an exported model says of the sound that it takes."""
    return Form(**json.loads(found.file("preprocessing.json").read_text())["sound"])
