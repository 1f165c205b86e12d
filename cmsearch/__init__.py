"""cmsearch: find photographs, captions and documents by a sentence or by a picture."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cmsearch.common.version import __version__ as __version__

# Before any of them is imported, here or by another library, in this process or in one that it
# starts: ONNX Runtime would report to its maker (`import onnxruntime` is enough, and its own
# `disable_telemetry_events` too late), the hub's client would say who fetches with what.
os.environ.update(dict.fromkeys(("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"), "1"))

if TYPE_CHECKING:
    from cmsearch.errors import (
        CmsearchError,
        MediaError,
        ModelError,
        ModelUnavailableError,
        QueryError,
        StoreError,
        StoreLockedError,
        StoreMismatchError,
        StoreNotFoundError,
        StoreReadOnlyError,
        StoreUnavailableError,
        UnknownModelError,
    )
    from cmsearch.models.transcribers.transcripts import transcribe
    from cmsearch.search.engine import Engine
    from cmsearch.search.federated import FederatedEngine, open
    from cmsearch.search.query.feedback import refined
    from cmsearch.search.query.grammar import parse
    from cmsearch.search.rank.second_stage import Ranking
    from cmsearch.types import (
        Encoding,
        Filter,
        Hit,
        Mark,
        Modality,
        Query,
        QueryPart,
        Role,
        Segment,
        Space,
    )

__all__ = [
    "CmsearchError",
    "Encoding",
    "Engine",
    "FederatedEngine",
    "Filter",
    "Hit",
    "Mark",
    "MediaError",
    "Modality",
    "ModelError",
    "ModelUnavailableError",
    "Query",
    "QueryError",
    "QueryPart",
    "Ranking",
    "Role",
    "Segment",
    "Space",
    "StoreError",
    "StoreLockedError",
    "StoreMismatchError",
    "StoreNotFoundError",
    "StoreReadOnlyError",
    "StoreUnavailableError",
    "UnknownModelError",
    "open",
    "parse",
    "refined",
    "transcribe",
]

_HOMES = {
    "Engine": "cmsearch.search.engine",
    "FederatedEngine": "cmsearch.search.federated",
    "Ranking": "cmsearch.search.rank.second_stage",
    "open": "cmsearch.search.federated",
    "parse": "cmsearch.search.query.grammar",
    "refined": "cmsearch.search.query.feedback",
    "transcribe": "cmsearch.models.transcribers.transcripts",
} | dict.fromkeys(
    (
        "Encoding",
        "Filter",
        "Hit",
        "Mark",
        "Modality",
        "Query",
        "QueryPart",
        "Role",
        "Segment",
        "Space",
    ),
    "cmsearch.types",
)


def __getattr__(name: str) -> Any:
    """Import what is asked for at its first use, so that `import cmsearch` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "cmsearch.errors")), name)


def __dir__() -> list[str]:
    return __all__
