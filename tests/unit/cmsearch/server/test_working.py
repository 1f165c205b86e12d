"""Work for requests: in time, and for clients that are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from threading import Event
from typing import Any

import pytest

from cmsearch.common import stopping
from cmsearch.server.errors import BusyError, LateError, LeftError
from cmsearch.server.working import Work

Check = Callable[[], None]


class Client:
    """Somebody who asks, and may leave."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def begun() -> Event:
    return Event()


@pytest.fixture
def stopped() -> Event:
    return Event()


@pytest.fixture
def steps(begun: Event, stopped: Event) -> Callable[[Check], None]:
    """Work without end, which asks between its steps whether to stop."""

    def work(_: Check) -> None:
        begun.set()
        try:
            while not stopped.wait(0.005):
                stopping.check()
        finally:
            stopped.set()

    return work


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def ran(work: Work, client: Client, task: Callable[[Check], Any]) -> Any:
    return await work.run(client, task)  # type: ignore[arg-type]  # it has what a request is asked


@pytest.fixture
def quick() -> Iterator[Work]:
    work = Work(1, 1, 0.2)
    yield work
    work.close()


def test_what_is_done_in_time_is_given(quick: Work) -> None:
    async def main() -> None:
        assert await ran(quick, Client(), lambda check: check() or 7) == 7
        with pytest.raises(ZeroDivisionError):
            await ran(quick, Client(), lambda _: 1 // 0)
        assert quick.running == quick.waiting == 0

    quick._seconds = 60  # however busy the machine is
    run(main())


def test_what_takes_too_long_is_stopped(
    quick: Work, steps: Callable[[Check], None], begun: Event, stopped: Event
) -> None:
    async def main() -> None:
        while not begun.is_set():  # on a busy machine it may be too late before it begins
            with pytest.raises(LateError, match=r"within 0\.2 seconds"):
                await ran(quick, Client(), steps)
        assert stopped.wait(60)

    run(main())


def test_nobody_waits_for_what_cant_be_stopped_and_it_counts_as_at_work(
    quick: Work, begun: Event
) -> None:
    ends = Event()

    def endless(_: Check) -> None:
        begun.set()
        ends.wait(60)

    async def main() -> None:
        while not begun.is_set():  # likewise
            with pytest.raises(LateError):
                await ran(quick, Client(), endless)
        assert quick.running == 1
        with pytest.raises(LateError):  # it has waited as long as it may
            await ran(quick, Client(), lambda _: 1)
        with pytest.raises(BusyError):
            await ran(quick, Client(), lambda _: 1)
        ends.set()
        while quick.running:
            await asyncio.sleep(0.005)
        quick._seconds = 60
        assert await ran(quick, Client(), lambda _: 1) == 1

    run(main())


def test_work_stops_once_the_client_has_left(
    steps: Callable[[Check], None], begun: Event, stopped: Event
) -> None:
    work = Work(1, 1, 60)

    async def main() -> None:
        client = Client()
        asked = asyncio.ensure_future(ran(work, client, steps))
        await asyncio.to_thread(begun.wait, 30)
        client.leaves.set()
        with pytest.raises(LeftError):
            await asked

    run(main())
    assert stopped.is_set()
    work.close()


def test_work_stops_once_the_call_is_cancelled(
    steps: Callable[[Check], None], begun: Event, stopped: Event
) -> None:
    work = Work(1, 1, 60)

    async def main() -> None:
        called = asyncio.ensure_future(work.call(steps))
        waiting = asyncio.ensure_future(work.call(lambda _: 1 // 0))
        await asyncio.to_thread(begun.wait, 30)
        for one in (waiting, called):
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        assert await asyncio.to_thread(stopped.wait, 30)
        while work.running or work.waiting:
            await asyncio.sleep(0.005)

    run(main())
    work.close()
