"""Files that are read and encoded again, to be compared with what a store has of them."""

# Tested by tests/unit/indexer/test_doctor.py

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from cmsearch.protocols import Encoder
from cmsearch.search.own_models import load_own
from cmsearch.store.catalog import files as indexed
from cmsearch.store.catalog import health
from cmsearch.store.store import Store
from cmsearch.types import Asset, FloatArray, Segment, Space
from indexer.encode import encode_items
from indexer.follow import present
from indexer.prepare import PreparedItem
from indexer.read import Loaded, Loader
from indexer.scan import Found
from indexer.sources import Source, opened
from indexer.subjects import FolderSubjects

CLOSE = 0.995
"""The cosine that a vector has to have with itself encoded anew: float16 and other runtimes."""
_TRIED = 1_000
"""Files at most, and for each sample, that are looked at until enough are as they were."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as it should be.

    `check` is `catalog`, `paths`, `words`, `vectors`, `items`, `files` or `samples`; `embeddings`
    are the ids of those that are to be made anew, `again` the paths of files to be read anew.
    """

    check: str
    what: str
    embeddings: tuple[int, ...] = ()
    again: tuple[str, ...] = ()


def check_samples(
    store: Store,
    served: tuple[int, Space],
    count: int,
    device: str | None,
    tell: Callable[[int], object],
) -> Iterator[Finding]:
    """Read and encode some files again that look as they did, and compare what they give."""
    with opened(store.root) as source:
        files = list(islice(_unchanged(store, source, count), count))
        if not files:
            return
        encoder = load_own(store, served[1], device=device)
        subjects = FolderSubjects(store.catalog, ())
        loader = Loader(source, encoder, subjects, lambda path, digest: _known(store, digest))
        for done, (file, asset) in enumerate(files):
            tell(done)
            loaded = loader.load(file, frozenset())
            if loaded.digest is None:
                yield Finding("samples", f"{file.path} {loaded.error}")
            elif loaded.digest != asset.digest:
                what = "has other content than was indexed, though its size and time are as they"
                yield Finding("samples", f"{file.path} {what} were", again=(file.path,))
            elif asset.error is None:
                stored = health.item_vectors(store.catalog, file.path, served[0], served[1].dim)
                yield from _other_vectors(encoder, loaded, stored)


def _other_vectors(
    encoder: Encoder, loaded: Loaded, stored: dict[str, list[tuple[int, FloatArray]]]
) -> Iterator[Finding]:
    path = loaded.file.path
    known = [item for item in loaded.new if item.digest in stored]
    # What is said beside a picture has the digests of where both were before they moved.
    is_moved = loaded.file.about is not None and not known
    if len(known if not is_moved else stored) < len(loaded.new):
        yield Finding("samples", f"{path} gives more when it is read again", again=(path,))
        return
    bad = tuple(_differing(encoder, known, stored))
    if bad:
        yield Finding("samples", f"{path} has other vectors when it is encoded again", bad)


def _known(store: Store, digest: str) -> list[Segment]:
    """What the store has of what is said in a file; it isn't heard again."""
    return indexed.transcript(store.catalog, digest) or []


def _unchanged(store: Store, source: Source, count: int) -> Iterator[tuple[Found, Asset]]:
    """Files, by chance, whose size and time are as they were when they were indexed, and that were
    read. Without the folder there are none.
    """
    assets = indexed.some(store.catalog, max(_TRIED, _TRIED // 50 * count))
    for path, asset in assets.items():
        for file in present(source, {path: asset}):
            if (file.size, file.mtime_ns) == (asset.size, asset.mtime_ns):
                yield file, asset


def _differing(
    encoder: Encoder, items: Sequence[PreparedItem], stored: dict[str, list[tuple[int, FloatArray]]]
) -> Iterator[int]:
    """The embeddings of a file that it doesn't have when it is encoded again."""
    modalities = {item.part.modality for item in items}
    for modality in sorted(modalities):
        own = [item for item in items if item.part.modality is modality]
        for item, encoding in zip(own, encode_items(encoder, own), strict=True):
            own_rows = stored[item.digest]
            cosines = [
                float(vector @ again)
                for (_, vector), again in zip(own_rows, encoding.vectors, strict=False)
            ]
            if len(own_rows) != len(encoding.vectors) or min(cosines, default=1) < CLOSE:
                yield from (number for number, _ in own_rows)
