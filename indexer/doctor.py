"""Proving that a store is whole: its catalog, its derived files, and the media they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cmsearch.common.numbers import are_unit
from cmsearch.errors import StoreError
from cmsearch.protocols import VectorRows
from cmsearch.store import tables
from cmsearch.store.catalog import embeddings, health, items
from cmsearch.store.catalog import files as indexed
from cmsearch.store.index import manifest as manifests
from cmsearch.store.index import snapshot
from cmsearch.store.object_places import address_of
from cmsearch.store.publication import counting
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, IdArray, Modality, Progress, Space
from indexer.indexer import Indexer
from indexer.samples import Finding, check_samples
from indexer.sources import opened

Tell = Callable[[Progress], object]
"""Is told how far a stage is."""
SAMPLES = 8
_ROWS = 10_000


def _nobody(progress: Progress) -> None:
    """Nobody is told."""


def examine(
    store: Store, *, samples: int = SAMPLES, device: str | None = None, tell: Tell = _nobody
) -> list[Finding]:
    """What is wrong with a store; nothing, if it is whole.

    Of `samples` files the vectors are compared with those that they have when they are encoded
    again, which needs the model and the media; of none if the store hasn't its own. `tell` is told
    how far each stage is. Memory doesn't grow with the store by more than some bytes a row.
    """
    tell(Progress("catalog", 0, 1))
    findings = [Finding("catalog", text) for text in health.integrity(store.catalog)]
    if findings:
        return findings  # what else is read from it can't be relied on
    findings += _check_paths(store)
    items_there = sum(indexed.counts(store.catalog).values())
    if not health.words_agree(store.catalog, _counting("words", items_there, tell)):
        findings.append(Finding("words", "the index of exact words is not that of the items"))
    served = store.catalog.space()
    if served is None:
        if manifests.newest(store.path) is not None:
            what = "nothing is indexed, though there are files of an index; the catalog was emptied"
            findings.append(Finding("items", f"{what}. Run `cmsearch index`"))
        return findings
    number, space = served
    sounds = store.catalog.sound_space()
    damaged = _check_vectors(store, dict.fromkeys([served, sounds or served]), tell)
    findings += damaged
    findings += _check_items(store, number)
    findings += _check_files(store, number, space, tell)
    if samples and store.has_own_media and not damaged:
        count = _counting("samples", samples, tell)
        findings += check_samples(store, served, samples, device, count)
    return findings


def repair(store: Store, findings: Sequence[Finding]) -> None:
    """Make anew what `examine` found damaged, in the catalog and beside it.

    What is to be encoded again is left to the next run of an `Indexer`; it goes with all pieces
    of its item, since only whole items are encoded. Raises `StoreError` for what can't be made
    anew, before anything is deleted.
    """
    with store.alone():
        if any(one.check == "catalog" for one in findings):
            health.reindex(store.catalog)
            if health.integrity(store.catalog):
                raise StoreError(
                    f"The catalog {store.catalog.path} is damaged beyond repair. Restore a copy of "
                    f"{store.name}, or move it away and run `cmsearch index` again."
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
    with opened(store.root) as source:
        for path in sorted(set(found.values())):
            store.check(path)
            try:
                source.status(path)
            except OSError as error:
                raise StoreError(
                    f"{address_of(store.absolute(path))} is not there, and its vectors can't be "
                    "made anew without it. Mount its drive and run the command again; if the file "
                    "was deleted, run `cmsearch index` first."
                ) from error
    return sorted(found)


def encode_missing(store: Store, device: str | None = None) -> None:
    """Encode what `repair` deleted, or what was never encoded, from the media.

    Raises `StoreError` for a store that hasn't its own: which folder is read is not for it to say.
    """
    if not store.has_own_media:
        raise StoreError(
            "What is missing has to be encoded again: `cmsearch index "
            f"{address_of(store.root)} --store {store.name}`, if that is the folder that it is of."
        )
    Indexer(store.root, store=store.path, device=device).run()


def _counting(stage: str, total: int, tell: Tell) -> Callable[[int], None]:
    def count(done: int) -> None:
        tell(Progress(stage, min(done, total), total))

    count(0)
    return count


def _check_paths(store: Store) -> Iterator[Finding]:
    for row in indexed.rows(store.catalog):
        try:
            store.check(row[0])
        except StoreError as error:
            yield Finding("paths", str(error))


def _check_vectors(store: Store, spaces: Iterable[tuple[int, Space]], tell: Tell) -> list[Finding]:
    """Embeddings whose blobs have another length, or whose vector isn't a unit vector."""
    bad: list[int] = []
    for number, space in spaces:
        bad += health.incomplete(store.catalog, number)
        last, done = 0, 0
        count = _counting("vectors", embeddings.count(store.catalog, number), tell)
        while rows := health.stored(store.catalog, number, space.dim, last, _ROWS):
            last = int(rows[-1][0])
            bad += _damaged(rows, space.dim)
            done += len(rows)
            count(done)
    if not bad:
        return []
    bad = sorted(set(bad))
    return [Finding("vectors", f"{len(bad)} embeddings are damaged", tuple(bad))]


def _damaged(rows: Sequence[Any], dim: int) -> list[int]:
    """The ids of rows of which the vector or the tokens aren't what they should be."""
    shaped = [row for row in rows if _is_shaped(row[1], row[2], dim)]
    halves = np.frombuffer(b"".join(row[1] for row in shaped), "<f2").reshape(-1, dim)
    whole = are_unit(halves.astype(np.float32)).tolist()
    sound = {row[0] for row, is_whole in zip(shaped, whole, strict=True) if is_whole}
    return [row[0] for row in rows if row[0] not in sound]


def _is_shaped(vector: object, tokens: object, dim: int) -> bool:
    if not isinstance(vector, bytes) or len(vector) != 2 * dim:
        return False
    return tokens is None or (isinstance(tokens, bytes) and len(tokens) % (dim + 4) == 0)


def _check_items(store: Store, number: int) -> Iterator[Finding]:
    lacking = indexed.lacking(store.catalog, number)
    sounds = store.catalog.sound_space()
    if sounds is not None:
        lacking |= indexed.lacking_sounds(store.catalog, sounds[0])
    if lacking:
        yield Finding("items", f"{len(lacking)} files have items that are not encoded")


def _check_files(store: Store, number: int, space: Space, tell: Tell) -> Iterator[Finding]:
    """Compare the derived files with the catalog, row by row."""
    manifest = store.published(number)
    if manifest is None:
        yield Finding("files", "there is no manifest of this catalog and model")
        return
    tell(Progress("tables", 0, 1))
    for damage in (
        *snapshot.damages(store.path, manifest),
        *tables.differing(store.catalog, store.path, manifest),
    ):
        yield Finding("files", damage)
    count = counting("files", store.catalog, number, tell)
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
            kept = snapshot.read_rows(store.path, shown[modality])
        except StoreError:
            continue  # a damage that was named above
        yield from _compared(modality, kept, _told(old, count), gone)


def _told(
    pages: Iterable[tuple[IdArray, FloatArray]], count: Callable[[int], None]
) -> Iterator[tuple[IdArray, FloatArray]]:
    for page in pages:
        yield page
        count(len(page[0]))


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
