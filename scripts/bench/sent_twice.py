"""What Milvus finds where vectors were sent more than once, before it compacts and after.

    python -m scripts.bench.sent_twice [--rows 5000] [--seconds 120]

Random vectors of 64 dimensions, 200 queries: the share of the ten nearest, by score, among the 26
that a search of ten asks for. Where the server has compacted the segment of a case meanwhile, it is
searched again. The server is that of the package `milvus`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmsearch.protocols import VectorCollection
from cmsearch.store.index.address import parsed
from cmsearch.store.index.milvus import MilvusServer
from cmsearch.store.index.patient import Patient
from cmsearch.types import FloatArray, IdArray
from tests.milvus_servers import standalone
from tests.oracle import ids, unit_vectors

DIM, K, ASKED = 64, 10, 26
_AT_ONCE = 2_000
_EMPTY = np.empty((0, DIM), np.float32)


@dataclass
class Case:
    """Which vectors a collection gets, one after the other under their ids, and which then go."""

    name: str
    vectors: FloatArray
    sent: IdArray
    gone: IdArray

    def fill(self, collection: VectorCollection) -> None:
        """Send them as a publication does."""
        collection.begin(DIM)
        for start in range(0, len(self.sent), _AT_ONCE):
            some = self.sent[start : start + _AT_ONCE]
            collection.write(some, self.vectors[some - 1], ids())
        collection.write(ids(), _EMPTY, self.gone)
        collection.settle()
        collection.write(ids(), _EMPTY, ids(), "a measurement's")
        collection.mark()

    def recall(self, collection: VectorCollection, queries: FloatArray) -> float:
        """The share of the nearest, by score, that are found."""
        scores = queries @ self.vectors.T
        scores[:, self.gone - 1] = -np.inf
        least = np.sort(scores, axis=1)[:, -K]
        found = collection.search(queries, ASKED)
        near = [scores[n, own[own > 0] - 1] >= least[n] - 1e-6 for n, own in enumerate(found)]
        return float(np.mean([min(int(one.sum()), K) / K for one in near]))


def cases(rows: int) -> list[Case]:
    """Some vectors once, partly or all twice, beside others that go, and each as three items."""
    vectors, own = unit_vectors(np.random.default_rng(0), 2 * rows, DIM), np.arange(1, rows + 1)
    thirds = np.random.default_rng(2).permutation(np.repeat(np.arange(rows // 3), 3))
    return [
        Case("each once", vectors[:rows], own, ids()),
        Case("a tenth twice", vectors[:rows], np.concatenate([own, own[: rows // 10]]), ids()),
        Case("each twice", vectors[:rows], np.tile(own, 2), ids()),
        Case("each three times", vectors[:rows], np.tile(own, 3), ids()),
        Case("as many others, deleted", vectors, np.arange(1, 2 * rows + 1), own + rows),
        Case("three items of each", vectors[thirds], np.arange(1, len(thirds) + 1), ids()),
    ]


def main() -> None:
    """Print the recall of each case at once, and when its segments have changed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=120, help="how long to wait for Milvus")
    options = parser.parse_args()
    queries = unit_vectors(np.random.default_rng(1), 200, DIM)
    with tempfile.TemporaryDirectory() as folder, standalone(Path(folder)) as port:
        server = MilvusServer(parsed(f"milvus://127.0.0.1:{port}/bench"))
        made = {}
        for number, case in enumerate(cases(options.rows)):
            name = f"bench_{number}"
            collection = Patient(server.collection(name), server.place)
            case.fill(collection)
            made[name] = case, _segments(server, name), time.monotonic()
            print(f"{case.name}: {case.recall(collection, queries):.4f}", flush=True)
        end = time.monotonic() + options.seconds
        while made and time.monotonic() < end:
            for name, (case, before, since) in list(made.items()):
                if _segments(server, name) != before:
                    found = case.recall(server.collection(name), queries)
                    print(f"{case.name}, {time.monotonic() - since:.0f} s later: {found:.4f}")
                    del made[name]
            time.sleep(2)


def _segments(server: MilvusServer, name: str) -> set[int]:
    return {one.segment_id for one in server.client.list_loaded_segments(name) if one.index_id}


if __name__ == "__main__":
    main()
