"""A store shows what its catalog says, whatever happens to its derived files."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import StoreError, StoreNotFoundError
from cmsearch.store import publication, store
from cmsearch.store.catalog import embeddings, files
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import derived_files, faiss_index, snapshot
from cmsearch.store.index import manifest as manifests
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.store.view import View
from cmsearch.types import FloatArray, Modality
from tests.builders import asset, caption, flip_byte, photo, put, remove, serve, space
from tests.oracle import Oracle, assert_exact, clustered, filled, unit_vectors

DIM = 8
COUNT = 100


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    """A store of a folder with `COUNT` photos, whose vectors are those of `rows`."""
    with Store(tmp_path / DIRECTORY, tmp_path) as opened:
        serve(opened.catalog, DIM)
        add_photos(opened, rows())
        yield opened


@pytest.fixture
def published(opened: Store) -> Store:
    opened.publish()
    return opened


def rows(count: int = COUNT, seed: int = 0) -> FloatArray:
    return unit_vectors(np.random.default_rng(seed), count, DIM)


def add_photos(opened: Store, vectors_: FloatArray, prefix: str = "") -> None:
    """One file for each vector, in one transaction for all."""
    with opened.catalog.writing() as writer:
        for number, vector in enumerate(vectors_):
            path = f"{prefix}{number:03}.jpg"
            writer.add_item(writer.put_asset(asset(path)), 1, photo(vector))


def shown_ids(opened: Store, query: FloatArray, k: int = 2 * COUNT) -> list[int]:
    index = opened.view().indexes[Modality.IMAGE]
    found: list[int] = index.search(query[None], k)[1][0].tolist()
    return found


def assert_shows(opened: Store, *groups: tuple[int, FloatArray]) -> None:
    """The view answers as an oracle filled with rows under ids from a first one on."""
    oracle = Oracle()
    for first, vectors_ in groups:
        filled(oracle, range(first, first + len(vectors_)), vectors_)
    index = opened.view().indexes[Modality.IMAGE]
    assert len(index) == len(oracle.vectors)
    assert_exact(index, oracle, rows(5, seed=9), 10)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# --- opening ---


def test_a_store_is_made_in_its_folder(tmp_path: Path) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as made:
        assert (tmp_path / DIRECTORY / CATALOG).is_file()
        assert made.root == tmp_path.resolve()
        assert made.space is None
        assert made.snapshot() == 0
        with pytest.raises(StoreError, match=r"Nothing is indexed in .* yet. Run `cmsearch index"):
            made.view()


def test_a_store_knows_its_space(opened: Store) -> None:
    assert opened.space == space(DIM)


def test_a_store_elsewhere_remembers_its_folder(tmp_path: Path) -> None:
    folder, place = tmp_path / "pictures", tmp_path / "indexes" / "mine"
    folder.mkdir()
    Store(place, folder).close()
    with Store(place) as again:
        assert again.root == folder.resolve()


def test_a_store_that_is_not_of_a_folder(tmp_path: Path) -> None:
    Catalog(tmp_path / CATALOG).close()
    with pytest.raises(StoreError, match="doesn't say which folder"):
        Store(tmp_path)


@pytest.mark.parametrize("place", [DIRECTORY, f"{DIRECTORY}/", "."])
def test_a_store_moves_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    Store(old / DIRECTORY, old).close()
    old.rename(new)
    monkeypatch.chdir(new / DIRECTORY if place == "." else new)
    with Store(Path(place)) as moved:
        assert moved.root == new.resolve()


def test_a_store_cannot_be_made_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"can't be made.*--store DIR"):
        Store(tmp_path / "file" / DIRECTORY, tmp_path)


def test_opening_makes_no_store(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / DIRECTORY):
        with pytest.raises(StoreNotFoundError, match=f"no index in {place}.*cmsearch index"):
            Store(place)
    with pytest.raises(StoreError, match="unable to open"):
        Catalog(tmp_path / CATALOG, make=False)
    assert list(tmp_path.iterdir()) == []


def test_who_opens_a_store_as_it_is_made_finds_none_or_the_whole(tmp_path: Path) -> None:
    """One that the reader makes too would be replaced, and its journal undo what replaced it."""
    stop, places = threading.Event(), [tmp_path / str(number) for number in range(20)]

    def read() -> None:
        while not stop.is_set():
            for place in places:
                with suppress(StoreNotFoundError), Store(place) as found:
                    assert found.root == tmp_path.resolve()

    for place in places:
        place.mkdir()
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for place in places:
                with Store(place, tmp_path) as made, made.locked():
                    serve(made.catalog, DIM)
                    add_photos(made, rows(2))
        finally:
            stop.set()
        for reader in readers:
            reader.result()
    for place in places:
        with Store(place) as found:
            assert found.root == tmp_path.resolve() and len(files.assets(found.catalog)) == 2


def test_a_new_store_takes_nothing_from_the_journal_of_a_deleted_one(tmp_path: Path) -> None:
    """As of a run that was killed where there is no write-ahead log."""
    place, journal = tmp_path / DIRECTORY, tmp_path / DIRECTORY / f"{CATALOG}-journal"
    Store(place, tmp_path / "another").close()
    with closing(sqlite3.connect(place / CATALOG)) as database:
        database.execute("PRAGMA journal_mode = delete")
        database.execute("PRAGMA cache_size = 1")  # so that it is synced before the commit
        database.executemany("INSERT INTO settings VALUES (?, 'x')", [(n,) for n in range(999)])
        left = journal.read_bytes()
    (place / CATALOG).unlink()
    journal.write_bytes(left)
    for _ in range(2):
        with Store(place, tmp_path) as made:
            assert made.catalog.root() == str(tmp_path.resolve())


def test_a_store_is_found_at_in_and_above_a_place(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    Store(tmp_path / DIRECTORY, tmp_path).close()
    (tmp_path / "a" / "photo.jpg").touch()
    for start in (".", DIRECTORY, "a", "a/b", "a/photo.jpg"):
        assert store.find(tmp_path / start).resolve() == (tmp_path / DIRECTORY).resolve()


def test_the_nearest_store_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a"
    for folder in (tmp_path, inner):
        Store(folder / DIRECTORY, folder).close()
    (inner / "b").mkdir()
    assert store.find(inner / "b") == (inner / DIRECTORY).resolve()


def test_a_catalog_of_another_program_does_not_hide_the_store(tmp_path: Path) -> None:
    Store(tmp_path / DIRECTORY, tmp_path).close()
    (tmp_path / CATALOG).write_bytes(b"somebody's own")
    assert store.find(tmp_path) == tmp_path / DIRECTORY


def test_a_store_is_found_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path / DIRECTORY, tmp_path).close()
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert store.find(Path()) == (tmp_path / DIRECTORY).resolve()


def test_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="cmsearch index"):
        store.find(tmp_path / "nowhere")


@pytest.mark.parametrize("path", ["a.jpg", "a/b/c.jpg", "a..b/..c", "...", "été/東京.jpg"])
def test_paths_of_assets_are_under_the_root(opened: Store, path: str) -> None:
    assert opened.absolute(path) == opened.root / path


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.jpg", "a/../../b.jpg", "..", "a/.."])
def test_paths_never_leave_the_root(opened: Store, path: str) -> None:
    with pytest.raises(StoreError, match="outside its folder"):
        opened.absolute(path)


# --- what a view shows ---


def test_a_view_needs_no_publication(opened: Store) -> None:
    assert_shows(opened, (1, rows()))


def test_a_view_shows_what_was_published(published: Store) -> None:
    assert published.snapshot() == 1
    assert_shows(published, (1, rows()))


def test_a_view_is_the_same_until_something_is_committed(published: Store) -> None:
    first = published.view()
    assert published.view() is first
    add_photos(published, rows(1), "new")
    assert published.view() is not first


def test_a_view_stays_as_it_is(published: Store) -> None:
    """Whatever is committed, and whatever newer views are made."""
    first, query = published.view(), rows()[0]
    before = first.indexes[Modality.IMAGE].search(query[None], COUNT)
    add_photos(published, query[None], "new")
    remove(published.catalog, "000.jpg", snapshot=1)
    assert shown_ids(published, query)[0] == COUNT + 1
    after = first.indexes[Modality.IMAGE].search(query[None], COUNT)
    assert len(first.indexes[Modality.IMAGE]) == COUNT
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_read_within_is_of_the_state_of_the_view(published: Store) -> None:
    with published.reading() as view:
        add_photos(published, rows(3, seed=1), "new")
        remove(published.catalog, "000.jpg", snapshot=1)
        assert len(files.assets(published.catalog)) == len(view.indexes[Modality.IMAGE]) == COUNT
        assert published.view() is view
        with published.reading() as same:
            assert same is view
    assert len(files.assets(published.catalog)) == COUNT + 2
    assert len(published.view().indexes[Modality.IMAGE]) == COUNT + 2


def test_nothing_is_locked_while_a_state_is_read(published: Store) -> None:
    """Another thread gets a newer view, and a third commits, while one reads an older state."""
    with published.reading() as view, ThreadPoolExecutor(1) as pool:
        add_photos(published, rows(1, seed=1), "new")
        newer = pool.submit(published.view).result(timeout=60)
        assert len(newer.indexes[Modality.IMAGE]) == len(view.indexes[Modality.IMAGE]) + 1


def test_each_thread_gets_the_view_of_the_state_that_it_reads(published: Store) -> None:
    stop = threading.Event()

    def read() -> int:
        states = 0
        while not stop.is_set():
            with published.reading() as view:
                assert len(view.indexes[Modality.IMAGE]) == len(files.assets(published.catalog))
                states += 1
        return states

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        try:
            for number in range(20):
                add_photos(published, rows(1 + number % 3, seed=number), f"{number}-")
                remove(published.catalog, f"{number:03}.jpg", snapshot=1)
        finally:
            stop.set()
        assert all(reader.result() for reader in readers)


def test_a_view_costs_what_is_new(published: Store) -> None:
    first = published.view().indexes[Modality.IMAGE]
    with published.catalog.writing() as writer:
        writer.put_stages(1, "{}")
    assert published.view().indexes[Modality.IMAGE] is first


def test_a_modality_that_comes_later_is_shown(published: Store) -> None:
    published.view()
    put(published.catalog, 1, "a.jsonl", caption("one", rows(1)[0], "000.jpg"), kind="captions")
    assert published.view().indexes.keys() == {Modality.IMAGE, Modality.TEXT}


def test_statistics_are_of_what_was_published_while_that_is_most(published: Store) -> None:
    basis = published.view().basis
    assert basis == (1, COUNT, 0)
    add_photos(published, rows(COUNT // 2), "new")
    assert published.view().basis == basis
    remove(published.catalog, "000.jpg", snapshot=1)
    assert published.view().basis == (1, COUNT, 1)
    add_photos(published, rows(COUNT // 2), "more")
    assert published.view().basis == (1, 2 * COUNT, 1)
    with Store(published.path) as another:
        assert another.view().basis == (1, 2 * COUNT, 1)


def test_a_view_shows_what_was_added_after_the_publication(published: Store) -> None:
    published.view()
    add_photos(published, rows(3, seed=1), "new")
    assert published.snapshot() == 1
    assert_shows(published, (1, rows()), (COUNT + 1, rows(3, seed=1)))


def test_a_view_hides_what_was_deleted(published: Store) -> None:
    query = rows()[0]
    assert shown_ids(published, query)[0] == 1
    remove(published.catalog, "000.jpg", snapshot=1)
    assert 1 not in shown_ids(published, query)
    assert_shows(published, (2, rows()[1:]))


def test_a_view_hides_what_was_added_and_deleted_since(published: Store) -> None:
    add_photos(published, rows(2, seed=1), "new")
    published.view()
    remove(published.catalog, "new000.jpg", snapshot=1)
    assert_shows(published, (1, rows()), (COUNT + 2, rows(2, seed=1)[1:]))


def test_another_store_sees_the_same(published: Store) -> None:
    add_photos(published, rows(2, seed=1), "new")
    remove(published.catalog, "000.jpg", "new000.jpg", snapshot=1)
    with Store(published.path) as other:
        assert_shows(other, (2, rows()[1:]), (COUNT + 2, rows(2, seed=1)[1:]))


def test_an_open_store_follows_what_another_publishes(published: Store) -> None:
    with Store(published.path) as reader:
        reader.view()
        add_photos(published, rows(20, seed=1), "new")
        remove(published.catalog, "000.jpg", snapshot=1)
        published.publish()
        assert published.snapshot() == 2
        assert_shows(reader, (2, rows()[1:]), (COUNT + 1, rows(20, seed=1)))


def test_a_view_over_lists_of_codes(opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    opened.publish()
    assert list(opened.path.glob("kept-1-image-1.u8"))
    assert_shows(opened, (1, rows()))


# --- publishing ---


def test_few_changes_are_not_published(published: Store) -> None:
    add_photos(published, rows(COUNT // 20), "new")
    published.publish()
    assert published.snapshot() == 1
    add_photos(published, rows(1), "one more")
    published.publish()
    assert published.snapshot() == 2


@pytest.mark.parametrize("removed", [0, 1, COUNT // 2])
def test_publishing_again_without_a_change_does_nothing(published: Store, removed: int) -> None:
    remove(published.catalog, *(f"{number:03}.jpg" for number in range(removed)), snapshot=1)
    published.publish()
    snapshot = published.snapshot()
    published.publish()
    assert published.snapshot() == snapshot
    assert_shows(published, (1 + removed, rows()[removed:]))


def test_nothing_is_published_before_there_is_a_space(tmp_path: Path) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as empty:
        empty.publish()
        assert empty.snapshot() == 0


def test_tombstones_are_kept_while_a_snapshot_may_hold_what_they_hide(published: Store) -> None:
    remove(published.catalog, *(f"{number:03}.jpg" for number in range(10)), snapshot=1)
    published.publish()  # the one before still had them
    assert len(embeddings.tombstones(published.catalog)) == 10
    for turn in (2, 3):
        add_photos(published, rows(10), f"more{turn}")
        published.publish()
    assert embeddings.tombstones(published.catalog).tolist() == []


# --- damage ---


def damage(path: Path) -> None:
    flip_byte(path, path.stat().st_size // 2)


@pytest.mark.parametrize("start", ["vectors", "ids", "kept", "manifest"])
def test_a_damaged_store_answers_from_its_catalog(
    opened: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, start: str
) -> None:
    if start == "kept":
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    opened.publish()
    (path,) = opened.path.glob(f"{start}-*")
    path.write_bytes(b"") if start == "manifest" else damage(path)
    with Store(opened.path) as again:
        assert_shows(again, (1, rows()))
    damaged = "missing, damaged" if start == "manifest" else f"{path.name} is not as it was written"
    (warning,) = warnings_of(caplog)
    assert damaged in warning


def test_a_damaged_store_still_hides_what_was_deleted(
    published: Store, caplog: pytest.LogCaptureFixture
) -> None:
    remove(published.catalog, "000.jpg", snapshot=1)
    (path,) = published.path.glob("ids-*")
    path.unlink()
    assert_shows(published, (2, rows()[1:]))
    assert "The catalog is used in its place" in warnings_of(caplog)[0]


def test_publishing_mends_a_damaged_store(published: Store) -> None:
    (path,) = published.path.glob("vectors-*")
    damage(path)
    published.publish()
    manifest = manifests.newest(published.path)
    assert manifest is not None
    assert manifest.snapshot == 2
    assert snapshot.are_whole(published.path, manifest)


@pytest.mark.parametrize("name", ["manifest-1.json", "ids-1-image-1.i64"])
def test_publishing_mends_a_missing_file(published: Store, name: str) -> None:
    (published.path / name).unlink()
    published.publish()
    manifest = manifests.newest(published.path)
    assert manifest is not None
    assert snapshot.are_whole(published.path, manifest)
    assert_shows(published, (1, rows()))


# --- the background ---


def test_a_view_has_the_background_of_its_publication(opened: Store) -> None:
    texts = clustered(np.random.default_rng(4), 10, DIM, clusters=2)
    lines = [caption(f"Caption {n}", vector, f"{n:03}.jpg") for n, vector in enumerate(texts)]
    put(opened.catalog, 1, "captions.jsonl", *lines, kind="captions")
    opened.publish()
    found = opened.view().background
    assert {(query, target) for query in found for target in found[query]} == {
        (query, target) for query in ("image", "text") for target in ("image", "text")
    }
    scores = texts @ rows().T
    scores[np.arange(10), np.arange(10)] = -1  # each caption's own picture
    scale = found["text"]["image"]
    assert scale.best >= scores.max(1).mean() - 1e-5  # of ten pictures it is raised
    assert scale.spread == pytest.approx(scores.max(1).std(), abs=1e-5)
    unrelated = scores[scores > -1]
    assert scale.mean == pytest.approx(unrelated.mean(), abs=1e-5)
    assert scale.deviation == pytest.approx(unrelated.std(), abs=1e-5)


def test_what_a_publication_doesnt_know_is_taken_of_few(
    opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change until the next publication would else take seconds, for which all searches wait.

    What it knows stays as it is.
    """
    with opened.catalog.writing() as writer:
        writer.put_bank(1, rows(40, seed=5))
    opened.publish()
    before = opened.view()
    (vector,) = unit_vectors(np.random.default_rng(6), 1, DIM)
    text = caption("The first caption", vector, "000.jpg")
    put(opened.catalog, 1, "captions.jsonl", text, kind="captions")
    few, all_ = (view_with(opened, count, monkeypatch) for count in (10, COUNT))
    assert few.background["bank"]["image"] == before.background["bank"]["image"]
    assert few.basis == before.basis
    assert few.background["bank"].keys() == few.background["text"].keys() == {"image", "text"}
    assert few.background["image"]["text"].mean != all_.background["image"]["text"].mean


