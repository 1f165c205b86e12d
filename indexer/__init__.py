"""indexer: fills the stores that cmsearch searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmsearch.types import Progress
    from indexer.indexer import Indexer
    from indexer.report import Plan, Report

__all__ = ["Indexer", "Plan", "Progress", "Report"]


def __getattr__(name: str) -> Any:
    """Import what is asked for at its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from indexer import indexer

    return getattr(indexer, name)
