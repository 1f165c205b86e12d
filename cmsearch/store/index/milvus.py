"""Collections of vectors on Milvus, or in a file of milvus-lite, by pymilvus.

A collection has the mark of whose it is in the row 0, whose vector is zero: properties of
collections can't be changed alike in each version of Milvus. Beside it is when it was written: a
search soon after that is strong, since what was written isn't seen by every weaker one yet, and any
later search has bounded staleness, which is fifty times as fast.
"""

# Tested by tests/contract/test_vector_index.py

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException

from cmsearch.errors import StoreError
from cmsearch.protocols import Numbers, ServerAwayError, VectorCollection
from cmsearch.store.index.address import Address
from cmsearch.store.index.answers import NOT_UNDERSTOOD, brief, padded
from cmsearch.types import FloatArray, IdArray

PORT = 19530
_SECONDS = 10.0
"""How long one request may take."""
_WINDOW = 10_000
"""Ids that are asked for together; Milvus gives 16,384 rows at once."""
_STALENESS = 60.0
"""Seconds after which a bounded search sees all that was there: Milvus's own bound is 5, and clocks
differ.
"""
_MARK = "id in [0]"
"""The row of the mark: `id == 0` would have milvus-lite look at each row."""
_LONGEST_MARK = 2_000
_GRAPH = {"M": 16, "efConstruction": 200}
_LEAST_EF = 500
_GRAPHLESS = 1_024
"""Rows from which on Milvus makes a graph of a segment; it compares those of smaller ones."""
_AWAY = ("unavailable", "deadline", "timeout", "connect", "not ready", "channel", "not loaded")
"""Words of what Milvus says while it starts, stops or can't be reached."""

# They print a traceback of every request that fails, also of those that are made again.
for _name in ("pymilvus", "milvus_lite"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class MilvusServer:
    """A connection to Milvus, with the key `MILVUS_TOKEN`, or to a file of milvus-lite."""

    def __init__(self, address: Address) -> None:
        self.is_local = bool(address.path)
        uri = address.path or address.url(PORT)
        token = "" if self.is_local else os.environ.get("MILVUS_TOKEN", "")
        if self.is_local and not address.path.endswith(".db"):
            raise StoreError(f"{address.place} is no file of milvus-lite: its name ends with .db.")
        with understood(address.place):
            self.client = MilvusClient(uri=uri, token=token, timeout=_SECONDS)
        self.place = address.place
        self._closing = weakref.finalize(self, _close, self.client, address.path)

    def collection(self, name: str) -> VectorCollection:
        """The collection of a name, which need not be there."""
        return MilvusCollection(self, name)


class MilvusCollection:
    """A collection of Milvus, as `VectorCollection` has it."""

    def __init__(self, server: MilvusServer, name: str) -> None:
        self._server, self._client, self._name = server, server.client, name
        self._written, self._is_flushed = time.time(), False

    def mark(self) -> str | None:
        """What the row 0 says; an older one is right too, so only for none it is asked strongly."""
        with understood(self._server.place):
            if not self._client.has_collection(self._name, timeout=_SECONDS):
                return None
            self._client.load_collection(self._name, timeout=_SECONDS)
            rows = self._query(_MARK, ["mark"], "Bounded") or self._query(_MARK, ["mark"])
            if not rows and not self._query("id >= 0", ["id"], limit=1):
                return None
        written, _, mark = str(rows[0]["mark"] if rows else "").partition(" ")
        self._written = float(written) if written.isdecimal() else time.time()
        return mark

    def begin(self, dim: int) -> None:
        """Make an empty collection with a graph of inner products."""
        self.drop()
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        schema.add_field("mark", DataType.VARCHAR, max_length=_LONGEST_MARK)
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="IP", params=_GRAPH)
        with understood(self._server.place):
            self._client.create_collection(
                self._name, schema=schema, index_params=index, timeout=_SECONDS
            )

    def write(
        self, ids: IdArray, vectors: FloatArray, gone: IdArray, mark: str | None = None
    ) -> None:
        """Upsert rows, delete others, and put the mark when both are seen by everybody."""
        pairs = zip(ids.tolist(), vectors, strict=True)
        rows = [{"id": number, "vector": vector, "mark": ""} for number, vector in pairs]
        self._is_flushed = False
        with understood(self._server.place):
            if rows:
                self._client.upsert(self._name, rows, timeout=_SECONDS)
            for start in range(0, len(gone), _WINDOW):
                some = gone[start : start + _WINDOW].tolist()
                self._client.delete(self._name, ids=some, timeout=_SECONDS)
            if mark is not None:
                self._query(_MARK, ["mark"])  # it waits for what was written before
                dim = self._dim()
                said = f"{int(time.time())} {mark}"
                row = {"id": 0, "vector": np.zeros(dim, np.float32), "mark": said}
                self._client.upsert(self._name, [row], timeout=_SECONDS)

    def settle(self) -> int:
        """Flush, and give the rows of segments that aren't loaded with their graphs.

        A segment that is loaded before its graph is made is searched by coarse lists of Milvus's
        own (`interimIndex`), which miss half of what is near.
        """
        with understood(self._server.place):
            if not self._is_flushed:  # Milvus flushes a collection every ten seconds at most
                self._client.flush(self._name, timeout=6 * _SECONDS)
                self._is_flushed = True
            if self._server.is_local:
                return 0
            flushed = self._client.list_persistent_segments(self._name, timeout=_SECONDS)
            loaded = self._client.list_loaded_segments(self._name, timeout=_SECONDS)
        coarse = {one.segment_id for one in loaded if not one.index_id}
        ready = {one.segment_id for one in loaded} - coarse
        large = (one for one in flushed if one.num_rows >= _GRAPHLESS)
        return sum(one.num_rows for one in large if one.segment_id not in ready)

    def count(self) -> int:
        """The rows of the segments that are loaded: after a flush some are not for a moment."""
        with understood(self._server.place):
            rows = self._query("", ["count(*)"], self._consistency())
            return int(rows[0]["count(*)"]) - len(self._query(_MARK, ["id"], self._consistency()))

    def ids(self, start: int, end: int) -> IdArray:
        """The ids from `start` up to `end`, some after the other."""
        found = []
        with understood(self._server.place):
            for first in range(start, end, _WINDOW):
                last = min(first + _WINDOW, end)
                rows = self._query(f"id >= {first} and id < {last}", ["id"])
                found += [int(row["id"]) for row in rows]
        return np.sort(np.array(found, np.int64))

    def search(self, queries: FloatArray, k: int, among: Numbers | None = None) -> IdArray:
        """The nearest of the graph."""
        with understood(self._server.place):
            hits = self._client.search(
                self._name,
                data=list(queries),
                limit=k,
                filter=expression(among),
                search_params={"metric_type": "IP", "params": {"ef": max(4 * k, _LEAST_EF)}},
                consistency_level=self._consistency(),
                timeout=_SECONDS,
            )
        return padded([[hit["id"] for hit in own] for own in hits])

    def drop(self) -> None:
        """Delete it, if it is there."""
        with understood(self._server.place):
            if self._client.has_collection(self._name, timeout=_SECONDS):
                self._client.drop_collection(self._name, timeout=_SECONDS)

    def _consistency(self) -> str:
        return "Strong" if time.time() - self._written < _STALENESS else "Bounded"

    def _query(
        self, what: str, fields: list[str], consistency: str = "Strong", **more: int
    ) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._client.query(
            self._name,
            filter=what,
            output_fields=fields,
            consistency_level=consistency,
            timeout=_SECONDS,
            **more,
        )
        return rows

    def _dim(self) -> int:
        about = self._client.describe_collection(self._name, timeout=_SECONDS)
        own = (field for field in about["fields"] if field["name"] == "vector")
        return int(next(own)["params"]["dim"])


