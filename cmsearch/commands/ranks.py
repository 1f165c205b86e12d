"""Ranks of hits as they are typed in the shell: `3 7-9`."""

# Tested by tests/unit/cmsearch/commands/test_shell.py

from __future__ import annotations

import re

from cmsearch.errors import QueryError

_RANKS = re.compile(r"(-?)(\d{1,5})(?:-(\d{1,5}))?")


def ranks(given: str) -> tuple[list[int], list[int]]:
    """Ranks such as `3 7-9`, and those that are wrong, as in `3 7 -5` or `3 7 not 5`."""
    found: tuple[list[int], list[int]] = ([], [])
    is_wrong = False
    for word in given.replace(",", " ").split():
        if word == "not":
            is_wrong = True
            continue
        rank = _RANKS.fullmatch(word)
        if rank is None:
            raise QueryError(f"{word} is no rank. A rank is a number: 3; several are 3 7 or 3-7.")
        first = int(rank[2])
        found[is_wrong or bool(rank[1])].extend(range(first, int(rank[3] or first) + 1))
    return found


def plain_ranks(given: str) -> list[int]:
    """Ranks of which none is wrong."""
    right, wrong = ranks(given)
    if wrong or not right:
        raise QueryError(f"{given} names no ranks. Ranks are numbers: 3 7 or 3-7.")
    return right


def number(given: str) -> int:
    """One number from 1."""
    (first, *others) = plain_ranks(given)
    if others or first < 1:
        raise QueryError(f"{given} is not one number from 1.")
    return first
