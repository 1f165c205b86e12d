"""The workers of a cluster: who is there while machines leave and workers start anew."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from cmsearch.errors import CmsearchError
from indexer.stages import Given

PATIENCE = 10.0
"""Seconds after which it is asked who is there; and for which one that is missing is waited for
where a machine has left: elsewhere there may be no room for it.
"""
COMING = 1800.0
"""Seconds for which one that is missing is waited for else: it may have a model to fetch."""
AGAIN = 1.0
"""Seconds between questions after a worker that has ended."""
TOKEN = "RAY_AUTH_MODE"
"""The variable that says whether Ray goes by a token."""
GONE = "All machines with room for a worker have left. What was written stays."
LATE = (
    "No worker has come for a long time. What was written stays. Others may have all that the "
    "cluster has, or its machines too little memory for the model: `ray status` says more."
)
APART = "This process goes by a token, and the cluster may not: set RAY_AUTH_MODE alike for both"


class Sent(NamedTuple):
    """A portion of files on its way to the worker that stands at a place."""

    place: int
    worker: int
    """Its number."""
    asked: Any
    """What tells the machine that it was on."""
    portion: tuple[Given, ...]
    result: Any


class Workers:
    """The workers of a cluster; those that are there stand for those that don't come back."""

    def __init__(self, ray: Any = None, actors: Sequence[Any] = (), device: str = "CPU") -> None:
        """Each of the actors takes one `device` of its machine, as Ray names it."""
        self.ray, self._device, self._actors = ray, device, actors
        self._asked = [actor.machine.remote() for actor in actors]
        self._standing = list(range(len(actors)))
        self._machines = {*self._room()} if actors else set()
        self._since: float | None = None

    def __len__(self) -> int:
        return len(self._actors)

    def send(self, place: int, portion: tuple[Given, ...]) -> Sent:
        """Let the worker at a place do a portion."""
        number = self._standing[place]
        result = self._actors[number].rows.remote(portion)
        return Sent(place, number, self._asked[number], portion, result)

    def is_done(self, sent: Sent) -> bool:
        """Whether a portion is done, or can't be; false after `PATIENCE`."""
        return bool(self.ray.wait([sent.result], timeout=PATIENCE)[0])

    def has_lost(self, sent: Sent, tell: Callable[[str], object]) -> bool:
        """Whether the worker that had a portion ended with its machine, or was given up, and didn't
        end by what it read.

        That is known when it is there again, here or elsewhere, so that is waited for and told.
        Raises `CmsearchError` where nobody comes.
        """
        number = sent.worker
        if number in self._standing:
            self._ask(number)
        while number in self._standing:
            if self._machine(self._asked[number]) is not None:
                return self._machine(sent.asked) not in self._room()
            time.sleep(AGAIN)  # that a machine has left isn't known so soon
            tell(self.look())
        return True

    def look(self) -> str:
        """Give up who died for good or is missing for too long; says how many are there if not all.

        Raises `CmsearchError` where nobody is there and nobody comes.
        """
        self._bury()
        room = self._room()
        team = {*self._standing}
        here = {number for number in team if self._machine(self._asked[number]) in room}
        if here == team:
            self._machines, self._since = {*room}, None
        else:
            self._wait(here, team - here, room)
        return "" if len(here) == len(self) else f"{len(here)} of {len(self)} workers are there"

    def _wait(self, here: set[int], missing: set[int], room: dict[str, float]) -> None:
        """Wait on for those that are missing, or give them up."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        waited = now - self._since
        if not here and sum(room.values()) < 1:
            self._give_up(missing, GONE)
        elif not here and waited >= COMING:
            self._give_up(missing, LATE)
        elif here and waited >= (COMING if self._machines <= room.keys() else PATIENCE):
            self._give_up(missing, GONE)
            self._machines, self._since = {*room}, None
        for number in missing.intersection(self._standing):
            if self._is_told(self._asked[number]):  # by a machine that has left
                self._ask(number)

    def _bury(self) -> None:
        """Give up those that died for good, and ask those again that couldn't be asked."""
        for number in {*self._standing}:
            try:
                if self._is_told(self._asked[number]):
                    self.ray.get(self._asked[number])
            except self.ray.exceptions.ActorDiedError as error:
                self._give_up({number}, _why(error))
            except self.ray.exceptions.RayError:
                self._ask(number)

    def _ask(self, number: int) -> None:
        self._asked[number] = self._actors[number].machine.remote()

    def _is_told(self, asked: Any) -> bool:
        return bool(self.ray.wait([asked], timeout=0)[0])

    def _machine(self, asked: Any) -> str | None:
        """What a worker said of its machine, if it has."""
        try:
            return str(self.ray.get(asked)) if self._is_told(asked) else None
        except self.ray.exceptions.RayError:
            return None

    def _room(self) -> dict[str, float]:
        """The machines that are there, each with the number of workers that it could have."""
        nodes = (node for node in self.ray.nodes() if node["Alive"])
        return {str(node["NodeID"]): node["Resources"].get(self._device, 0.0) for node in nodes}

    def _give_up(self, numbers: Collection[int], why: str) -> None:
        """Let others stand for some workers. Raises `CmsearchError` if these were all."""
        stay = sorted({*self._standing}.difference(numbers))
        if not stay:
            raise CmsearchError(f"The cluster can't go on: {why}")
        for number in numbers:
            self.ray.kill(self._actors[number], no_restart=True)
        self._standing = [
            stay[place % len(stay)] if number in numbers else number
            for place, number in enumerate(self._standing)
        ]


def _why(error: Exception) -> str:
    """What Ray says of a worker that died for good, without the names that it has for it.

    Of what a worker raised while it was made, that is the last line, below where it was.
    """
    lines = [line.rstrip(".") for line in str(error).split("\n") if line and line[0] != "\t"]
    said = lines[-1:] if getattr(error, "actor_init_failed", False) else lines[:3]
    refused = "references" in str(error) and os.environ.get(TOKEN) == "token"
    return ". ".join([*said, *([APART] if refused else [])]).rstrip(".") + "."
