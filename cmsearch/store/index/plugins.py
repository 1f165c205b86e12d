"""The plug point of vector indexes."""

# Tested by tests/contract/test_vector_index.py

from __future__ import annotations

from cmsearch.errors import QueryError
from cmsearch.protocols import VectorIndex
from cmsearch.registry import Registry
from cmsearch.store.index.address import FORMS, Address, is_address, parsed

DEFAULT = "faiss"
indexes = Registry(
    "cmsearch.indexes",
    {
        "exact": "cmsearch.store.index.exact:ExactIndex",
        "faiss": "cmsearch.store.index.faiss_index:FaissIndex",
    },
)
"""Classes made as `Index(dim)`, which gives an empty one."""


def checked_name(name: str) -> str:
    """The name of an index that is here, or an address, as an index remembers it.

    Raises `QueryError`, which names those that are.
    """
    if is_address(name):
        return str(checked_address(name))
    from cmsearch.store.index.servers import servers  # seldom needed

    if name in servers:
        raise QueryError(f"{name} is searched on a server, or in a file. {FORMS}")
    if name not in indexes:
        known = ", ".join(sorted(indexes.rows()))
        raise QueryError(
            f"There is no index {name!r} of vectors; it is one of {known}, or an address. {FORMS}"
        )
    return name


def checked_address(text: str) -> Address:
    """What an address of a kind of server that is here says; raises `QueryError`."""
    from cmsearch.store.index.servers import servers

    address = parsed(text)
    if address.kind not in servers:
        known = ", ".join(sorted(servers.rows()))
        raise QueryError(f"There is no server of vectors {address.kind!r}; it is one of {known}.")
    return address


def empty_index(name: str, dim: int) -> VectorIndex:
    """An empty index for vectors `(n, dim)`; raises `KeyError` for a name that isn't here."""
    made: VectorIndex = indexes.load(name)(dim)
    return made
