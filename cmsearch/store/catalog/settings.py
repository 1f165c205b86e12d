"""What a catalog's settings are called; its own methods alone read and write them by name."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

ROOT = "root"
"""The folder that is indexed."""
SNAPSHOTS = "snapshots"
"""The tokens of the last publications, as a list in JSON."""
MOST_SNAPSHOTS = 64
"""Tokens that are kept of a catalog whose files several machines have."""
TRANSCRIBER = "transcriber"
"""The name of what wrote speech down, or `none`."""
INDEX = "vectors"
"""The name of the index that searches the vectors; `faiss` without it."""
SERVED = "vectors served"
"""By what a store knows its vectors on a server: its own name, and the tokens of what it wrote."""
SOUND_SPACE = "sound space"
"""The number of the space that sounds are in."""
NO_SOUND = "no sound"
"""Set where sound is passed over, though the model of the index hears."""
OCR = "ocr"
"""Which pictures text is read in: `auto`, `none` or `all`."""
TEXT = "text "
"""What the names of the settings begin with that have the text read in a file, by its digest."""
RERANKERS = "reranker "
"""What the names of the settings begin with that have a space's reranker."""


def bank(space: int) -> str:
    """The vectors of the bank of captions in a space."""
    return f"bank {space}"


def stages(space: int) -> str:
    """What was measured to help after the first stage in a space."""
    return f"stages {space}"


def reranker(space: int) -> str:
    """The digest of the reranker that was learned in a space."""
    return f"{RERANKERS}{space}"
