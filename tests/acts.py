"""What can be killed besides a run of the indexer, each by the path of its folder.

Each of them may find that it was done already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cmsearch.models.spaces import model_name
from cmsearch.store.compaction import compact
from cmsearch.store.generations import delete, prunable, switch
from cmsearch.store.store import DIRECTORY, Store
from indexer.doctor import encode_missing, examine, repair
from tests import kills


def merged(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        compact(store)


def mended(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        repair(store, examine(store, samples=0))
        encode_missing(store)


def rolled_back(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        if store.space is not None and model_name(store.space) == kills.NEW:
            switch(store)
        else:
            with store.locked():
                store.publish()


def pruned(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        if gone := prunable(store):
            delete(store, gone)


ACTS: Mapping[str, Callable[[Path], None]] = {
    "compact": merged,
    "repair": mended,
    "rollback": rolled_back,
    "prune": pruned,
}
