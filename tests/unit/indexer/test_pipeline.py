"""Work that is done ahead stays in order, in bounds, and stops when it should."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from indexer.pipeline import Clock, Counter, Stopped, ordered_map


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class Source:
    """Numbers from 0 on, and how many of them were taken."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            self.taken += 1
            yield number


@pytest.mark.parametrize("ahead", [0, 1, 3, 100])
def test_results_come_in_the_order_of_their_inputs(pool: ThreadPoolExecutor, ahead: int) -> None:
    def slower_at_first(number: int) -> int:
        time.sleep(0.01 if number % 4 == 0 else 0)
        return number * number

    found = list(ordered_map(slower_at_first, range(20), pool, ahead))
    assert found == [number * number for number in range(20)]


def test_no_inputs_give_no_results(pool: ThreadPoolExecutor) -> None:
    assert list(ordered_map(str, [], pool, 2)) == []


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_few_inputs_are_taken_before_their_turn(pool: ThreadPoolExecutor, ahead: int) -> None:
    source = Source(30)
    for turn, _ in enumerate(ordered_map(str, source, pool, ahead)):
        assert source.taken <= turn + 1 + ahead
    assert source.taken == 30


def test_nothing_is_taken_before_the_first_result_is_wanted(pool: ThreadPoolExecutor) -> None:
    source = Source(3)
    ordered_map(str, source, pool, 2)
    assert source.taken == 0


def test_work_is_done_ahead(pool: ThreadPoolExecutor) -> None:
    """The first result waits for the third input's work, which is under way by then."""
    third = Event()

    def work(number: int) -> bool:
        if number == 2:
            third.set()
        return third.wait(timeout=60)

    assert next(ordered_map(work, range(3), pool, 2)) is True


def worked_on(failing: int) -> list[int]:
    """The inputs that a single worker began, of which one fails."""
    worked: list[int] = []
    seen = Event()

    def work(number: int) -> None:
        worked.append(number)
        if number == failing:
            raise ValueError(number)
        if number > failing:
            seen.wait(timeout=60)  # until the failure was seen

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError, match=str(failing)):
            list(ordered_map(work, range(20), pool, 5))
        seen.set()
    return worked


@pytest.mark.parametrize("failing", [0, 3])
def test_an_error_comes_through_and_cancels_what_waits(failing: int) -> None:
    worked = worked_on(failing)
    assert worked[: failing + 1] == list(range(failing + 1))
    assert len(worked) <= failing + 2  # one more may have begun


def test_results_before_an_error_are_given(pool: ThreadPoolExecutor) -> None:
    found = ordered_map(lambda number: 1 / (2 - number), range(5), pool, 4)
    assert [next(found), next(found)] == [1 / 2, 1 / 1]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_an_error_among_the_inputs_comes_through(pool: ThreadPoolExecutor) -> None:
    def inputs() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(ordered_map(str, inputs(), pool, 3))


def test_leaving_early_cancels_what_waits() -> None:
    worked: list[int] = []
    left = Event()

    def work(number: int) -> None:
        worked.append(number)
        if number > 0:
            left.wait(timeout=60)

    with ThreadPoolExecutor(1) as pool:
        results = ordered_map(work, range(20), pool, 5)
        next(results)
        results.close()  # type: ignore[attr-defined]  # an iterator by its type, a generator in fact
        left.set()
    assert len(worked) <= 2


def test_a_counter_tells_of_a_total_that_grows() -> None:
    told: list[tuple[int, int, str]] = []
    counter = Counter(2, lambda *event: told.append(event))
    counter.found(3)
    counter.advance(1)
    counter.note("an hour of speech")
    counter.advance(4)
    assert told == [
        (0, 2, ""),
        (1, 2 + 3, ""),
        (1, 2 + 3, "an hour of speech"),
        (1 + 4, 2 + 3, ""),
    ]


def test_a_counter_ends_work_that_nobody_waits_for() -> None:
    with Counter(1, lambda *event: None) as counter:
        counter.note("an hour of speech")
    with pytest.raises(Stopped):
        counter.note("an hour of speech")


def test_a_clock_adds_up_the_time_of_each_stage() -> None:
    clock = Clock()
    for stage in ("read", "write", "read"):
        with clock(stage):
            time.sleep(0.01)
    assert set(clock.seconds) == {"read", "write"}
    assert clock.seconds["read"] >= 2 * 0.01
    assert clock.seconds["write"] >= 0.01


def test_a_clock_counts_what_failed() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="no"), clock("read"):
        raise ValueError("no")
    assert "read" in clock.seconds


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [
        ({"scan": 1.0, "read": 8.0, "encode": 4.0, "write": 5.0}, "read"),
        ({"scan": 1.0, "read": 4.0, "encode": 8.0, "write": 5.0}, "encode"),
        ({"scan": 1.0, "read": 4.0, "encode": 5.0, "write": 5.0}, "write"),
        ({"scan": 9.0, "read": 4.0, "encode": 8.0, "write": 5.0}, "scan"),
        ({"scan": 1.0, "publish": 2.0}, "publish"),
        ({}, ""),
    ],
)
def test_a_clock_names_the_stage_that_a_run_waits_for(
    seconds: dict[str, float], bound: str
) -> None:
    """Reading and encoding share two threads here."""
    clock = Clock()
    clock.seconds.update(seconds)
    assert clock.bound(2) == bound


def test_a_clock_knows_what_each_stage_could_do_by_itself() -> None:
    clock = Clock()
    clock.seconds.update({"read": 4.0, "write": 2.0, "publish": 1.0})
    clock.done.update({"read": 100, "write": 300})
    assert clock.rates(2) == {"read": 50.0, "write": 150.0}


def test_a_clock_adds_up_the_processor_time_of_its_thread() -> None:
    clock = Clock()
    for _ in range(2):
        with clock("busy", 3):
            end = time.thread_time() + 0.02
            while time.thread_time() < end:
                pass
        with clock("idle"):
            time.sleep(0.02)
    assert clock.cpu["busy"] >= 0.04 and clock.cpu["idle"] < clock.seconds["idle"]
    assert clock.done == {"busy": 6, "idle": 0}
