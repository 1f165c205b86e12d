"""What can go wrong with printing."""

# Tested by tests/e2e/test_streams.py

from __future__ import annotations

from traceback import walk_tb

import click


def is_of_printing(error: BaseException) -> bool:
    """Whether it is click that couldn't print, as on a full disk, or to nobody."""
    *_, (frame, _) = walk_tb(error.__traceback__)
    return isinstance(error, OSError) and (
        frame.f_code.co_filename == click.echo.__code__.co_filename
    )
