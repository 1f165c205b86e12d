"""What is written into the catalog, and what can be read from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from cmsearch.common.digest import content_digest
from cmsearch.errors import StoreError
from cmsearch.store.catalog import embeddings, files, fulltext, items, pairs, samples
from cmsearch.store.catalog.blobs import pack_tokens
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.fulltext import Scope
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.catalog.sqlite import VERSION
from cmsearch.types import Capture, Encoding, Filter, FloatArray, Modality, Part
from tests import builders
from tests.builders import asset, caption, page, photo, put, remove, serve, space

DIM = 4
AXES = np.eye(DIM, dtype=np.float32)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = builders.opened(tmp_path / "catalog.db")
    yield catalog
    catalog.close()


def photos(catalog: Catalog, number: int) -> tuple[list[int], FloatArray]:
    found, vectors = items.embeddings(catalog, number, Modality.IMAGE, DIM)
    return found.tolist(), vectors


def texts(catalog: Catalog, number: int) -> list[str | None]:
    """The texts of all embedded texts, in the order of their embeddings."""
    found = items.embeddings(catalog, number, Modality.TEXT, DIM)[0].tolist()
    known = items.of_embeddings(catalog, found)
    return [known[one].text for one in found]


def test_a_new_catalog_is_empty(catalog: Catalog) -> None:
    assert catalog.space() is None
    assert (files.assets(catalog), files.counts(catalog), pairs.captions(catalog)) == ({}, {}, [])
    assert embeddings.last_embedding(catalog) == 0
    assert embeddings.tombstones(catalog).tolist() == []
    assert catalog.root() is None


def test_a_setting_is_the_last_one_that_was_set(catalog: Catalog) -> None:
    for value in ("/a", "/b"):
        with catalog.writing() as writer:
            writer.put_root(value)
    assert catalog.root() == "/b"


def test_the_generation_that_was_switched_to_last_is_served(catalog: Catalog) -> None:
    assert catalog.space() is None
    first, second = serve(catalog, DIM), serve(catalog, DIM + 1)
    assert first != second
    assert catalog.space() == (second, space(DIM + 1))
    assert serve(catalog, DIM) == first
    assert catalog.space() == (first, space(DIM))
    assert [one.served for one in catalog.generations()] == [3, 2]


def test_a_space_that_never_served_is_not_served(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        number = writer.put_space(space(DIM), "numpy")
        assert writer.put_space(space(DIM), "numpy") == number
    assert catalog.space() is None
    (made,) = catalog.generations()
    assert (made.served, made.space, made.runtime) == (None, space(DIM), "numpy")


def test_an_item_is_one_in_two_spaces(catalog: Catalog) -> None:
    first = serve(catalog, DIM)
    put(catalog, first, "a.jpg", photo(AXES[0], "same"), photo(AXES[1], "other"))
    second = serve(catalog, DIM + 1)
    assert files.lacking(catalog, first) == set()
    assert files.lacking(catalog, second) == {"a.jpg"}
    put(catalog, second, "a.jpg", photo(np.ones(DIM + 1), "same"))
    assert files.lacking(catalog, second) == {"a.jpg"}
    assert files.item_digests(catalog, "a.jpg", second) == {"same"}
    put(catalog, second, "a.jpg", photo(np.ones(DIM + 1), "other"))
    assert files.lacking(catalog, second) == set()
    assert files.counts(catalog) == {"photo": 2}
    assert files.sizes(catalog, second) == {Modality.IMAGE: (2, 2 * 2 * (DIM + 1))}


def test_deleting_a_generation_leaves_the_other_whole(catalog: Catalog) -> None:
    first = serve(catalog, DIM)
    put(catalog, first, "a.jpg", photo(AXES[0], "same"))
    second = serve(catalog, DIM + 1)
    put(catalog, second, "a.jpg", photo(np.ones(DIM + 1), "same"))
    old = catalog.generations()[0]
    with catalog.writing() as writer:
        writer.delete_generation(old.id, old.space_id)
    assert files.sizes(catalog, first) == {}
    assert files.sizes(catalog, second)[Modality.IMAGE][0] == 1
    assert [one.space for one in catalog.generations()] == [space(DIM + 1)]
    assert files.counts(catalog) == {"photo": 1}


def test_an_asset_is_brought_up_to_date_at_its_path(catalog: Catalog) -> None:
    old, new = asset("a.jpg", size=1), asset("a.jpg", size=2, mtime_ns=None, error="damaged")
    with catalog.writing() as writer:
        assert writer.put_asset(old) == writer.put_asset(new)
    assert files.assets(catalog) == {"a.jpg": new}


def test_nothing_is_read_for_no_ids(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    assert items.contents(catalog, [], DIM) == items.vectors(catalog, [], DIM) == {}
    assert items.firsts(catalog, number, [], DIM) == items.of_embeddings(catalog, []) == {}
    assert items.photos_of(catalog, number, []) == items.hashes(catalog, []) == {}
    assert items.item_pictures(catalog, number, [], DIM) == {}
    assert items.captions_of(catalog, number, [], DIM)[0] == []
    assert items.pages_of(catalog, number, []) == []
    assert items.about_same(catalog, []) == set()


def test_a_sample_is_the_same_whether_ids_or_rows_are_looked_at(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = serve(catalog, DIM)
    for place in range(60):
        put(catalog, number, f"{place}.jpg", photo(AXES[place % DIM], str(place)))
    remove(catalog, *(f"{place}.jpg" for place in range(5, 50)))
    put(catalog, number, "a.pdf", page(AXES[1], 1), kind="pdf")

    def drawn() -> list[list[int]]:
        found = (
            samples.sample(catalog, number, Modality.IMAGE, DIM, count, last)[0].tolist()
            for count, last in ((3, 60), (3, 40), (100, 70), (2, 70))
        )
        return [*found, samples.photos(catalog, number, DIM, 100)[0].tolist()]

    by_ids = drawn()
    assert [len(one) for one in by_ids] == [3, 3, 16, 2, 15]
    monkeypatch.setattr(samples, "_MOST_IDS", 0)
    assert drawn() == by_ids


def test_pages_of_documents_are_no_photos(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    put(catalog, number, "a.pdf", page(AXES[1], 1), page(AXES[2], 2), kind="pdf")
    ids, vectors = photos(catalog, number)
    assert vectors.tolist() == AXES[:3].tolist()
    assert embeddings.photo_count(catalog, number) == 1
    assert samples.photos(catalog, number, DIM, 10)[0].tolist() == ids[:1]
    assert samples.sample(catalog, number, Modality.IMAGE, DIM, 10)[0].tolist() == ids
    assert [row.path for row in pairs.pictures(catalog, number)] == ["a.jpg"]
    assert items.images_at(catalog, number, ["a.jpg", "a.pdf"]) == {"a.jpg": ids[0]}
    assert files.unhashed(catalog) == {"a.jpg"}
    assert (
        items.embedding_ids(catalog, number, Modality.IMAGE, "page", Filter()).tolist() == ids[1:]
    )


def test_the_days_of_a_collection_are_those_of_its_photos(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.pdf", page(AXES[0], 1), kind="pdf")
    assert files.days(catalog) is None
    put(catalog, number, "a.jpg", photo(AXES[1]))
    assert files.days(catalog) == ("2020-02-02", "2020-02-02")


def test_what_is_about_a_page_is_not_about_the_others(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.pdf", page(AXES[0], 1), page(AXES[1], 2), kind="pdf")
    known = items.of_embeddings(catalog, photos(catalog, number)[0])
    first = next(item.id for item in known.values() if item.locator == "p1")
    assert items.about_same(catalog, [first]) == {first}


def test_pages_are_not_found_by_the_name_of_their_file(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "zebra.pdf", page(AXES[0], 1), page(AXES[1], 2), kind="pdf")
    put(catalog, number, "zebra.jpg", photo(AXES[2]))
    found = fulltext.match(catalog, "zebra", 10, Scope(number, Modality.IMAGE))
    known = items.of_embeddings(catalog, photos(catalog, number)[0]).values()
    assert [one.item for one in found] == [item.id for item in known if item.kind == "photo"]


def test_pictures_are_known_by_their_content(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    for path, digest in (("a.jpg", "1"), ("b.jpg", "2"), ("c.jpg", "1")):
        with catalog.writing() as writer:
            place = writer.put_asset(asset(path, digest=digest))
            writer.add_item(place, number, photo(AXES[0]))
    with catalog.writing() as writer:
        text = writer.put_asset(asset("d.txt", digest="1"))
        writer.add_item(text, number, caption("a cat", AXES[1], "a.jpg"))
    found = {item.id: item.path for item in items.of_embeddings(catalog, range(1, 5)).values()}
    assert {found[one] for one in items.with_digest(catalog, "1", Modality.IMAGE)} == {
        "a.jpg",
        "c.jpg",
    }
    assert items.with_digest(catalog, "3", Modality.IMAGE) == set()


def test_items_are_read_once_as_long_as_nothing_changes(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    put(catalog, number, "a.txt", caption("a dog", AXES[1], "a.jpg"), kind="sidecar")
    put(catalog, number, "b.txt", caption("long " * 1000, AXES[1], "a.jpg"), kind="sidecar")
    with catalog.reading():
        found = items.of_embeddings(catalog, [1, 2, 3])
        assert set(catalog.known_items()) == {1, 2}, "long texts aren't kept"
        assert items.of_embeddings(catalog, [1, 2, 3, 99]) == found
        assert items.of_embeddings(catalog, [2])[2] is found[2]
    remove(catalog, "a.txt")
    with catalog.reading():
        assert list(items.of_embeddings(catalog, [1, 2])) == [1]
    assert catalog.known_items() == {}


def test_items_come_back_with_what_they_describe(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    put(catalog, number, "a.txt", caption("A dog.", AXES[1], "a.jpg", "3"), kind="sidecar")
    ((image, text),) = [
        sorted(items.of_embeddings(catalog, [1, 2, 99]).values(), key=lambda item: item.id)
    ]
    assert (image.path, image.modality, image.kind, image.text, image.about) == (
        "a.jpg", Modality.IMAGE, "photo", None, None,
    )  # fmt: skip
    assert (text.path, text.modality, text.kind, text.text, text.about, text.locator) == (
        "a.txt", Modality.TEXT, "caption", "A dog.", "a.jpg", "3",
    )  # fmt: skip
    assert files.counts(catalog) == {"photo": 1, "caption": 1}
    assert pairs.captions(catalog) == [("a.jpg", "A dog.")]
    assert files.item_digests(catalog, "a.jpg", number) == {image.digest}
    assert embeddings.modalities(catalog, number) == [Modality.IMAGE, Modality.TEXT]


def test_vectors_come_back_in_the_order_of_their_ids(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[[2, 0]]))
    put(catalog, number, "b.jpg", photo(AXES[1]))
    found, vectors = photos(catalog, number)
    assert found == [1, 2, 3]
    np.testing.assert_array_equal(vectors, AXES[[2, 0, 1]])
    later, vectors = items.embeddings(catalog, number, Modality.IMAGE, DIM, after=1)
    assert later.tolist() == [2, 3]
    np.testing.assert_array_equal(vectors, AXES[[0, 1]])
    assert items.embeddings(catalog, number, Modality.TEXT, DIM)[1].shape == (0, DIM)


def test_embeddings_are_known_by_the_kind_of_their_item(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    put(catalog, number, "a.txt", caption("A dog.", AXES[:2], "a.jpg"))
    assert items.embedding_ids(catalog, number, Modality.TEXT, "caption", Filter()).tolist() == [
        2,
        3,
    ]
    assert items.embedding_ids(catalog, number, Modality.TEXT, "passage", Filter()).tolist() == []


def test_subjects_are_what_is_described_or_the_asset_itself(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    image = put(catalog, number, "a.jpg", photo(AXES[0]))
    part = Part(Modality.TEXT, "passage", "Of nothing.")
    passage = NewItem(part, None, "passage", Encoding(AXES[:1]))
    file = put(catalog, number, "b.txt", caption("A dog.", AXES[1], "a.jpg"), passage)
    subjects = pairs.subjects(catalog, np.array([3, 2, 9]))
    assert subjects.tolist() == [file, image, 0]


def test_many_embeddings_are_looked_up_at_once(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    count = 1200  # more than the variables of one statement
    put(catalog, number, "a.jpg", photo(np.tile(AXES[0], (count, 1))))
    assert len(items.of_embeddings(catalog, range(1, count + 1))) == count
    remove(catalog, "a.jpg")
    assert len(embeddings.tombstones(catalog)) == count


def test_what_fails_leaves_nothing(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    with pytest.raises(RuntimeError, match="half way"), catalog.writing() as writer:
        writer.add_item(writer.put_asset(asset("a.jpg")), number, photo(AXES[0]))
        writer.put_root("/")
        raise RuntimeError("half way")
    assert files.assets(catalog) == {}
    assert photos(catalog, number)[0] == []
    assert catalog.root() is None


def test_a_batch_is_seen_whole_or_not_at_all(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    with catalog.writing() as writer:
        writer.add_item(writer.put_asset(asset("a.jpg")), number, photo(AXES[0]))
        assert files.assets(catalog) == {}
    assert list(files.assets(catalog)) == ["a.jpg"]


def test_ids_are_never_used_again(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[:2]))
    remove(catalog, "a.jpg")
    assert embeddings.last_embedding(catalog) == 2
    put(catalog, number, "b.jpg", photo(AXES[0]))
    assert photos(catalog, number)[0] == [3]


def test_ids_are_never_used_again_after_opening_anew(tmp_path: Path) -> None:
    first = Catalog(tmp_path / "catalog.db")
    number = serve(first, DIM)
    put(first, number, "a.jpg", photo(AXES[0]))
    remove(first, "a.jpg")
    first.close()
    second = Catalog(tmp_path / "catalog.db")
    put(second, number, "b.jpg", photo(AXES[0]))
    assert photos(second, number)[0] == [2]
    second.close()


def test_removing_an_asset_takes_the_captions_that_describe_it(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    for path in ("a.jpg", "b.jpg"):
        put(catalog, number, path, photo(AXES[0]))
    lines = [caption(f"of {path}", AXES[1], path) for path in ("a.jpg", "b.jpg")]
    put(catalog, number, "captions.jsonl", *lines, kind="captions")
    remove(catalog, "a.jpg", snapshot=5)
    assert texts(catalog, number) == ["of b.jpg"]
    assert photos(catalog, number)[0] == [2]
    assert embeddings.tombstones(catalog).tolist() == [1, 3]
    assets = files.assets(catalog)
    assert {path: one.mtime_ns for path, one in assets.items()} == {
        "b.jpg": 2,
        "captions.jsonl": None,
    }


def test_removing_a_path_that_is_not_there_removes_nothing(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    remove(catalog, "b.jpg")
    assert photos(catalog, number)[0] == [1]
    assert files.assets(catalog) == {"a.jpg": asset("a.jpg")}


def test_items_that_are_kept_move_to_their_new_places(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    kept, gone = caption("kept", AXES[1], "a.jpg", "1"), caption("gone", AXES[2], "a.jpg", "2")
    file = put(catalog, number, "a.txt", kept, gone, kind="sidecar")
    with catalog.writing() as writer:
        writer.keep_items(file, {kept.digest: "7"}, 0)
    (item,) = items.of_embeddings(catalog, [2, 3]).values()
    assert (item.text, item.locator) == ("kept", "7")
    assert embeddings.tombstones(catalog).tolist() == [3]
    assert files.item_digests(catalog, "a.txt", number) == {kept.digest}


def test_keeping_items_of_one_asset_leaves_the_others(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    first = put(catalog, number, "a.jpg", photo(AXES[0], "1"))
    put(catalog, number, "b.jpg", photo(AXES[1], "2"))
    with catalog.writing() as writer:
        writer.keep_items(first, {}, 0)
    assert photos(catalog, number)[0] == [2]


def test_tombstones_are_told_by_the_age_of_their_snapshot_and_forgotten(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    for snapshot, path in enumerate(("a.jpg", "b.jpg", "c.jpg"), 1):
        put(catalog, number, path, photo(AXES[0]))
        remove(catalog, path, snapshot=snapshot)
    assert embeddings.tombstones(catalog, before=3).tolist() == [1, 2]
    assert embeddings.tombstones(catalog, since=2).tolist() == [2, 3]
    with catalog.writing() as writer:
        writer.forget_tombstones([1, 2])
    assert embeddings.tombstones(catalog).tolist() == [3]


def test_tokens_and_features_are_kept(catalog: Catalog, tmp_path: Path) -> None:
    number = serve(catalog, DIM)
    tokens, weights = AXES[None, :2], np.array([[1, 0]], np.float32)
    encoding = Encoding(AXES[:1], tokens, weights, features=np.array([[0.5, 2]], np.float32))
    put(catalog, number, "a.jpg", NewItem(Part(Modality.IMAGE, "photo", None), None, "1", encoding))
    with sqlite3.connect(tmp_path / "catalog.db") as database:
        row = database.execute("SELECT vector, tokens, features FROM embeddings").fetchone()
    assert row == (
        np.array([1, 0, 0, 0], "<f2").tobytes(),
        pack_tokens(tokens[0], weights[0]),
        np.array([0.5, 2], "<f2").tobytes(),
    )


def test_the_version_changes_with_each_commit(catalog: Catalog) -> None:
    seen = [catalog.version()]
    assert catalog.version() == seen[0]
    for path in ("a.jpg", "b.jpg"):
        with catalog.writing() as writer:
            writer.put_asset(asset(path))
        seen.append(catalog.version())
    assert len(set(seen)) == 3


def test_the_version_changes_when_another_process_commits(catalog: Catalog) -> None:
    before = catalog.version()
    other = Catalog(catalog.path)
    serve(other, DIM)
    assert catalog.version() != before
    other.close()


def test_threads_read_while_one_writes(catalog: Catalog) -> None:
    number = serve(catalog, DIM)

    def read(_: int) -> int:
        return len(photos(catalog, number)[0])

    with ThreadPoolExecutor(8) as pool:
        counts = pool.map(read, range(40))
        for path in range(20):
            put(catalog, number, f"{path}.jpg", photo(AXES[0]))
        assert all(0 <= count <= 20 for count in counts)
    assert read(0) == 20


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog(path).close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(StoreError, match=f"newer cmsearch \\(format {VERSION + 1}.*Upgrade"):
        Catalog(path)


def test_a_database_of_another_program_is_not_written_into(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "catalog.db")
    with database:
        database.execute("CREATE TABLE theirs (value)")
    with pytest.raises(StoreError, match="another program"):
        Catalog(tmp_path / "catalog.db")
    assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    database.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_catalog(tmp_path: Path, read_only: bool) -> None:
    (tmp_path / "catalog.db").write_bytes(b"no database\n" * 100)
    with pytest.raises(StoreError, match="can't be used"):
        Catalog(tmp_path / "catalog.db", read_only=read_only)


def test_a_read_only_catalog_can_be_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    first = Catalog(path)
    number = serve(first, DIM)
    put(first, number, "a.jpg", photo(AXES[0]))
    first.close()
    catalog = Catalog(path, read_only=True)
    assert photos(catalog, number)[0] == [1]
    with pytest.raises(StoreError, match="can't be written"), catalog.writing():
        pass
    catalog.close()


# Signs that mean something in a URI, and letters that must be escaped in one.
@pytest.mark.parametrize("name", ["a b", "C#", "50%", "a%20b", "what?", "a&b=c;d", "été", "a:b@c"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str, read_only: bool) -> None:
    path = tmp_path / name / "catalog.db"
    path.parent.mkdir()
    first = Catalog(path)
    serve(first, DIM)
    first.close()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert [file.name for file in path.parent.iterdir()] == ["catalog.db"]
    second = Catalog(path, read_only=read_only)
    assert second.space() is not None
    second.close()


def test_a_read_only_catalog_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        Catalog(tmp_path / "catalog.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_is_sha_256() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content_digest(b"") == empty  # FIPS 180-4, of the empty message


def test_who_only_reads_sees_what_is_still_in_the_log(tmp_path: Path) -> None:
    """As while a writer is at work, or after it was killed."""
    writing = Catalog(tmp_path / "catalog.db")
    number = serve(writing, DIM)
    put(writing, number, "a.jpg", photo(AXES[0]))
    assert (tmp_path / "catalog.db-wal").stat().st_size > 0
    reading = Catalog(tmp_path / "catalog.db", read_only=True)
    assert set(files.assets(reading)) == {"a.jpg"}
    reading.close()
    writing.close()


def test_moving_what_is_not_there_changes_nothing(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        assert writer.move_asset("a.jpg", asset("b.jpg")) == frozenset()
    assert files.assets(catalog) == {}


def test_a_filter_by_days_begins_with_these(catalog: Catalog) -> None:
    """Of photos and of what is said about them; no more is looked at than was taken then."""
    number = serve(catalog, DIM)
    first, later = datetime(2020, 2, 2), datetime(2021, 3, 3)
    for name, taken in (("a", first), ("b", later), ("c", first)):
        with catalog.writing() as writer:
            place = writer.put_asset(asset(f"{name}.jpg", capture=Capture(taken)))
            writer.add_item(place, number, photo(AXES[0], name))
            text = writer.put_asset(asset(f"{name}.txt", "captions", capture=Capture(later)))
            writer.add_item(text, number, caption(name, AXES[1], f"{name}.jpg"))
    day = Filter(since=first.date(), until=first.date())
    asked = (catalog, number)
    assert items.embedding_ids(*asked, Modality.IMAGE, None, day).tolist() == [1, 5]
    assert items.embedding_ids(*asked, Modality.TEXT, "caption", day).tolist() == [2, 6]
    assert items.embedding_ids(*asked, Modality.TEXT, None, day, ["a.jpg"]).tolist() == []
    found = items.embedding_ids(*asked, Modality.IMAGE, None, day, ["a.jpg", "b.jpg"])
    assert found.tolist() == [1]


def test_files_are_counted_by_kind_without_those_that_could_not_be_read(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    with catalog.writing() as writer:
        writer.put_asset(asset("b.jpg", error="it is no picture"))
        writer.put_asset(asset("c.tsv", "captions", error='[["3", "it names no picture"]]'))
        writer.put_asset(asset("d.dng", "raw", error="it is cut off"))
    assert files.read(catalog) == ({"image": 1, "captions": 1}, 2)


def test_kinds_that_the_first_rows_have_not_are_counted_too(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0]))
    put(catalog, number, "b.tsv", caption("one", AXES[1], "a.jpg"), kind="captions")
    every = {"photo": 1, "caption": 1}
    assert files.counts(catalog) == every
    monkeypatch.setattr(files, "_FIRST", 1)
    assert files.counts(catalog) == every
    assert files.vectors(catalog, number) == {Modality.IMAGE: 1, Modality.TEXT: 1}


def test_days_are_those_of_photos(catalog: Catalog) -> None:
    assert files.days(catalog) is None
    number = serve(catalog, DIM)
    for path, day, item in (
        ("a.jpg", 3, photo(AXES[0], "a")),
        ("b.jpg", 2, photo(AXES[1], "b")),
        ("c.pdf", 1, page(AXES[2], 1)),
    ):
        with catalog.writing() as writer:
            own = writer.put_asset(asset(path, capture=Capture(datetime(2020, 5, day))))
            writer.add_item(own, number, item)
    assert files.days(catalog) == ("2020-05-02", "2020-05-03")


def test_captions_of_some_pictures_are_read_alone(catalog: Catalog) -> None:
    number = serve(catalog, DIM)
    for name in ("a", "b"):
        put(catalog, number, f"{name}.jpg", photo(AXES[0], name))
        texts_of = [caption(f"{name} {one}", AXES[1], f"{name}.jpg", str(one)) for one in (2, 1)]
        put(catalog, number, f"{name}.txt", *texts_of, kind="sidecar")
    assert pairs.captions_at(catalog, ["b.jpg", "c.jpg"]) == {"b.jpg": ["b 2", "b 1"]}
