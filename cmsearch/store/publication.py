"""Publications of a catalog's vectors as files beside it, from which searches open quickly."""

# Tested by tests/unit/cmsearch/store/test_store.py

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from uuid import uuid4

import numpy as np

from cmsearch.errors import QueryError, StoreError
from cmsearch.protocols import VectorIndex
from cmsearch.store import tables
from cmsearch.store.catalog import asset_rows, embeddings, items, pairs, samples
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import background as chance
from cmsearch.store.index import manifest as manifests
from cmsearch.store.index import plugins, segments, snapshot
from cmsearch.store.index.address import Address, is_address
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.manifest import Manifest
from cmsearch.store.index.rows import HalfArray, chunks
from cmsearch.types import Background, FloatArray, IdArray, Modality, Progress, Space

SAMPLE = 50_000
"""Vectors that are compared to know what chance does."""
BETWEEN = 5_000
"""The same where somebody waits, between a change and its publication."""
_SHOWN = 80
_QUERIES = 128
_FEW = 2_000
"""Rows that came or went up to which a publication waits."""
_MOVED = 20
"""What chance does is measured anew when one of so many rows came or went."""

log = logging.getLogger("cmsearch")


def index_name(catalog: Catalog) -> str:
    """The name of the index that a store searches its vectors with."""
    return catalog.index() or plugins.DEFAULT


def server(catalog: Catalog) -> Address | None:
    """Where a store's vectors are searched, if that is on a server.

    Raises `StoreError` for what is no address of a kind that is here.
    """
    name = index_name(catalog)
    if not is_address(name):
        return None
    try:
        return plugins.checked_address(name)
    except QueryError as error:
        raise StoreError(
            f"The index {catalog.path.parent} says where its vectors are searched: {error} Choose "
            f"another with `cmsearch index FOLDER --vectors {plugins.DEFAULT}`."
        ) from error


def choose_index(catalog: Catalog, name: str | None) -> None:
    """Let the store use the index `name` from now on, or the one that it has if that is here.

    Raises `StoreError` for a store whose own isn't, and for a server that doesn't answer.
    """
    if name is None:
        make_index(catalog, 1)  # only to raise
        return
    if is_address(name):
        from cmsearch.store import contacts
        from cmsearch.store.index.servers import connected

        address = plugins.checked_address(name)
        connected(address)  # only to raise, before much is indexed
        contacts.remember(address)
    if name != index_name(catalog):
        with catalog.writing() as writer:
            writer.put_index(name)
            writer.put_served_vectors(catalog.served_vectors()[:1])


def make_index(catalog: Catalog, dim: int) -> VectorIndex:
    """An empty index of the kind that the store uses; raises `StoreError` where that isn't here.

    Where vectors are on a server it is the one of what isn't there.
    """
    name = index_name(catalog) if server(catalog) is None else plugins.DEFAULT
    try:
        return plugins.empty_index(name, dim)
    except (KeyError, ImportError) as error:
        folder = catalog.path.parent
        raise StoreError(
            f"The index {folder} is searched with {name[:_SHOWN]!r}, which isn't installed here. "
            "Install the package that brings it, or choose another with `cmsearch index FOLDER "
            f"--vectors {plugins.DEFAULT}`."
        ) from error


def laid_out(catalog: Catalog, served: tuple[int, Space]) -> Callable[[Modality], VectorIndex]:
    """What gives an empty index of a modality, to be opened with published rows.

    Says it if the server isn't contacted which the store names. Raises `StoreError`.
    """
    address, dim = server(catalog), served[1].dim
    if address is None:
        return lambda modality: make_index(catalog, dim)
    from cmsearch.store import served_vectors  # others needn't wait for it

    return served_vectors.laid_out(catalog, address, served)


def published(
    catalog: Catalog, place: Path, space: int, known: Manifest | None = None
) -> Manifest | None:
    """The newest manifest in a place, if it is of this space of this catalog.

    There may be files of a catalog that was here before, or of the space served before. One that
    is `known` to have no rows too many isn't looked at again for that.
    """
    manifest = manifests.newest(place)
    if manifest is None or manifest.token not in catalog.snapshots():
        return None
    if any(one.space != space for one in manifest.indexes):
        return None
    rows = sum(one.rows for one in manifest.indexes)
    if manifest != known and rows > embeddings.count(catalog, space) + embeddings.tombstone_count(
        catalog
    ):
        return None  # each row is an embedding that is there or has a tombstone
    return manifest


def publish(catalog: Catalog, place: Path) -> None:
    """Lay the catalog's vectors out in files, unless few rows changed since the last time."""
    found = catalog.space()
    if found is None:
        return
    former = published(catalog, place, found[0])
    if former is None or _is_due(catalog, place, former, found[0]):
        write(catalog, place, found, former)


