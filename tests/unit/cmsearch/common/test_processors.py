"""Threads for each processor, and an interruption that doesn't wait for them."""

from __future__ import annotations

import os
import threading

import pytest

from cmsearch.common.processors import cpu_count, threads


def test_there_are_as_many_as_this_process_may_use() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)


def test_threads_do_what_they_are_given_before_the_pool_ends() -> None:
    done: list[int] = []
    with threads(2) as pool:
        for number in range(5):
            pool.submit(done.append, number)
    assert sorted(done) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("error", "is_waited_for"), [(ValueError, True), (KeyboardInterrupt, False)]
)
def test_an_error_waits_for_the_threads_and_an_interruption_does_not(
    error: type[BaseException], is_waited_for: bool
) -> None:
    begun, end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        end.wait(0.2 if is_waited_for else 60)
        ended.set()

    with pytest.raises(error), threads(1) as pool:
        pool.submit(work)
        begun.wait(60)
        raise error
    assert ended.is_set() is is_waited_for
    end.set()
