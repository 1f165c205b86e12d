"""Encoding again what was imported, so that it has the tokens and features that vectors lack."""

# Tested by tests/unit/indexer/importing/test_bare.py

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from cmsearch.common.text import native
from cmsearch.models.encodings import checked
from cmsearch.protocols import Encoder
from cmsearch.search.own_models import load_own
from cmsearch.store.catalog import health
from cmsearch.store.catalog.awaited import Bare, bare
from cmsearch.store.store import Store
from cmsearch.types import READ, SEEN, TOWER, Modality, Role

AT_ONCE = 5_000
"""Embeddings that can't be found while they are encoded again."""


def forget_bare(place: Path, device: str | None = None) -> Iterator[int]:
    """Forget embeddings of a store that are vectors alone, some at a time; says how many went.

    A run of the indexer is to follow each time, which encodes their files. Those of files that
    aren't there, or changed, stay. Nothing is forgotten where the model gives vectors alone too.
    """
    encoder: Encoder | None = None
    for modality in (*SEEN, *READ):
        after = 0
        while True:
            with Store(place) as store:
                served = store.catalog.space()
                if served is None:
                    return
                number, space = served
                if not bare(store.catalog, number, modality, _ALL, after, 1):
                    break
                encoder = encoder or load_own(store, space, device=device)
                needed = _given(encoder, modality)
                found = bare(store.catalog, number, modality, needed, after, AT_ONCE)
                if not found:
                    break
                after = found[-1].embedding
                own = [one.embedding for one in found if _is_there(store, one)]
                there = sorted(health.siblings(store.catalog, own))  # no half of an item
                with store.locked():
                    snapshot = store.snapshot()
                    with store.catalog.writing() as writer:
                        writer.delete_embeddings(there, snapshot)
            if there:
                yield len(there)


_ALL = ("tokens", "features")


def _given(encoder: Encoder, modality: Modality) -> list[str]:
    """What an encoder gives beside vectors for contents of a modality."""
    tower = TOWER[modality]
    content = "a" if tower is Modality.TEXT else Image.new("RGB", (64, 64), "gray")
    encoding = encoder.encode([encoder.prepare(content, tower)], tower, Role.DOCUMENT)
    checked(encoder, encoding, 1)
    return [name for name in _ALL if getattr(encoding, name) is not None]


def _is_there(store: Store, one: Bare) -> bool:
    """Whether a file is as it was last seen."""
    try:
        found = (store.root / native(one.path)).stat()
    except (OSError, ValueError):
        return False
    return (found.st_size, found.st_mtime_ns) == (one.size, one.mtime_ns)