def send(catalog: Catalog, place: Path) -> None:
    """Bring the server up to date that the vectors are searched on, if they are on one, by what is
    published in a place. Raises `StoreError` without it.
    """
    found, address = catalog.space(), server(catalog)
    manifest = published(catalog, place, found[0]) if found and address else None
    if found is not None and address is not None and manifest is not None:
        from cmsearch.store import served_vectors

        own = instead(catalog, found[1].dim)
        served_vectors.bring_up(catalog, place, address, found[1], manifest, own)


def write(
    catalog: Catalog,
    place: Path,
    served: tuple[int, Space],
    former: Manifest | None,
    *,
    whole: bool = False,
    tell: Callable[[int], object] = lambda rows: None,
) -> Manifest:
    """Publish what came as a segment after those of the `former` publication.

    It takes those up that are hardly longer, or dead by a good part; all if it is to be `whole`.
    Where a file of that publication is damaged, everything is had from the catalog.
    Says with `tell` how many rows were written, some after the other.
    """
    number, space = served
    serial = _serial(catalog, place)
    tokens = [former.token] if former else catalog.snapshots()[-1:]  # what serves meanwhile
    if former is not None and not snapshot.seem_whole(place, former):
        former = None
    last = embeddings.last_embedding(catalog)
    here = embeddings.modalities(catalog, number)
    content = {}
    staying = {} if whole else _staying(catalog, place, number, here, former)
    for modality in here:
        own = _content(catalog, place, served, modality, former, staying.get(modality, 0))
        content[number, modality] = own._replace(pages=_told(own.pages, tell))
    changes = asset_rows.last_change(catalog)
    assets = tables.assets(catalog, place, None if whole else former)
    token = uuid4().hex
    is_shared = catalog.url is not None and not whole
    is_local = server(catalog) is None
    index = make_index(catalog, space.dim) if is_local else ExactIndex(space.dim)
    with catalog.writing() as writer:
        if is_shared:
            writer.add_snapshot(token)
        else:
            writer.put_snapshots([*tokens, token])
    known, judged = _background(catalog, served, former, here, last)
    head = Manifest(serial, token, last, index_name(catalog), known, [], judged, changes=changes)
    manifest = snapshot.publish(place, head, content, index, assets)
    if is_shared:  # other machines have files of their own, which what is gone may still be in
        return manifest
    gone = embeddings.tombstones(catalog, before=serial - 1)
    with catalog.writing() as writer:
        writer.forget_tombstones(gone[~segments.are_in(place, manifest, gone)].tolist())
        writer.forget_changes(former.changes if former else changes)
    return manifest


def _serial(catalog: Catalog, place: Path) -> int:
    """The number of a publication, above those before and those of what was deleted before it.

    On a server it is the next moment of the catalog, which all machines count alike.
    """
    with catalog.reading() as moment:
        known = moment if catalog.url is not None else embeddings.last_deletion(catalog)
        return max(manifests.next_snapshot(place), known + 1)


def _staying(
    catalog: Catalog, place: Path, space: int, here: Iterable[Modality], former: Manifest | None
) -> dict[Modality, int]:
    """How many segments of the former publication stay as they are, by modality: the longest,
    hardly dead. None where it can't be gone on from.
    """
    if former is None or former.changes < 0 or former.index != index_name(catalog):
        return {}
    dead = np.sort(embeddings.tombstones(catalog))
    staying = {}
    for modality in here:
        came = embeddings.count(catalog, space, modality, former.last_embedding)
        staying[modality] = segments.staying(place, former.of(modality), dead, came)
    return staying


def _background(
    catalog: Catalog,
    served: tuple[int, Space],
    former: Manifest | None,
    here: list[Modality],
    last: int,
) -> tuple[Background, int]:
    """What chance does, and after which embedding: as before among much the same, or anew."""
    number, space = served
    if former is not None and is_judged(catalog, number, former, here):
        changed = last - former.judged + embeddings.tombstone_count(catalog)
        if changed <= sum(one.rows for one in former.indexes) // _MOVED:
            return former.background, former.judged
    content = {one: judging(catalog, number, one, space.dim, SAMPLE) for one in here}
    return background(catalog, number, content), last


