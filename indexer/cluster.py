"""Reading and encoding files on the machines of a Ray cluster, as on this one."""

# Tested by tests/unit/indexer/test_cluster.py

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cmsearch.common.processors import threads
from cmsearch.errors import CmsearchError, brief
from cmsearch.models import adapters
from cmsearch.models.encoders.adapted import Adapted
from cmsearch.models.loading import load_encoder, on_top
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.store.object_places import folder_of, url_of
from cmsearch.types import Space
from indexer.pipeline import Counter, ordered_map
from indexer.portions import Portions
from indexer.read import Loader
from indexer.sources import opened
from indexer.stages import Given, Row, batched, encoded, loaded, units
from indexer.workers import TOKEN, Workers

LOCAL = "local"
EXTRA = "A cluster needs cmsearch[ray]: pip install 'cmsearch[ray]'."
FILES = 4
"""Batches of files that a worker gets at once."""
RETRIES = 3
"""Times at most that a portion is tried again when the worker that had it has ended."""


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
) -> Iterator[Portions]:
    """The workers of a cluster, until all is done; without one there are none.

    Raises `CmsearchError` where it can't be reached.
    """
    if cluster is None:
        yield Portions(Workers())
        return
    ray = _ray()
    with ExitStack() as stack:
        if not ray.is_initialized():
            scratch = TemporaryDirectory(prefix="cmsearch-", ignore_cleanup_errors=True)
            place = stack.enter_context(scratch)
            if cluster.address == LOCAL:
                stack.enter_context(by_token(ray))
            stack.callback(ray.shutdown)  # of what has started, too
            _connect(ray, cluster, place)
        yield Portions(_workers(ray, cluster, Recipe.of(folder, encoder, device)))


def hush() -> None:
    """Let Ray print nothing in this process, for a program that says itself what goes on.

    It would print of each worker and machine that ends, on standard output. It reads that when it
    is imported.
    """
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or it reports to its maker
    try:
        import ray
    except ImportError as error:
        raise CmsearchError(EXTRA) from error
    return ray


@contextmanager
def by_token(ray: Any) -> Iterator[None]:
    """Clusters that Ray starts let in only who has its token, unless `RAY_AUTH_MODE` says else.

    Afterwards that is as it was: where this process still went by a token, a later cluster that
    goes by none would take each worker for one that nobody wants any more.
    """
    before = os.environ.get(TOKEN)
    os.environ.setdefault(TOKEN, "token")
    _read_anew(ray)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(TOKEN, None)
        _read_anew(ray)


def _read_anew(ray: Any) -> None:
    """Let Ray see what the environment says; it keeps both from when it looked first."""
    ray._raylet.Config.initialize("")
    ray._raylet.AuthenticationTokenLoader.instance().reset_cache()


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
            f"`ray://HOST:PORT` of a cluster that runs; for one with a token, set {TOKEN}=token."
        ) from error


def _workers(ray: Any, cluster: Cluster, recipe: Recipe) -> Workers:
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
    return Workers(ray, [kind.remote(recipe) for _ in range(wanted)], "GPU" if cards else "CPU")
