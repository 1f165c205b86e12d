"""The constants of `lite`: what its space is made by."""

# Tested by tests/unit/cmsearch/models/encoders/test_lite.py

from __future__ import annotations

from typing import TYPE_CHECKING

from cmsearch.types import Space

if TYPE_CHECKING:
    pass


IMAGE_SIZE = 260
DIM = 384
FIRST_WORD = 1996
"""The id of "the", the first whole word of BERT's vocabulary, which is in order of frequency."""
# Chosen on the train2017 half of a set of 159 photographs with captions; docs/encoders.md has the
# figures. Temperatures of the softmax over classes for the whole picture and for its 3 x 3 cells,
# the share of the cells in the picture's vector, and how far the class vectors are whitened.
TEMPERATURE = 2.25
CELL_TEMPERATURE = 1.5
CELL_SHARE = 0.1
WHITENING = 0.3
RECIPE = (
    f"squash{IMAGE_SIZE}-bicubic conse t{TEMPERATURE} cells3x3 t{CELL_TEMPERATURE} "
    f"s{CELL_SHARE} centred whiten{WHITENING} v1"
)
VISION_DIGEST = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
TEXT_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SPACE = Space("lite", "", f"{VISION_DIGEST[:16]}+{TEXT_DIGEST[:16]}", RECIPE, DIM)
