"""What Pillow may read, and one large picture at a time."""

# Tested by tests/unit/cmsearch/media/test_images.py

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
"""As Pillow names them. Others it can read by running programs."""
_LARGE = 2**25  # pixels: 32 megapixels, more than most cameras have
_one_large = threading.Lock()


def in_turn(pixels: int) -> AbstractContextManager[object]:
    """Lets a large picture wait until no other one is being decoded, to bound the memory."""
    return _one_large if pixels > _LARGE else nullcontext()