def _content(
    catalog: Catalog,
    place: Path,
    served: tuple[int, Space],
    modality: Modality,
    former: Manifest | None,
    stay: int,
) -> snapshot.Content:
    """What is published of a modality after the segments that stay: what is left of the others,
    and what came since; without any that an index can go on from, all that the catalog has.
    """
    number, space = served
    queries = texts(catalog, number, space.dim)
    every = items.pages(catalog, number, modality, space.dim)
    own = former.of(modality) if former else []
    described = tables.describing(catalog, place, own[stay:])
    anew = snapshot.Content(space.dim, every, queries, described=described)
    if former is None or not segments.are_kept(own, space.dim):
        return anew
    taken, kept = own[stay:], iter(list[tuple[IdArray, FloatArray]]())
    if taken:
        try:
            ids, rows = snapshot.open_rows(place, taken, instead(catalog, space.dim))
        except StoreError:
            return anew
        left = np.flatnonzero(~np.isin(ids, embeddings.tombstones(catalog)))
        kept = ((ids[own], part.astype(np.float32)) for part, own in chunks(rows, left))
    newer = items.pages(catalog, number, modality, space.dim, former.last_embedding)
    known = taken if former.index == index_name(catalog) else ()
    pages = chain(kept, newer)
    return anew._replace(
        pages=pages, former=known, stay=own[:stay], instead=instead(catalog, space.dim)
    )


def _told(
    pages: Iterable[tuple[IdArray, FloatArray]], tell: Callable[[int], object]
) -> Iterator[tuple[IdArray, FloatArray]]:
    for page in pages:
        yield page
        tell(len(page[0]))


def counting(
    stage: str, catalog: Catalog, space: int, tell: Callable[[Progress], object]
) -> Callable[[int], None]:
    """What `write` says of rows, told as how far a stage is among all vectors of a space."""
    done, total = 0, embeddings.count(catalog, space)

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        tell(Progress(stage, min(done, total), total))

    count(0)
    return count


def texts(catalog: Catalog, space: int, dim: int) -> FloatArray:
    """Texts as vectors `(n, dim)` that an index is tuned and measured with: captions of the bank,
    and texts of the store, as many of each, if there are any.
    """
    random = np.random.default_rng(0)
    _, own = samples.sample(catalog, space, Modality.TEXT, dim, _QUERIES)
    some = [random.permutation(one)[:_QUERIES] for one in (catalog.bank(space, dim), own)]
    found: FloatArray = random.permutation(np.concatenate(some))
    return found


def instead(catalog: Catalog, dim: int) -> snapshot.Instead:
    """What gives vectors of the catalog in place of those of a damaged file, with a warning."""
    told = set[str]()

    def vectors_of(name: str, ids: IdArray) -> HalfArray:
        if name not in told:
            told.add(name)
            log.warning(
                "%s is not as it was written. The catalog is used in place of what is damaged; "
                "`cmsearch doctor --repair` mends it.",
                name,
            )
        known = items.vectors(catalog, ids.tolist(), dim)
        none = np.full(dim, np.nan, np.float32)  # deleted, or damaged in the catalog too
        return np.stack([known.get(one, none) for one in ids.tolist()]).astype(np.float16)

    return vectors_of


def _is_due(catalog: Catalog, place: Path, manifest: Manifest, space: int) -> bool:
    if manifest.index != index_name(catalog) or not snapshot.seem_whole(place, manifest):
        return True
    if manifest.changes < 0 or any(one.recall is None for one in manifest.indexes):
        return True  # of an older cmsearch
    if not is_judged(catalog, space, manifest, embeddings.modalities(catalog, space)):
        return True
    rows = sum(index.rows for index in manifest.indexes)
    changed = embeddings.last_embedding(catalog) - manifest.last_embedding
    changed += len(embeddings.tombstones(catalog, since=manifest.snapshot))
    return changed > min(rows // 20, _FEW)


def is_judged(catalog: Catalog, space: int, manifest: Manifest, here: list[Modality]) -> bool:
    """Whether a background knows what texts find by chance in each modality that is `here`.

    One that was published knows no modality that came since, and that of an older cmsearch
    none of few items.
    """
    if not catalog.has_bank(space):
        return True
    known = manifest.background
    asking = (chance.BANK, Modality.TEXT) if len(here) > 1 else (chance.BANK,)
    return all(known.get(one, {}).keys() >= set(here) for one in asking)


def background(
    catalog: Catalog,
    space: int,
    content: Mapping[Modality, chance.Rows],
    known: Background | None = None,
) -> Background:
    """What chance does among `content`, also with the bank of captions in place of queries; as it
    is `known`, where it is.
    """
    dim = next((rows.vectors.shape[1] for rows in content.values()), 1)
    return chance.background(content, bank(catalog, space, dim), known)


def judging(
    catalog: Catalog, space: int, modality: Modality, dim: int, count: int, last: int = samples.LAST
) -> chance.Rows:
    """The embeddings of a modality by which it is judged: `count` at most, to the id `last`."""
    ids, vectors = samples.sample(catalog, space, modality, dim, count, last)
    return chance.Rows(vectors, pairs.subjects(catalog, ids))


def bank(catalog: Catalog, space: int, dim: int) -> chance.Rows:
    """The captions that a space has in place of queries; none where it was never indexed whole."""
    return chance.banked(catalog.bank(space, dim))
