"""The regions of a picture, as the tokens of an encoder that can be shown stand for them."""

# Tested by tests/unit/cmsearch/search/test_explain.py

from __future__ import annotations

SIDE = 3
REGIONS = (
    *("top left", "top", "top right"),
    *("left", "centre", "right"),
    *("bottom left", "bottom", "bottom right"),
    "whole picture",
)
"""A picture's tokens in their order: its cells row by row and, with most encoders, all of it."""
