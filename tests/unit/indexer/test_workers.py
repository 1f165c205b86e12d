"""What comes back from a cluster whose workers and machines come and go: with a made-up Ray.

tests/unit/indexer/test_cluster.py ends those of a true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.media.readers import kind_at
from indexer import workers
from indexer.pipeline import Counter
from indexer.portions import ENDED, Portions
from indexer.scan import Found, Scan
from indexer.stages import Given, failed
from indexer.workers import APART, GONE, LATE, TOKEN, Workers
from tests.builders import write_files, write_picture

DONE = "done"


class RayError(Exception):
    """As Ray's own are, in their tree."""


class RayTaskError(RayError): ...


class RayActorError(RayError): ...


class ActorDiedError(RayActorError):
    actor_init_failed = False


class WorkerCrashedError(RayError): ...


class Result:
    """Something that a worker was asked for: it `tells`, or isn't ready while there is None."""

    def __init__(self, tells: Callable[[], Any]) -> None:
        self.tells = tells
        self._told: Any = None

    def told(self) -> Any:
        """What it gives or raises; once it has, also when its machine is gone."""
        if self._told is None:
            try:
                self._told = self.tells()
            except RayError as error:
                self._told = error
        if isinstance(self._told, RayError):
            raise self._told
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
        return [
            {"NodeID": one, "Alive": one not in known, "Resources": {"CPU": 1.0}}
            for one in self.machines
        ]

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
    """A worker on a machine, which takes so many questions to start there, or to start anew
    `elsewhere` without its machine; else it gives nothing then, or an error where it `breaks`.
    """

    def __init__(
        self, ray: Ray, machine: str, *, elsewhere: str = "", late: int = 0, breaks: bool = False
    ) -> None:
        self._ray, self._machine, self._elsewhere, self._breaks = ray, machine, elsewhere, breaks
        self._late, self._waits = late, 0 if elsewhere else late
        self.is_dead = False
        self.death = ActorDiedError("it died")
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
            raise self.death
        if self._machine in self._ray.gone:
            if self._elsewhere:
                self._machine, self._waits = self._elsewhere, self._late
            if self._breaks:
                raise RayActorError("temporarily unavailable")
            return None
        self._waits -= 1
        return self._waits < 0 or None

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


def reasons(portions: Portions, files: list[Given], before: Callable[[int], object]) -> list[str]:
    """Why each file is left out, in order; `before` is told how many have come."""
    found: list[str] = []
    with Counter(0, lambda *event: None) as counter:
        for rows in portions.rows(files, 2, counter):
            for row in rows:
                assert row.closed is not None and row.closed.error is not None
                assert row.asset.path == files[len(found)].file.path
                found.append(row.closed.error)
            before(len(found))
    return found


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "AGAIN", 0.0)
    monkeypatch.setattr(workers, "PATIENCE", 0.0)


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("unnoticed", [0, 5])
def test_what_a_machine_had_is_done_by_the_others(breaks: bool, unnoticed: int) -> None:
    ray = Ray("a", "b", unnoticed=unnoticed)
    portions = Portions(Workers(ray, [Actor(ray, name, breaks=breaks) for name in ("a", "b")]))
    leave = lambda came: ray.gone.add("b") if came >= 6 else None  # noqa: E731
    assert reasons(portions, given(), leave) == [DONE] * 20
    assert sorted(ray.done) == sorted({*ray.done})  # nothing that was done is done again


def test_what_ends_each_worker_is_left_out_and_nothing_else() -> None:
    ray = Ray("a", "b")
    portions = Portions(Workers(ray, [Actor(ray, "a"), Actor(ray, "b")]))
    files = given("07 poison")
    expected = [ENDED if "poison" in own.file.path else DONE for own in files]
    assert reasons(portions, files, lambda came: None) == expected


@pytest.mark.parametrize("breaks", [False, True])
def test_without_machines_nothing_goes_on(breaks: bool) -> None:
    ray = Ray("a")
    portions = Portions(Workers(ray, [Actor(ray, "a", breaks=breaks)]))
    with pytest.raises(CmsearchError, match=GONE):
        reasons(portions, given(), lambda came: ray.gone.add("a"))


