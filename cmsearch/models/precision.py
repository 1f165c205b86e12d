"""The precision that an exported model computes in: floats of 32 bits, or integers of 8.

It is part of a space's recipe, so that vectors of two precisions never meet.
"""

# Tested by tests/unit/cmsearch/models/encoders/test_providers.py

from __future__ import annotations

from dataclasses import replace

from cmsearch.errors import ModelError
from cmsearch.types import Space

FP32, INT8, AUTO = "fp32", "int8", "auto"
CHOICES = (FP32, INT8, AUTO)
LEAST_COSINE = 0.99
"""The mean cosine with fp32 below which int8 isn't chosen by itself."""
LEAST_GAIN = 1.2
"""How many times as fast as fp32 int8 has to be to be chosen by itself."""
_MARK = " int8-v2"
"""How the recipe of a space ends whose model computes in 8 bits; raise it with the way to them."""


def precision_of(space: Space) -> str:
    """The precision of the model of a space."""
    return INT8 if space.recipe.endswith(_MARK) else FP32


def in_fp32(space: Space) -> Space:
    """The space of the same model in floats."""
    return replace(space, recipe=space.recipe.removesuffix(_MARK))


def in_int8(space: Space) -> Space:
    """The space of the same model in 8 bits."""
    return replace(space, recipe=f"{in_fp32(space).recipe}{_MARK}")


def wanted(asked: str | None, space: Space | None) -> str:
    """The precision to load a model in: that of a store's `space`, else what was asked, or fp32.

    Raises `ModelError` for another name.
    """
    if space is not None:
        return precision_of(space)
    if asked not in (None, *CHOICES):
        raise ModelError(f"There is no precision {asked!r}; it is one of {', '.join(CHOICES)}.")
    return asked or FP32
