"""Contents a second of several ways to encode them, measured in turn."""

# Tested by tests/unit/cmsearch/models/encoders/test_providers.py

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cmsearch.models.encoders.probes import Batch

ROUNDS = 3
SECONDS = 0.3
Name = TypeVar("Name")


def rates(
    runs: Mapping[Name, Callable[[Batch], Any]],
    batches: Sequence[Batch],
    at_once: Mapping[Name, int],
) -> dict[Name, float]:
    """Contents a second of each way, with as many calls at once as it likes: the best of three.

    They take turns, so that what else the machine does is done to all of them.
    """
    best = dict.fromkeys(runs, 0.0)
    for name, run in runs.items():  # the first calls make room in memory
        _rate(run, batches[:1], at_once[name], 0)
    for name in itertools.chain(*itertools.repeat(list(runs), ROUNDS)):
        best[name] = max(best[name], _rate(runs[name], batches, at_once[name], SECONDS))
    return best


def _rate(
    run: Callable[[Batch], Any], batches: Sequence[Batch], threads: int, least: float
) -> float:
    """Contents a second, all batches again and again for `least` seconds."""
    done, start = 0, time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        while True:
            list(pool.map(run, [*batches] * max(1, threads // len(batches) + 1)))
            done += sum(len(batch[0]) for batch in batches) * max(1, threads // len(batches) + 1)
            seconds = time.perf_counter() - start
            if seconds >= least:
                return done / seconds