def test_a_worker_that_can_t_be_made_is_an_error() -> None:
    ray = Ray("a")
    actor = Actor(ray, "a")
    with pytest.raises(CmsearchError, match="can't go on: it died"):
        reasons(
            Portions(Workers(ray, [actor])), given(), lambda came: setattr(actor, "is_dead", True)
        )


def test_others_stand_for_a_worker_that_died_for_good() -> None:
    ray = Ray("a", "b")
    actors = [Actor(ray, "a"), Actor(ray, "b")]
    portions = Portions(Workers(ray, actors))
    assert (
        reasons(portions, given(), lambda came: setattr(actors[0], "is_dead", True)) == [DONE] * 20
    )
    assert sorted(ray.done) == sorted({*ray.done})


@pytest.mark.parametrize("breaks", [False, True])
def test_workers_that_start_anew_elsewhere_are_waited_for(breaks: bool) -> None:
    ray = Ray("a", "b")
    actors = [Actor(ray, "a", elsewhere="b", late=9, breaks=breaks) for _ in range(2)]
    leave = lambda came: ray.gone.add("a") if came >= 6 else None  # noqa: E731
    assert reasons(Portions(Workers(ray, actors)), given(), leave) == [DONE] * 20
    assert sorted(ray.done) == sorted({*ray.done})


def test_a_worker_that_still_starts_does_what_the_first_had_whose_machine_left() -> None:
    ray = Ray("a", "b")
    portions = Portions(Workers(ray, [Actor(ray, "a"), Actor(ray, "b", late=99)]))
    assert reasons(portions, given("poison"), lambda came: ray.gone.add("a"))[:20] == [DONE] * 20


@pytest.mark.parametrize("breaks", [False, True])
def test_where_nobody_comes_it_is_said(breaks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "COMING", 0.1)
    ray = Ray("a", "b")
    portions = Portions(Workers(ray, [Actor(ray, "a", elsewhere="b", late=10**9, breaks=breaks)]))
    with pytest.raises(CmsearchError, match=LATE[:50]):
        reasons(portions, given(), lambda came: ray.gone.add("a"))


def test_who_never_starts_is_given_up_where_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "COMING", 0.1)
    ray = Ray("a", "b")
    actors = [Actor(ray, "a"), Actor(ray, "b", late=10**9)]
    notes: list[str] = []
    with Counter(0, lambda done, total, note: notes.append(note)) as counter:
        rows = list(Portions(Workers(ray, actors)).rows(given(), 2, counter))
    assert sum(map(len, rows)) == 20 and actors[1].is_dead
    assert "1 of 2 workers are there" in notes


def test_why_a_worker_can_t_be_made_is_said_without_where(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = Ray("a")
    actor = Actor(ray, "a")
    actor.is_dead = True
    actor.death = ActorDiedError('The actor died because …\n  File "a.py", line 1\nNo room.')
    actor.death.actor_init_failed = True
    with pytest.raises(CmsearchError, match=r"can't go on: No room\.$"):
        reasons(Portions(Workers(ray, [actor])), given(), lambda came: None)
    apart = "It died.\n\tactor_id: 1\nAll references were removed.\nIt never ran."
    actor.death = ActorDiedError(apart)
    expected = r"can't go on: It died\. All references were removed\. It never ran\."
    for mode, hint in (("disabled", "$"), ("token", f" {APART}")):
        monkeypatch.setenv(TOKEN, mode)
        with pytest.raises(CmsearchError, match=expected + hint):
            reasons(Portions(Workers(ray, [actor])), given(), lambda came: None)


def test_what_can_be_read_by_itself_goes_to_the_workers(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", "red")
    others = {"captions.jsonl": "{}\n", "0.txt": "a gate\n", "memo.wav": b"", "film.mp4": b""}
    write_files(tmp_path, {"notes.md": "# A meadow\n", **others})
    files = list(Scan(tmp_path))
    ray = Ray("a")
    sent, here = Portions(Workers(ray, [Actor(ray, "a")])).parted(files)
    assert {kind_at(file.path) for file in sent} == {kind_at("a.png"), kind_at("a.md")}
    assert len(sent) == 4
    assert {file.path for file in here} == {*others}
    assert Portions(Workers()).parted(files) == ([], files)
