"""Threads for each processor, and an interruption that doesn't wait for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cmsearch.common.processors import POLITE, cpu_count, give_way_no_more, threads


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


GIVEN_WAY = """
import os, threading
from cmsearch.common.processors import give_way
before = os.nice(0)
give_way()
give_way()
other = []
thread = threading.Thread(target=lambda: other.append(os.nice(0)))
thread.start()
thread.join()
print(before, os.nice(0), *other)
"""
GROUP = """
print(open("/proc/self/autogroup").read().split()[-1])
"""
HAS_GROUPS = Path("/proc/self/autogroup").exists()


@pytest.mark.skipif(not hasattr(os, "nice"), reason="the system has no such measure")
@pytest.mark.parametrize("alone", [True, False], ids=["its own session", "another's session"])
def test_a_process_gives_way_with_its_threads(*, alone: bool) -> None:
    asks = GIVEN_WAY + GROUP if alone and HAS_GROUPS else GIVEN_WAY  # another's may say nothing
    line = [sys.executable, "-c", asks]
    done = subprocess.run(line, start_new_session=alone, capture_output=True, check=True)
    before, own, of_thread, *group = map(int, done.stdout.split())
    assert own == of_thread == max(before, POLITE)  # once, however often it is asked to
    assert group == ([POLITE] if alone and HAS_GROUPS else [])


@pytest.mark.skipif(not HAS_GROUPS, reason="the system has no groups")
def test_a_session_that_is_to_end_gives_way_no_more() -> None:
    code = "from cmsearch.common.processors import give_way; give_way(); print(flush=True); input()"
    line = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(line, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        group = Path(f"/proc/{process.pid}/autogroup")
        assert group.read_text().split()[-1] == str(POLITE)
        while group.read_text().split()[-1] != "0":  # it may be changed ten times a second
            give_way_no_more(process.pid)
        process.communicate(b"\n", timeout=60)
