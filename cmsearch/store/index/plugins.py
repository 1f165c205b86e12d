"""The plug point of vector indexes."""

# Tested by tests/contract/test_vector_index.py

from __future__ import annotations

from cmsearch.errors import QueryError
from cmsearch.protocols import VectorIndex
from cmsearch.registry import Registry

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
    """The name of an index that is here; raises `QueryError`, which names those that are."""
    if name not in indexes:
        known = ", ".join(sorted(indexes.rows()))
        raise QueryError(f"There is no index {name!r} of vectors; it is one of {known}.")
    return name


def empty_index(name: str, dim: int) -> VectorIndex:
    """An empty index for vectors `(n, dim)`; raises `KeyError` for a name that isn't here."""
    made: VectorIndex = indexes.load(name)(dim)
    return made
