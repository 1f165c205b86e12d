"""Reading and encoding files on the machines of a Ray cluster, as on this one."""

# Tested by tests/unit/indexer/test_cluster.py

from __future__ import annotations

import os
import time
from collections import Counter as Numbers
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from cmsearch.common.kinds import HEARD
from cmsearch.common.processors import threads
from cmsearch.errors import CmsearchError, brief
from cmsearch.media.readers import make_reader, may_be_table, names
from cmsearch.models import adapters
from cmsearch.models.encoders.adapted import Adapted
from cmsearch.models.loading import load_encoder, on_top
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.store.object_places import folder_of, url_of
from cmsearch.types import Space
from indexer.pipeline import Counter, ordered_map
from indexer.read import Loader
from indexer.scan import Found
from indexer.sources import opened
from indexer.stages import Given, Row, batched, encoded, failed, loaded, units

LOCAL = "local"
EXTRA = "A cluster needs cmsearch[ray]: pip install 'cmsearch[ray]'."
FILES = 4
"""Batches of files that a worker gets at once."""
AHEAD = 2
"""Portions that wait for each worker, or are done and wait for their turn."""
RETRIES = 3
"""Times at most that a portion is tried again when the worker that had it has ended."""
PATIENCE = 10.0
"""Seconds after which machines are asked for whose workers gave nothing."""
AGAIN = 1.0
"""Seconds between questions after a worker that has ended."""
GONE = "All machines with a worker have left. What was written stays."
ENDED = "ended the process that read it, each time that it was tried"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker makes its loader and its encoder of: the folder as its machine sees it too, or
    its URL.
    """

    folder: str
    space: Space
    adapter: bytes | None
    device: str | None

    @classmethod
    def of(cls, folder: Path, encoder: Encoder, device: str | None) -> Recipe:
        """What gives the same encoder elsewhere."""
        own = adapters.pack(encoder.adapter) if isinstance(encoder, Adapted) else None
        return cls(url_of(folder) or str(folder.resolve()), encoder.space, own, device)

    def encoder(self) -> Encoder:
        """The encoder; weights are fetched where they aren't on the machine."""
        if self.adapter is not None:
            adapter = adapters.unpack(self.adapter, "The adapter of the index")
            return on_top(adapter, device=self.device, download=True)
        name = model_name(self.space)
        return load_encoder(name, device=self.device, space=self.space, download=True)


