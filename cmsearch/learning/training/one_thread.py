"""Letting torch compute on one thread."""

# Tested by tests/unit/cmsearch/learning/training/test_fusion.py

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one for a while: of networks so small several wait longer for each other
    than they help, and sums, so the numbers, would depend on how many there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
