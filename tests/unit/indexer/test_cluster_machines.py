"""What comes back from a cluster whose workers and machines end: quickly, with a made-up Ray.

tests/unit/indexer/test_cluster.py ends those of a true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from cmsearch.errors import CmsearchError
from indexer import cluster
from indexer.cluster import ENDED, GONE, Working
from indexer.pipeline import Counter
from indexer.scan import Found
from indexer.stages import Given, failed

DONE = "done"


class RayError(Exception):
    """As Ray's own are, in their tree."""


class RayTaskError(RayError): ...


class RayActorError(RayError): ...


class ActorDiedError(RayActorError): ...


class WorkerCrashedError(RayError): ...


class Result:
    """Something that a worker was asked for: it `tells`, or isn't ready while there is None."""

    def __init__(self, tells: Callable[[], Any]) -> None:
        self.tells = tells
        self._told: Any = None

    def told(self) -> Any:
        """What it gives; once it has, also when its machine is gone."""
        self._told = self.tells() if self._told is None else self._told
        return self._told


class Ray:
    """A cluster of machines that are there, or gone, which is known after some questions."""

    exceptions = SimpleNamespace(
        RayError=RayError, RayTaskError=RayTaskError, RayActorError=RayActorError,
        ActorDiedError=ActorDiedError, WorkerCrashedError=WorkerCrashedError,
    )  # fmt: skip

    def __init__(self, *machines: str, unnoticed: int = 0) -> None:
        self.machines = machines
        self.gone: set[str] = set()
        self.left_out = unnoticed
        self.done: list[str] = []

    def nodes(self) -> list[dict[str, Any]]:
        """The machines, as far as it is known who is there."""
        self.left_out -= bool(self.gone)
        known = self.gone if self.left_out < 0 else set()
        return [{"NodeID": one, "Alive": one not in known} for one in self.machines]

    def wait(self, results: Iterable[Result], timeout: float) -> tuple[list[Result], None]:
        """Those that are ready; nothing is waited for."""
        ready = []
        for result in results:
            try:
                ready += [result] if result.told() is not None else []
            except RayError:
                ready.append(result)
        return ready, None

    def get(self, result: Result, timeout: float | None = None) -> Any:
        """What a result is."""
        told = result.told()
        if told is None:
            raise RayError("not ready")
        return told

    def kill(self, actor: Actor, *, no_restart: bool) -> None:
        """End a worker for good."""
        actor.is_dead = no_restart


class Actor:
    """A worker on a machine; without that it gives nothing, or an error where it `breaks`."""

    def __init__(self, ray: Ray, machine: str, *, breaks: bool = False) -> None:
        self._ray, self._machine, self._breaks = ray, machine, breaks
        self.is_dead = False
        self.rows = SimpleNamespace(remote=lambda files: Result(lambda: self._rows(files)))
        self.machine = SimpleNamespace(remote=self._asked)

    def _asked(self) -> Result:
        """Where it is, which it says at once."""
        result = Result(lambda: self._lives() and self._machine)
        with suppress(RayError):
            result.told()
        return result

    def _lives(self) -> bool | None:
        if self.is_dead:
            raise ActorDiedError("it died")
        if self._machine in self._ray.gone and self._breaks:
            raise RayActorError("temporarily unavailable")
        return None if self._machine in self._ray.gone else True

    def _rows(self, files: tuple[Given, ...]) -> Any:
        if self._lives() is None:
            return None
        if any("poison" in own.file.path for own in files):
            raise RayActorError("it ended")
        self._ray.done += [own.file.path for own in files]
        return [failed(own.file, DONE) for own in files]


def given(*more: str) -> list[Given]:
    names = sorted([*(f"{number:02}" for number in range(20)), *more])
    return [Given(Found(name, "image", 1, 2), frozenset(), {}) for name in names]


def reasons(working: Working, files: list[Given], before: Callable[[int], object]) -> list[str]:
    """Why each file is left out, in order; `before` is told how many have come."""
    found: list[str] = []
    with Counter(0, lambda *event: None) as counter:
        for rows in working.rows(files, 2, counter):
            for row in rows:
                assert row.closed is not None and row.closed.error is not None
                assert row.asset.path == files[len(found)].file.path
                found.append(row.closed.error)
            before(len(found))
    return found


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "AGAIN", 0.0)


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("unnoticed", [0, 5])
def test_what_a_machine_had_is_done_by_the_others(breaks: bool, unnoticed: int) -> None:
    ray = Ray("a", "b", unnoticed=unnoticed)
    working = Working(ray, [Actor(ray, name, breaks=breaks) for name in ("a", "b")])
    leave = lambda came: ray.gone.add("b") if came >= 6 else None  # noqa: E731
    assert reasons(working, given(), leave) == [DONE] * 20
    assert sorted(ray.done) == sorted({*ray.done})  # nothing that was done is done again


def test_what_ends_each_worker_is_left_out_and_nothing_else() -> None:
    ray = Ray("a", "b")
    working = Working(ray, [Actor(ray, "a"), Actor(ray, "b")])
    files = given("07 poison")
    expected = [ENDED if "poison" in own.file.path else DONE for own in files]
    assert reasons(working, files, lambda came: None) == expected


@pytest.mark.parametrize("breaks", [False, True])
def test_without_machines_nothing_goes_on(breaks: bool) -> None:
    ray = Ray("a")
    working = Working(ray, [Actor(ray, "a", breaks=breaks)])
    with pytest.raises(CmsearchError, match=GONE):
        reasons(working, given(), lambda came: ray.gone.add("a"))


def test_a_worker_that_can_t_be_made_is_an_error() -> None:
    ray = Ray("a")
    actor = Actor(ray, "a")
    with pytest.raises(CmsearchError, match="can't go on: it died"):
        reasons(Working(ray, [actor]), given(), lambda came: setattr(actor, "is_dead", True))


def test_others_stand_for_a_worker_that_died_for_good() -> None:
    ray = Ray("a", "b")
    actors = [Actor(ray, "a"), Actor(ray, "b")]
    working = Working(ray, actors)
    assert (
        reasons(working, given(), lambda came: setattr(actors[0], "is_dead", True)) == [DONE] * 20
    )
    assert sorted(ray.done) == sorted({*ray.done})