class Worker:
    """Reads, prepares and encodes files, on one device; an actor of Ray."""

    def __init__(self, recipe: Recipe) -> None:
        self._encoder = recipe.encoder()
        self._source = ExitStack()  # until the process ends
        source = self._source.enter_context(opened(folder_of(recipe.folder)))
        self._loader = Loader(source, self._encoder, ())

    def rows(self, files: Sequence[Given]) -> list[Row]:
        """What is to be written of some files, in their order."""
        size, ahead = self._encoder.capabilities.batch_size, self._encoder.capabilities.workers
        uncounted = Counter(0, lambda *event: None)
        with threads() as pool:
            begun = map(self._begun, files)
            read = ordered_map(partial(loaded, self._loader), begun, pool, ahead=4 * size)
            batches = batched(units(read, uncounted), self._encoder)
            found = ordered_map(partial(encoded, self._encoder), batches, pool, ahead=ahead)
            return [row for rows in found for row in rows]

    def machine(self) -> str:
        """The machine that it is on."""
        return str(_ray().get_runtime_context().get_node_id())

    def _begun(self, given: Given) -> Given:
        self._loader.begin(given.file)
        return given


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of Ray, and how many workers are to be in it: one a device, if nobody says."""

    address: str
    """`local` for one on this machine, which is ended afterwards, or `ray://HOST:PORT`."""
    workers: int | None = None
    kind: type = Worker
    """What the workers are."""


@contextmanager
def working(
    cluster: Cluster | None, folder: Path, encoder: Encoder, device: str | None
) -> Iterator[Working]:
    """The workers of a cluster, until all is done; without one there are none.

    Raises `CmsearchError` where it can't be reached.
    """
    if cluster is None:
        yield Working(None, ())
        return
    ray = _ray()
    with ExitStack() as stack:
        if not ray.is_initialized():
            scratch = TemporaryDirectory(prefix="cmsearch-", ignore_cleanup_errors=True)
            place = stack.enter_context(scratch)
            stack.callback(ray.shutdown)  # of what has started, too
            _connect(ray, cluster, place)
        yield Working(ray, _actors(ray, cluster, Recipe.of(folder, encoder, device)))


class _Sent(NamedTuple):
    """A portion of files on its way: to the worker at a place, by its actor of that time."""

    place: int
    actor: Any
    portion: tuple[Given, ...]
    result: Any


class Working:
    """The workers of a cluster while they work."""

    def __init__(self, ray: Any, actors: Sequence[Any]) -> None:
        self._ray, self._actors = ray, list(actors)
        self._machines: list[Any] = []
        self._first: set[str] = set()

    def parted(self, files: Sequence[Found]) -> tuple[list[Found], list[Found]]:
        """The files that go to the workers, if there are any, and those that stay here.

        What goes can be read by itself: it is about no other file, names none, and nothing is heard
        in it.
        """
        if not self._actors:
            return [], list(files)
        stays = names(*HEARD)
        readers = {kind: make_reader(kind) for kind in {file.kind for file in files}}

        def goes(file: Found) -> bool:
            is_alone = file.about is None and file.kind not in stays
            return is_alone and not may_be_table(readers[file.kind], file.path)

        return [own for own in files if goes(own)], [own for own in files if not goes(own)]

    def rows(self, files: Iterable[Given], size: int, counter: Counter) -> Iterator[list[Row]]:
        """What is to be written of files, in their order, portion by portion of `size` files; what
        they turn out to hold is counted.

        A portion whose worker ends is tried again by another process in its place; what ends each
        of these is tried file by file, and left out at last, with the reason. What a machine had
        that has left is done by the others.
        """
        if self._actors and not self._machines:
            self._machines = [actor.machine.remote() for actor in self._actors]
            self._first = self._alive()
        waiting: deque[_Sent] = deque()
        held: Numbers[int] = Numbers(dict.fromkeys(range(len(self._actors)), 0))
        rest = iter(files)
        while portion := tuple(islice(rest, size)):
            place = min(held, key=held.__getitem__)
            held[place] += 1
            waiting.append(self._sent(place, portion))
            if len(waiting) > AHEAD * len(self._actors):
                yield self._done(held, counter, waiting.popleft())
        while waiting:
            yield self._done(held, counter, waiting.popleft())

    def _sent(self, place: int, portion: tuple[Given, ...]) -> _Sent:
        actor = self._actors[place]
        return _Sent(place, actor, portion, actor.rows.remote(portion))

    def _done(self, held: Numbers[int], counter: Counter, sent: _Sent) -> list[Row]:
        rows = self._got(sent)
        held[sent.place] -= 1
        counter.found(len(rows) - len(sent.portion))
        return rows

    def _got(self, sent: _Sent) -> list[Row]:
        errors = self._ray.exceptions
        try:
            while not self._ray.wait([sent.result], timeout=PATIENCE)[0]:
                self._leave_those_gone()
            found: list[Row] = self._ray.get(sent.result)
            return found
        except errors.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        except errors.RayError as error:
            if not isinstance(error, errors.RayActorError | errors.WorkerCrashedError):
                raise CmsearchError(f"The cluster can't go on: {brief(error)}") from error
        if sent.actor is not self._actors[sent.place] or self._has_lost(sent.place):
            return self._got(self._sent(sent.place, sent.portion))
        if len(sent.portion) == 1:
            return [failed(sent.portion[0].file, ENDED)]
        # One after the other: what waits for a worker that ends is tried once more as well.
        each = (self._got(self._sent(sent.place, (own,))) for own in sent.portion)
        return [row for rows in each for row in rows]

    def _has_lost(self, place: int) -> bool:
        """Whether a worker that has ended did so with its machine, and not by what it read; known
        when there is one in its place, here or elsewhere.
        """
        errors = self._ray.exceptions
        former, actor = self._machines[place], self._actors[place]
        asked = actor.machine.remote()
        while actor is self._actors[place]:
            try:
                if self._ray.wait([asked], timeout=AGAIN)[0]:
                    self._ray.get(asked)
                    self._machines[place] = asked
                    return self._machine(former) not in self._alive()
            except errors.ActorDiedError as error:  # for good
                self._give_up({place}, brief(error))
                break
            except errors.RayActorError:  # not yet: of its machine nothing is known so soon
                time.sleep(AGAIN)
                asked = actor.machine.remote()
            self._leave_those_gone()
        return True

    def _machine(self, asked: Any) -> str | None:
        """What a worker said of its machine, if it has."""
        try:
            return str(self._ray.get(asked, timeout=0))
        except self._ray.exceptions.RayError:
            return None

    def _alive(self) -> set[str]:
        return {str(node["NodeID"]) for node in self._ray.nodes() if node["Alive"]}

    def _leave_those_gone(self) -> None:
        """Give up the workers of machines that have left, and those that nobody has heard of since:
        elsewhere there may be no room for them to be started anew.
        """
        alive = self._alive()
        if self._first <= alive:
            return
        machines = [self._machine(asked) for asked in self._machines]
        gone = {place for place, own in enumerate(machines) if own is not None and own not in alive}
        unheard = {place for place, own in enumerate(machines) if own is None}
        if len(gone) + len(unheard) < len(machines):
            self._first &= alive
            gone |= unheard
        self._give_up(gone, GONE)

    def _give_up(self, places: Collection[int], why: str) -> None:
        """Let others stand for the workers at some places. Raises `CmsearchError` without any."""
        lost = [self._actors[place] for place in places]
        stay = [place for place, own in enumerate(self._actors) if own not in lost]
        if not stay:
            raise CmsearchError(f"The cluster can't go on: {why}")
        for place in {*range(len(self._actors))}.difference(stay):
            other = stay[place % len(stay)]
            self._ray.kill(self._actors[place], no_restart=True)
            self._actors[place], self._machines[place] = self._actors[other], self._machines[other]


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or it reports to its maker
    try:
        import ray
    except ImportError as error:
        raise CmsearchError(EXTRA) from error
    return ray


def _connect(ray: Any, cluster: Cluster, scratch: str) -> None:
    """Start a cluster here, which keeps its files in `scratch`, or go to one that runs."""
    address = cluster.address
    quiet = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
    try:
        if address == LOCAL:
            ray.init(num_cpus=cluster.workers, _temp_dir=scratch, **quiet)
        else:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
    except Exception as error:  # Ray raises that itself
        raise CmsearchError(
            f"The cluster at {address} can't be reached: {brief(error)} Name `local`, or "
            "`ray://HOST:PORT` of a cluster that runs."
        ) from error


def _actors(ray: Any, cluster: Cluster, recipe: Recipe) -> list[Any]:
    """The workers, one for each graphics card of the cluster, or else for each machine.

    They are spread: each takes all processors of its machine.
    """
    there = ray.cluster_resources()
    cards = int(there.get("GPU", 0))
    usual = cards or sum(1 for node in ray.nodes() if node.get("Alive", True))
    wanted, room = cluster.workers or usual, cards or int(there.get("CPU", 0))
    if wanted > room:
        raise CmsearchError(
            f"The cluster has room for {room} workers, not for {wanted}: one for each graphics "
            "card, or else for each processor. Name fewer with --workers."
        )
    device = {"num_gpus": 1} if cards else {"num_cpus": 1}
    lasting = {"max_restarts": -1, "max_task_retries": RETRIES, "scheduling_strategy": "SPREAD"}
    kind = ray.remote(**device, **lasting)(cluster.kind)
    return [kind.remote(recipe) for _ in range(wanted)]