def expression(among: Numbers | None) -> str:
    """A filter of Milvus's: but for one of ids it leaves the mark out by itself."""
    if among is None:
        return ""
    if among.kind == "ranges":
        parts = (f"(id >= {first} and id <= {last})" for first, last in among.ids.tolist())
        return " or ".join(parts)
    return f"id {among.kind} [{','.join(map(str, among.ids.tolist()))}]"


@contextmanager
def understood(place: str) -> Iterator[None]:
    """Translate errors of pymilvus: of a server that is away, and that refuses something."""
    try:
        yield
    except (StoreError, ServerAwayError, *NOT_UNDERSTOOD):
        raise
    except Exception as error:  # of gRPC, of milvus-lite, and pymilvus's own
        told = error.details() if isinstance(error, grpc.Call) else getattr(error, "message", error)
        said = brief(told)
        if _is_away(error, said):
            raise ServerAwayError(said) from error
        raise StoreError(
            f"The server of vectors {place} refuses what it is asked: {said}. If it wants a key, "
            "give it in MILVUS_TOKEN; if another process uses the file, wait until it ends."
        ) from error


def _is_away(error: Exception, said: str) -> bool:
    name = type(error).__name__.lower()
    if "lock" in name or "auth" in said.lower():
        return False
    is_told = any(word in said.lower() for word in _AWAY)
    return is_told or not isinstance(error, MilvusException)


def _close(client: Any, path: str) -> None:
    closing: list[Callable[[], object]] = [client.close]
    if path:
        closing.append(lambda: _release(path))
    for close in closing:
        try:
            close()
        except Exception:  # it is gone anyway
            logging.getLogger("cmsearch").debug("Milvus could not be closed.", exc_info=True)


def _release(path: str) -> None:
    """End the server of a file, which else lives as long as the process, and locks the file."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(path)