def test_what_is_published_is_read_once_to_judge_what_came_since(
    opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open store has what a fresh one has, whatever comes and goes."""
    with opened.catalog.writing() as writer:
        writer.put_bank(1, rows(40, seed=5))
    opened.publish()
    opened.view()
    read: list[Modality] = []
    judging = publication.judging

    def noted(catalog: Catalog, space: int, modality: Modality, *more: Any) -> Any:
        read.append(modality)
        return judging(catalog, space, modality, *more)

    monkeypatch.setattr(publication, "judging", noted)
    for number, vector in enumerate(unit_vectors(np.random.default_rng(6), 3, DIM)):
        put(opened.catalog, 1, f"new {number}.jpg", photo(vector))
        text = caption(f"Caption {number}", vector, f"new {number}.jpg")
        put(opened.catalog, 1, f"{number}.jsonl", text, kind="captions")
        found = opened.view().background
        assert read == ([Modality.IMAGE, Modality.TEXT] if number == 0 else [Modality.TEXT])
        with Store(opened.path) as fresh:
            assert fresh.view().background == found
        read.clear()
    remove(opened.catalog, "005.jpg", snapshot=opened.snapshot())
    found = opened.view().background
    assert read == [Modality.IMAGE, Modality.TEXT]
    with Store(opened.path) as fresh:
        assert fresh.view().background == found
    opened.publish()
    read.clear()
    opened.view()
    assert read == []


def view_with(opened: Store, count: int, monkeypatch: pytest.MonkeyPatch) -> View:
    """The view of a process that takes so many vectors to know what chance does."""
    monkeypatch.setattr(publication, "BETWEEN", count)
    with Store(opened.path) as own:
        return own.view()


# --- segments ---


def test_changes_are_published_as_segments(
    published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes and goes, an open store and a fresh one show what the catalog has."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    published.disown_files()
    published.publish()
    oracle, random, last = Oracle(), np.random.default_rng(3), COUNT
    filled(oracle, range(1, COUNT + 1), rows())
    names = {number: f"{number - 1:03}.jpg" for number in oracle.vectors}
    shapes = list[list[int]]()
    for step in range(14):
        new = rows(int(random.integers(4, 18)), seed=100 + step)
        add_photos(published, new, f"{step}-")
        own = range(last + 1, last + 1 + len(new))
        last = own[-1]
        filled(oracle, own, new)
        names |= {number: f"{step}-{place:03}.jpg" for place, number in enumerate(own)}
        gone = random.permutation(list(oracle.vectors))[: int(random.integers(0, 4))].tolist()
        remove(published.catalog, *(names[one] for one in gone), snapshot=published.snapshot())
        oracle.sync((np.empty(0, np.int64), np.empty((0, DIM), np.float32)), np.array(gone, int))
        if step % 2:
            published.publish()
        with Store(published.path) as another:
            for one in (published, another):
                index = one.view().indexes[Modality.IMAGE]
                assert len(index) == len(oracle.vectors)
                assert_exact(index, oracle, rows(3, seed=9), 60)
        found = published.published(1)
        assert found is not None
        shapes.append([one.rows for one in found.indexes])
    assert max(map(len, shapes)) > 1
    assert all(2 * later < one for own in shapes for one, later in pairwise(own))
    assert {tuple(own[:1]) for own in shapes} != {tuple(shapes[0][:1])}  # the first, too


def test_the_dead_are_hidden_until_their_segment_is_written_anew(
    published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    published.disown_files()
    published.publish()
    remove(published.catalog, *(f"{one:03}.jpg" for one in range(6)), snapshot=published.snapshot())
    for _ in range(3):  # nothing forgets them while they are in a file
        add_photos(published, rows(7), f"{published.snapshot()}-")
        published.publish()
        assert embeddings.tombstone_count(published.catalog) == 6
        with Store(published.path) as another:
            assert min(shown_ids(another, rows()[0])) == 7
    remove(
        published.catalog, *(f"{one:03}.jpg" for one in range(6, 40)), snapshot=published.snapshot()
    )
    for _ in range(3):  # the manifest before may still need them
        add_photos(published, rows(20), f"{published.snapshot()}-")
        published.publish()
    assert embeddings.tombstone_count(published.catalog) == 0


@pytest.mark.parametrize("start", ["vectors", "ids", "kept"])
@pytest.mark.parametrize("segment", [1, 2])
def test_a_damaged_segment_is_noticed_and_mended(
    published: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    start: str,
    segment: int,
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    published.disown_files()
    published.publish()
    add_photos(published, rows(12, seed=1), "new")
    published.publish()
    flip_byte(sorted(published.path.glob(f"{start}-*"))[segment - 1])
    with Store(published.path) as another:
        assert_shows(another, (1, rows()), (COUNT + 1, rows(12, seed=1)))
        (warning,) = warnings_of(caplog)
        assert "doctor --repair" in warning
        add_photos(another, rows(8, seed=2), "more")
        another.publish()
    caplog.clear()
    with Store(published.path) as another:
        more = (COUNT + 1, rows(12, seed=1)), (COUNT + 13, rows(8, seed=2))
        assert_shows(another, (1, rows()), *more)
    assert not warnings_of(caplog)


@pytest.mark.parametrize(("start", "segments"), [("vectors", [COUNT, 12]), ("kept", [COUNT + 12])])
def test_damage_in_a_large_file_stops_no_publication(
    published: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    start: str,
    segments: list[int],
) -> None:
    """It is looked at by its length alone. What is measured of vectors is of the catalog then, and
    codes are made anew.
    """
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    monkeypatch.setattr(snapshot, "_AT_ONCE", 0)
    published.disown_files()
    published.publish()
    flip_byte(next(iter(published.path.glob(f"{start}-*"))))
    add_photos(published, rows(12, seed=1), "new")
    published.publish()
    found = published.published(1)
    assert found is not None and [one.rows for one in found.indexes] == segments
    with Store(published.path) as another:
        assert_shows(another, (1, rows()), (COUNT + 1, rows(12, seed=1)))
    assert all("is not as it was written" in one for one in warnings_of(caplog))


def test_a_publication_that_was_cut_off_changes_nothing(
    published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was: what was there serves, and the next one begins anew."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 50)
    published.disown_files()
    published.publish()
    before = published.published(1)
    add_photos(published, rows(12, seed=1), "new")
    remove(published.catalog, "000.jpg", snapshot=published.snapshot())
    kept = ((2, rows()[1:]), (COUNT + 1, rows(12, seed=1)))
    replace_file = derived_files.replacing

    for start in ("vectors", "ids", "rows", "kept", "assets", "manifest"):

        def cut(path: Path, start: str = start) -> object:
            if path.name.startswith(start):
                raise KeyboardInterrupt
            return replace_file(path)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(derived_files, "replacing", cut)
            published.publish()
        with Store(published.path) as another:
            assert another.published(1) == before
            assert_shows(another, *kept)
    published.publish()
    found = published.published(1)
    assert found is not None and [one.rows for one in found.indexes] == [COUNT, 12]
    names = {path.name for path in published.path.iterdir() if path.suffix in (".f16", ".i64")}
    assert len(names) == 4  # what was written in vain is gone
    assert_shows(published, *kept)
