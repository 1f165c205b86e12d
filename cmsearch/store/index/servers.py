"""The servers of vectors that there are, and one connection to each."""

# Tested by tests/unit/cmsearch/store/index/test_served.py

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from cmsearch.errors import StoreError
from cmsearch.protocols import VectorCollection, VectorServer
from cmsearch.registry import Registry
from cmsearch.store.index.address import Address
from cmsearch.store.index.patient import Patient, tried

servers = Registry(
    "cmsearch.vector_servers",
    {
        "milvus": "cmsearch.store.index.milvus:MilvusServer",
        "pgvector": "cmsearch.store.index.pgvector:PgvectorServer",
        "qdrant": "cmsearch.store.index.qdrant:QdrantServer",
    },
)
"""Classes made as `Server(address)`, of which `VectorServer` says what they give."""
_connections: weakref.WeakValueDictionary[str, VectorServer] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class _Held(Patient):
    """A collection that keeps the connection to its server open."""

    def __init__(self, server: VectorServer, name: str, place: str) -> None:
        super().__init__(server.collection(name), place)
        self._server = server


def connected(address: Address) -> Callable[[str], VectorCollection]:
    """What gives the collections of a server by name, patiently; raises `StoreError`.

    There is one connection to each server, which is closed when nothing uses it any more.
    """
    with _lock:
        server = _connections.get(address.place)
        if server is None:
            server = tried(lambda: _made(address), address.place)
            _connections[address.place] = server
    return lambda name: _Held(server, name, address.place)


def _made(address: Address) -> VectorServer:
    try:
        made: VectorServer = servers.load(address.kind)(address)
    except (KeyError, ImportError) as error:
        raise StoreError(
            f"{address.place} is reached by a package that isn't installed: pip install "
            f"'cmsearch[{address.kind}]'. Another index is chosen with `cmsearch index FOLDER "
            "--vectors faiss`."
        ) from error
    return made
