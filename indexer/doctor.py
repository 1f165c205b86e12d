"""Proving that a store is whole: its catalog, its derived files, and the media they came from."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cmsearch.common.kinds import SUBJECTS
from cmsearch.common.numbers import are_unit
from cmsearch.errors import StoreError
from cmsearch.media.readers import names
from cmsearch.protocols import Encoder, VectorRows
from cmsearch.search.own_models import load_own
from cmsearch.store import tables
from cmsearch.store.catalog import embeddings, health, items
from cmsearch.store.catalog import files as indexed
from cmsearch.store.index import manifest as manifests
from cmsearch.store.index import snapshot
from cmsearch.store.store import Store
from cmsearch.types import Asset, FloatArray, IdArray, Modality, Segment, Space
from indexer.changes import compare
from indexer.encode import encode_items
from indexer.indexer import Indexer
from indexer.prepare import PreparedItem
from indexer.read import Loaded, Loader
from indexer.scan import Found, scan

SAMPLES = 8
CLOSE = 0.995
"""The cosine that a vector has to have with itself encoded anew: float16 and other runtimes."""
_ROWS = 10_000


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


def examine(store: Store, *, samples: int = SAMPLES, device: str | None = None) -> list[Finding]:
    """What is wrong with a store; nothing, if it is whole.

    Of `samples` files the vectors are compared with those that they have when they are encoded
    again, which needs the model and the media; of none if the store hasn't its own.
    """
    findings = [Finding("catalog", text) for text in health.integrity(store.catalog)]
    if findings:
        return findings  # what else is read from it can't be relied on
    findings += _check_paths(store)
    if not health.words_agree(store.catalog):
        findings.append(Finding("words", "the index of exact words is not that of the items"))
    served = store.catalog.space()
    if served is None:
        if manifests.newest(store.path) is not None:
            what = "nothing is indexed, though there are files of an index; the catalog was emptied"
            findings.append(Finding("items", f"{what}. Run `cmsearch index`"))
        return findings
    number, space = served
    sounds = store.catalog.sound_space()
    damaged = _check_vectors(store, [served, *([sounds] if sounds else [])])
    findings += damaged
    findings += _check_items(store, number)
    findings += _check_files(store, number, space)
    if samples and store.has_own_media and not damaged:
        findings += _check_samples(store, number, space, samples, device)
    return findings


def repair(store: Store, findings: Sequence[Finding]) -> None:
    """Make anew what `examine` found damaged, in the catalog and beside it.

    What is to be encoded again is left to the next run of an `Indexer`; it goes with all pieces
    of its item, since only whole items are encoded. Raises `StoreError` for what can't be made
    anew, before anything is deleted.
    """
    with store.locked():
        if any(one.check == "catalog" for one in findings):
            health.reindex(store.catalog)
            if health.integrity(store.catalog):
                raise StoreError(
                    f"The catalog {store.catalog.path} is damaged beyond repair. Restore a copy of "
                    f"{store.path}, or move it away and run `cmsearch index` again."
                )
        if any(one.check == "words" for one in findings):
            health.rebuild_words(store.catalog)
        damaged = _all_pieces(store, findings)
        again = [path for one in findings for path in one.again]
        if damaged or again:
            snapshot = store.snapshot()
            with store.catalog.writing() as writer:
                writer.delete_embeddings(damaged, snapshot)
                writer.read_files_again(again)
        store.disown_files()
        store.publish()


def _all_pieces(store: Store, findings: Sequence[Finding]) -> list[int]:
    """The damaged embeddings with the others of their items, if their files are here."""
    found = health.siblings(
        store.catalog, [number for one in findings for number in one.embeddings]
    )
    for path in sorted(set(found.values())):
        if not store.absolute(path).is_file():
            raise StoreError(
                f"{store.absolute(path)} is not there, and its vectors can't be made anew without "
                "it. Mount its drive and run the command again; if the file was deleted, run "
                "`cmsearch index` first."
            )
    return sorted(found)


def encode_missing(store: Store, device: str | None = None) -> None:
    """Encode what `repair` deleted, or what was never encoded, from the media.

    Raises `StoreError` for a store that hasn't its own: which folder is read is not for it to say.
    """
    if not store.has_own_media:
        raise StoreError(
            f"What is missing has to be encoded again: `cmsearch index {store.root} --store "
            f"{store.path}`, if that is the folder that it is of."
        )
    Indexer(store.root, store=store.path, device=device).run()


def _check_paths(store: Store) -> Iterator[Finding]:
    for path in indexed.assets(store.catalog):
        try:
            store.absolute(path)
        except StoreError as error:
            yield Finding("paths", str(error))


def _check_vectors(store: Store, spaces: Sequence[tuple[int, Space]]) -> list[Finding]:
    """Embeddings whose blobs have another length, or whose vector isn't a unit vector."""
    bad: list[int] = []
    for number, space in spaces:
        bad += health.incomplete(store.catalog, number)
        last = 0
        while rows := health.stored(store.catalog, number, space.dim, last, _ROWS):
            last = int(rows[-1][0])
            bad += [row[0] for row in rows if not _is_whole(row[1], row[2], space.dim)]
    if not bad:
        return []
    bad = sorted(set(bad))
    return [Finding("vectors", f"{len(bad)} embeddings are damaged", tuple(bad))]


