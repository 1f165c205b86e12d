"""The plug point of vector indexes."""

from __future__ import annotations

from cmsearch.registry import Registry

indexes = Registry(
    "cmsearch.indexes",
    {
        "exact": "cmsearch.indexes:ExactIndex",
        "faiss": "cmsearch.indexes:FaissIndex",
    },
)
"""Classes made as `Index(dim)`."""
