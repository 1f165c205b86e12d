"""Batches grow while there is memory, and shrink where it runs out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cmsearch.errors import ModelError
from cmsearch.models.encoders.batches import SPARE, Memory, Room

EACH = 100


class Scarce(Memory):
    """Memory for so many contents at once."""

    def __init__(self, contents: int) -> None:
        super().__init__()
        self.room = contents * EACH
        self.last = 0

    def taken(self) -> int:
        return self.last

    def free(self) -> int:
        return self.room + SPARE


def doubled(memory: Scarce, seen: list[int], most: int, some: Sequence[int]) -> list[int]:
    seen.append(len(some))
    if len(some) > most:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")
    memory.last = EACH * len(some)
    return [2 * one for one in some]


@pytest.mark.parametrize(
    ("room", "most", "expected"),
    [
        (10_000, 100, [2, 4, 8, 8, 8]),  # as many as are wanted at most
        (7, 100, [2, 4, 4, 4, 4, 4, 4, 4]),  # eight would take what is free, and more with others
        (10_000, 5, [2, 4, 8, 4, 4, 4, 4, 4, 4]),  # what was measured was too little
    ],
)
def test_batches_are_as_large_as_memory_allows(room: int, most: int, expected: list[int]) -> None:
    memory, seen = Scarce(room), list[int]()
    rooms = Room(8, memory)
    found = rooms.run("text", range(30), lambda some: doubled(memory, seen, most, some))
    assert found == [2 * one for one in range(30)]
    assert seen == expected


def test_kinds_have_sizes_of_their_own() -> None:
    memory, seen = Scarce(10_000), list[int]()
    rooms = Room(8, memory)
    rooms.run("text", range(6), lambda some: doubled(memory, seen, 100, some))
    rooms.run("image", range(2), lambda some: doubled(memory, seen, 100, some))
    rooms.run("text", range(8), lambda some: doubled(memory, seen, 100, some))
    assert seen == [2, 4, 2, 8]


def test_what_one_alone_has_no_memory_for_is_an_error() -> None:
    memory, seen = Scarce(10_000), list[int]()
    with pytest.raises(ModelError, match="not enough memory for this model: CUDA out of memory"):
        Room(8, memory).run("text", range(4), lambda some: doubled(memory, seen, 0, some))
    assert seen == [2, 1]


def test_other_errors_are_told_as_they_are() -> None:
    def wrong(some: Sequence[int]) -> list[int]:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        Room(8).run("text", range(4), wrong)