def _is_whole(vector: object, tokens: object, dim: int) -> bool:
    if not isinstance(vector, bytes) or len(vector) != 2 * dim:
        return False
    if tokens is not None and not (isinstance(tokens, bytes) and len(tokens) % (dim + 4) == 0):
        return False
    return bool(are_unit(np.frombuffer(vector, "<f2").astype(np.float32)[None])[0])


def _check_items(store: Store, number: int) -> Iterator[Finding]:
    lacking = indexed.lacking(store.catalog, number)
    sounds = store.catalog.sound_space()
    if sounds is not None:
        lacking |= indexed.lacking_sounds(store.catalog, sounds[0])
    if lacking:
        yield Finding("items", f"{len(lacking)} files have items that are not encoded")


def _check_files(store: Store, number: int, space: Space) -> Iterator[Finding]:
    """Compare the derived files with the catalog, row by row."""
    manifest = store.published(number)
    if manifest is None:
        yield Finding("files", "there is no manifest of this catalog and model")
        return
    for damage in (
        *snapshot.damages(store.path, manifest),
        *tables.differing(store.catalog, store.path, manifest),
    ):
        yield Finding("files", damage)
    gone = embeddings.tombstones(store.catalog)
    shown = {one.modality: manifest.of(one.modality) for one in manifest.indexes}
    for modality in {*embeddings.modalities(store.catalog, number), *shown}:
        pages = items.pages(store.catalog, number, modality, space.dim)
        old = (
            (ids[own], rows[own])
            for ids, rows in pages
            if (own := ids <= manifest.last_embedding).any()
        )
        if modality not in shown:
            if any(True for _ in old):
                yield Finding("files", f"the {modality} vectors are not in the files")
            continue
        if any(one.dim != space.dim for one in shown[modality]):
            yield Finding("files", f"the {modality} files are of another dimension")
            continue
        try:
            kept = snapshot.open_rows(store.path, shown[modality])
        except StoreError:
            continue  # a damage that was named above
        yield from _compared(modality, kept, old, gone)


def _compared(
    modality: Modality,
    kept: tuple[IdArray, VectorRows],
    pages: Iterable[tuple[IdArray, FloatArray]],
    gone: IdArray,
) -> Iterator[Finding]:
    """Compare ids and rows in the files with those in the catalog, some after the other."""
    alive = np.flatnonzero(~np.isin(kept[0], gone))
    start, other = 0, list[int]()
    for ids, rows in pages:
        numbers = alive[start : start + len(ids)]
        start += len(ids)
        if not np.array_equal(kept[0][numbers], ids):
            start = -1
            break
        other += ids[(kept[1].at(numbers) != rows).any(axis=1)].tolist()
    if start != len(alive):
        yield Finding("files", f"the ids of the {modality} files are not those of the catalog")
    elif other:
        # The files passed their checksums, so it may be the catalog that was damaged.
        yield Finding(
            "vectors",
            f"{len(other)} {modality} vectors differ between catalog and files",
            tuple(other),
        )


def _check_samples(
    store: Store, number: int, space: Space, samples: int, device: str | None
) -> Iterator[Finding]:
    """Read and encode some files again that look as they did, and compare what they give."""
    assets = indexed.assets(store.catalog)
    files = _unchanged(store, assets)
    if not files:
        return
    encoder = load_own(store, space, device=device)
    own = names(*SUBJECTS)
    subjects = frozenset(path for path, asset in assets.items() if asset.kind in own)
    loader = Loader(store.root, encoder, subjects, lambda path, digest: _known(store, digest))
    for file in random.sample(files, min(samples, len(files))):
        asset = assets[file.path]
        loaded = loader.load(file, frozenset())
        if loaded.digest is None:
            yield Finding("samples", f"{file.path} {loaded.error}")
        elif loaded.digest != asset.digest:
            what = "has other content than was indexed, though its size and time are as they were"
            yield Finding("samples", f"{file.path} {what}", again=(file.path,))
        elif asset.error is None:
            stored = health.item_vectors(store.catalog, file.path, number, space.dim)
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


def _unchanged(store: Store, assets: dict[str, Asset]) -> list[Found]:
    """The files whose size and time are as they were when they were indexed, and that were read."""
    try:
        files = scan(store.root).files
    except StoreError:  # the folder isn't here; only what is in the store can be examined
        return []
    changes = compare(files, indexed.rows(store.catalog))
    other = {file.path for file in (*changes.added, *changes.changed)}
    other |= {path for path, asset in assets.items() if not (asset.digest or asset.error)}
    return [file for file in files if file.path not in other]


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
