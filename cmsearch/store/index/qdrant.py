"""Collections of vectors on Qdrant, or in a folder of its local mode, by qdrant-client.

A collection has the mark of whose it is in the payload of the point 0, whose vector is zero.
Vectors are float16 there, as they are in the catalog, so none loses anything. Each write is waited
for. The local mode compares all vectors, and one process at a time uses a folder.
"""

# Tested by tests/contract/test_vector_index.py

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from cmsearch.errors import StoreError
from cmsearch.protocols import Numbers, ServerAwayError, VectorCollection
from cmsearch.store.index.address import Address
from cmsearch.store.index.answers import NOT_UNDERSTOOD, brief, padded
from cmsearch.types import FloatArray, IdArray

PORT = 6333
_SECONDS = 10
"""How long one request may take."""
_WINDOW = 10_000
_NUMBER = "number"
"""The payload that has the id, for ranges of ids."""
_GRAPH = models.HnswConfigDiff(m=16, ef_construct=200)
_LEAST_EF = 500
_REFUSED = (400, 401, 403, 404, 409, 422)


class QdrantServer:
    """A connection to Qdrant, with the key `QDRANT_API_KEY`, or to a folder of its local mode."""

    def __init__(self, address: Address) -> None:
        self.place = address.place
        self.is_local = bool(address.path)
        self._lock = threading.RLock()
        with understood(self.place):
            if self.is_local:
                self.client = QdrantClient(path=address.path, force_disable_check_same_thread=True)
            else:
                self.client = QdrantClient(
                    url=address.url(PORT),
                    api_key=os.environ.get("QDRANT_API_KEY") or None,
                    timeout=_SECONDS,
                    check_compatibility=False,  # it asks, and warns; what doesn't go says so itself
                )
        self._closing = weakref.finalize(self, self.client.close)

    def collection(self, name: str) -> VectorCollection:
        """The collection of a name, which need not be there."""
        return QdrantCollection(self, name)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """What is local is NumPy and SQLite, neither for several threads, and warns of much."""
        if not self.is_local:
            yield
            return
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


class QdrantCollection:
    """A collection of Qdrant, as `VectorCollection` has it."""

    def __init__(self, server: QdrantServer, name: str) -> None:
        self._server, self._client, self._name = server, server.client, name

    def mark(self) -> str | None:
        """What the payload of the point 0 says."""
        with self._asking():
            if not self._client.collection_exists(self._name):
                return None
            points = self._client.retrieve(self._name, ids=[0], with_payload=True)
            if not points and not self._client.scroll(self._name, limit=1)[0]:
                return None
        return str((points[0].payload or {}).get("mark", "")) if points else ""

    def begin(self, dim: int) -> None:
        """Make an empty collection with a graph of inner products."""
        self.drop()
        vectors = models.VectorParams(
            size=dim, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16
        )
        with self._asking():
            self._client.create_collection(self._name, vectors_config=vectors, hnsw_config=_GRAPH)
            if not self._server.is_local:
                self._client.create_payload_index(
                    self._name, _NUMBER, models.PayloadSchemaType.INTEGER, wait=True
                )

    def write(
        self, ids: IdArray, vectors: FloatArray, gone: IdArray, mark: str | None = None
    ) -> None:
        """Upsert points, delete others, and put the mark, each when the one before is done."""
        with self._asking():
            if len(ids):
                numbers = ids.tolist()
                payloads = [{_NUMBER: number} for number in numbers]
                points = models.Batch(ids=numbers, vectors=vectors.tolist(), payloads=payloads)
                self._client.upsert(self._name, points, wait=True)
            for start in range(0, len(gone), _WINDOW):
                some = models.PointIdsList(points=gone[start : start + _WINDOW].tolist())
                self._client.delete(self._name, some, wait=True)
            if mark is not None:
                point = models.PointStruct(id=0, vector=[0.0] * self._dim(), payload={"mark": mark})
                self._client.upsert(self._name, [point], wait=True)

    def settle(self) -> int:
        """Nothing is to be waited for: what has no graph yet is compared point by point."""
        return 0

    def count(self) -> int:
        """All points but that of the mark."""
        wanted = models.Filter(must=[_between(1, 2**62)])
        with self._asking():
            return int(self._client.count(self._name, wanted, exact=True).count)

    def ids(self, start: int, end: int) -> IdArray:
        """The ids from `start` up to `end`, some after the other."""
        wanted = models.Filter(must=[_between(start, end - 1)])
        found, offset = list[int](), None
        with self._asking():
            while True:
                points, offset = self._client.scroll(
                    self._name,
                    scroll_filter=wanted,
                    limit=_WINDOW,
                    offset=offset,
                    with_payload=False,
                )
                found += [int(point.id) for point in points]
                if offset is None:
                    return np.sort(np.array(found, np.int64))

    def search(self, queries: FloatArray, k: int, among: Numbers | None = None) -> IdArray:
        """The nearest of the graph, which Qdrant leaves where a filter lets few pass."""
        wanted, depth = condition(among), models.SearchParams(hnsw_ef=max(4 * k, _LEAST_EF))
        requests = [
            models.QueryRequest(query=query, filter=wanted, params=depth, limit=k)
            for query in queries.tolist()
        ]
        with self._asking():
            answers = self._client.query_batch_points(self._name, requests)
        return padded([[int(point.id) for point in answer.points] for answer in answers])

    def drop(self) -> None:
        """Delete it, if it is there."""
        with self._asking():
            if self._client.collection_exists(self._name):
                self._client.delete_collection(self._name)

    def _dim(self) -> int:
        vectors = self._client.get_collection(self._name).config.params.vectors
        if not isinstance(vectors, models.VectorParams):
            raise ValueError(f"{self._name} is another program's")
        return int(vectors.size)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._server.turn(), understood(self._server.place):
            yield


def condition(among: Numbers | None) -> models.Filter | None:
    """A filter of Qdrant's."""
    if among is None:
        return None
    if among.kind == "ranges":
        return models.Filter(should=[_between(*pair) for pair in among.ids.tolist()])
    listed = [models.HasIdCondition(has_id=among.ids.tolist())]
    return models.Filter(must=listed) if among.kind == "in" else models.Filter(must_not=listed)


def _between(first: int, last: int) -> models.FieldCondition:
    return models.FieldCondition(key=_NUMBER, range=models.Range(gte=first, lte=last))


@contextmanager
def understood(place: str) -> Iterator[None]:
    """Translate errors of qdrant-client: of a server that is away, and that refuses something."""
    try:
        yield
    except (ResponseHandlingException, ResourceExhaustedResponse) as error:
        if isinstance(getattr(error, "source", None), NOT_UNDERSTOOD):
            raise ValueError(brief(error)) from error
        raise ServerAwayError(brief(error)) from error
    except UnexpectedResponse as error:
        if error.status_code not in _REFUSED:
            raise ServerAwayError(brief(error)) from error
        raise _refused(place, error) from error
    except (RuntimeError, OSError) as error:
        raise _refused(place, error) from error


def _refused(place: str, error: Exception) -> StoreError:
    return StoreError(
        f"The server of vectors {place} refuses what it is asked: {brief(error)}. If it wants a "
        "key, give it in QDRANT_API_KEY; if another process uses the folder, wait until it ends."
    )
