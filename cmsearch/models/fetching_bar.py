"""How far a download is: one bar on a terminal, else a line every ten seconds."""

# Tested by tests/unit/cmsearch/models/test_downloads.py

from __future__ import annotations

import logging
import sys
import time
from typing import Any, Self

_LINE_SECONDS = 10.0

log = logging.getLogger("cmsearch")


class FetchingBar:
    """A bar for all files of a model, in a `with`; `HF_HUB_DISABLE_PROGRESS_BARS` leaves it out."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._done = 0
        self._told = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        from huggingface_hub import constants

        if self._size and sys.stderr.isatty() and not constants.HF_HUB_DISABLE_PROGRESS_BARS:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self._name, total=self._size, unit="B", unit_scale=True, leave=False,
                file=sys.stderr,
            )  # fmt: skip
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, size: int) -> None:
        """Note that as many bytes more are here; fewer, where some came for nothing."""
        self._done += size
        if self._bar is not None:
            self._bar.update(self._done - self._bar.n)
        elif time.monotonic() - self._told >= _LINE_SECONDS:
            self._told = time.monotonic()
            log.info(
                "Fetching %s: %d of %d MB.", self._name, self._done // 10**6, self._size // 10**6
            )
