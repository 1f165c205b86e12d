"""How many contents a model takes at once: more while there is memory, fewer where it ran out."""

# Tested by tests/unit/cmsearch/models/encoders/test_batches.py

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import psutil

from cmsearch.errors import ModelError, brief

Content = TypeVar("Content")
Result = TypeVar("Result")

FIRST = 2
"""Contents of the first batch of a kind, by which memory is measured."""
SPARE = 2**30
"""Bytes that are left to others."""
_SHORT = ("out of memory", "not enough memory", "can't allocate memory")


class Room:
    """Runs contents in batches of `most` at most.

    Each kind of contents begins with a few, and takes twice as many as long as what a batch of them
    took fits twice into what is free. Where memory runs out, half as many are tried.
    """

    def __init__(self, most: int, memory: Memory | None = None) -> None:
        self._most = most
        self._memory = memory or Memory()
        self._sizes: dict[Hashable, int] = {}
        self._limits: dict[Hashable, int] = {}

    def run(
        self,
        kind: Hashable,
        contents: Sequence[Content],
        compute: Callable[[Sequence[Content]], Sequence[Result]],
    ) -> list[Result]:
        """What `compute` gives for each of some contents of a kind.

        Raises `ModelError` where there is no memory for one.
        """
        done: list[Result] = []
        while len(done) < len(contents):
            size = self._sizes.setdefault(kind, min(FIRST, self._most))
            some = contents[len(done) : len(done) + size]
            self._memory.begin()
            try:
                done.extend(compute(some))
            except (RuntimeError, MemoryError) as error:
                if not is_short(error):
                    raise
                self._shrink(kind, len(some), error)
            else:
                self._grow(kind, len(some))
        return done

    def _grow(self, kind: Hashable, count: int) -> None:
        """Take twice as many the next time, if these were as many as may be and it can be had."""
        size = self._sizes[kind]
        most = self._limits.get(kind, self._most)
        if count == size < most and 2 * self._memory.taken() + SPARE <= self._memory.free():
            self._sizes[kind] = min(2 * size, most)

    def _shrink(self, kind: Hashable, count: int, error: BaseException) -> None:
        self._memory.release()
        if count == 1:
            raise ModelError(
                f"There is not enough memory for this model: {brief(error)} Close other programs, "
                "take --device cpu, or a smaller model: `cmsearch models` lists some."
            ) from error
        self._sizes[kind] = self._limits[kind] = max(count // 2, 1)


class Memory:
    """The memory of this machine."""

    def __init__(self) -> None:
        self._before = 0

    def begin(self) -> None:
        """Begin to measure what a batch takes."""
        self._before = self.free()

    def taken(self) -> int:
        """Bytes that the batch took, as far as is known."""
        return max(self._before - self.free(), 0)

    def free(self) -> int:
        """Bytes that can be had."""
        return int(psutil.virtual_memory().available)

    def release(self) -> None:
        """Give back what is only kept for later."""


class GpuMemory(Memory):
    """The memory of a device of CUDA, of which torch knows the peak."""

    def __init__(self, device: str) -> None:
        import torch

        super().__init__()
        self._cuda: Any = torch.cuda
        self._device = device

    def begin(self) -> None:
        """Begin to measure what a batch takes."""
        self._cuda.reset_peak_memory_stats(self._device)
        self._before = int(self._cuda.memory_allocated(self._device))

    def taken(self) -> int:
        """Bytes that the batch took at its peak."""
        return max(int(self._cuda.max_memory_allocated(self._device)) - self._before, 0)

    def free(self) -> int:
        """Bytes that can be had, those that torch keeps for later included."""
        kept = self._cuda.memory_reserved(self._device) - self._cuda.memory_allocated(self._device)
        return int(self._cuda.mem_get_info(self._device)[0] + kept)

    def release(self) -> None:
        """Give back what torch keeps for later."""
        self._cuda.empty_cache()


def memory_of(device: str) -> Memory:
    """The memory that a device of torch computes in."""
    return GpuMemory(device) if device.startswith("cuda") else Memory()


def is_short(error: BaseException) -> bool:
    """Whether memory ran out."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or any(one in told for one in _SHORT)
