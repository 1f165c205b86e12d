"""A store whose vectors lie on a server finds what it finds without, and never loses anything."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.store import contacts, publication
from cmsearch.store.catalog import items
from cmsearch.store.copying import copy
from cmsearch.store.index import patient, served, servers
from cmsearch.store.index.address import parsed
from cmsearch.store.index.served import ServedIndex
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality
from tests import vector_servers as fake
from tests.builders import caption, photo, put, remove, serve, space
from tests.oracle import unit_vectors

DIM = 8
ADDRESS = "fake://db/photos"
ROWS = unit_vectors(np.random.default_rng(0), 80, DIM)
QUERIES = unit_vectors(np.random.default_rng(1), 5, DIM)
IMAGES, TEXTS = "photos_1_image", "photos_1_text"


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(servers.servers._rows, "fake", "tests.vector_servers:FakeServer")  # type: ignore[index]
    monkeypatch.setenv(patient.VARIABLE, "0.2")
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    monkeypatch.delenv(contacts.VARIABLE, raising=False)
    monkeypatch.setattr(publication, "_FEW", 0)
    yield
    fake.collections.clear()
    fake.asked.clear()
    fake.sent.clear()
    fake.unsettled.clear()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a" / DIRECTORY, tmp_path / "a") as opened:
        serve(opened.catalog, DIM)
        publication.choose_index(opened.catalog, ADDRESS)
        fill(opened, 0, 30)
        yield opened


def fill(store: Store, start: int, end: int) -> None:
    for number in range(start, end):
        path = f"{number}.jpg"
        put(store.catalog, 1, path, photo(ROWS[number], path))
        if number % 3 == 0:
            text = caption(path, ROWS[number], path)
            put(store.catalog, 1, f"{path}.txt", text, kind="sidecar")


def agrees(store: Store, *, is_served: bool = True) -> None:
    """What the store finds, and what comparing all vectors of the catalog does; opened anew."""
    with Store(store.path) as opened:
        view = opened.view()
        for modality in (Modality.IMAGE, Modality.TEXT):
            index = view.indexes[modality]
            assert isinstance(index, ServedIndex) == is_served
            ids, rows = items.embeddings(opened.catalog, 1, modality, DIM, 0)
            assert len(index) == len(ids)
            for allow in (None, ids[::2], ids[5:9]):
                passing = np.ones(len(ids), bool) if allow is None else np.isin(ids, allow)
                scores = np.where(passing, QUERIES @ rows.T, -np.inf)
                best = ids[np.argsort(-scores, axis=1, kind="stable")[:, : min(4, passing.sum())]]
                np.testing.assert_array_equal(index.search(QUERIES, 4, allow=allow)[1], best)


def held(name: str = IMAGES) -> int:
    return len(fake.collections[name][0])


def test_what_is_published_is_sent_once(store: Store) -> None:
    store.publish()
    assert (held(), held(TEXTS)) == (30, 10)
    agrees(store)
    fake.asked.clear()
    store.publish()
    assert {what for what, _ in fake.asked} - {"connect", "count"} == {"mark"}
    fill(store, 30, 40)
    agrees(store)
    assert held() == 30  # what is new waits for a publication, and is found before
    fake.asked.clear()
    store.publish()
    assert (held(), held(TEXTS)) == (40, 14)
    assert "begin" not in {what for what, _ in fake.asked}
    agrees(store)


def test_what_is_deleted_is_hidden_at_once_and_deleted_there_by_the_next_publication(
    store: Store,
) -> None:
    store.publish()
    remove(store.catalog, *(f"{number}.jpg" for number in range(6)), snapshot=store.snapshot())
    agrees(store)
    assert held() == 30
    store.publish()
    assert held() == 24
    agrees(store)


def test_an_open_view_stays_one_moment(store: Store) -> None:
    store.publish()
    index = store.view().indexes[Modality.IMAGE]
    before = index.search(QUERIES, 4)[1]
    for _, number in enumerate((30, 50)):
        fill(store, number, number + 20)
        store.publish()
    assert held() == 70
    np.testing.assert_array_equal(index.search(QUERIES, 4)[1], before)


def test_a_server_that_is_away_while_it_is_written_is_brought_up_to_date_later(
    store: Store,
) -> None:
    store.publish()
    for number in (30, 40, 50):  # more publications than tombstones are kept for
        fill(store, number, number + 10)
        remove(store.catalog, f"{number}.jpg", f"{number - 30}.jpg", snapshot=store.snapshot())
        with fake.away(), pytest.raises(StoreError, match="Nothing is lost"):
            store.publish()
    assert held() == 30
    agrees(store)  # what the collection lacks is beside the catalog
    store.publish()
    assert held() == 54
    agrees(store)


@pytest.mark.parametrize("answers", range(0, 14, 2))
def test_a_server_that_stops_between_any_two_writes(store: Store, answers: int) -> None:
    with fake.away(answers):
        try:
            store.publish()
        except StoreError as error:
            assert "again" in str(error)
    agrees_somehow(store)
    store.publish()
    assert (held(), held(TEXTS)) == (30, 10)
    agrees(store)


def test_what_a_server_has_of_a_sending_that_ended_early_is_not_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "_AT_ONCE", 4)
    begun = []
    for start, end in ((0, 0), (30, 60)):
        fill(store, start, end)
        for answers in (8, 10, 11):
            with fake.away(answers), pytest.raises(StoreError, match="Nothing is lost"):
                store.publish()
            begun.append(held())
            agrees_somehow(store)
        if end:  # what was sent and is deleted before there is a mark of it
            remove(store.catalog, "31.jpg", "33.jpg", snapshot=store.snapshot())
        store.publish()
        agrees(store)
    assert len(set(begun)) > 4
    assert (held(), held(TEXTS)) == (58, 19)
    assert len(fake.sent) == len(set(fake.sent))


def agrees_somehow(store: Store) -> None:
    with Store(store.path) as opened:
        index = opened.view().indexes[Modality.IMAGE]
        assert index.search(ROWS[3:4], 1)[1].tolist() == [[5]]


def test_what_is_not_laid_out_yet_is_waited_for_and_compared_here(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(patient, "_WORD", 0.0)
    fake.unsettled[:] = [30, 30, 10]
    store.publish()
    assert "Waiting until fake://db has laid out 30 vectors" in caplog.text
    assert [what for what, name in fake.asked if name == IMAGES].count("settle") == 4
    agrees(store)
    fill(store, 30, 40)
    monkeypatch.setattr(patient, "_STANDSTILL", 0.3)
    fake.unsettled[:] = [10, 9] + 99 * [8]
    with pytest.raises(StoreError, match=r"fake://db hasn't laid out 8 vectors.*Nothing is lost"):
        store.publish()
    assert held() == 40
    marks = fake.collections[IMAGES][1]
    assert json.loads(marks[-1])["rows"] == 30
    agrees(store)
    fake.unsettled.clear()
    store.publish()
    assert json.loads(marks[-1])["rows"] == 40
    agrees(store)


def test_searching_without_the_server_is_a_clear_error_and_goes_on_with_it(store: Store) -> None:
    store.publish()
    with Store(store.path) as opened:
        with fake.away(), pytest.raises(StoreError, match="fake://db didn't answer"):
            opened.view()
        index = opened.view().indexes[Modality.IMAGE]
        with fake.away(), pytest.raises(StoreError, match="fake://db didn't answer"):
            index.search(QUERIES, 4)
        assert index.search(QUERIES, 4)[1].shape == (5, 4)


def test_no_server_is_contacted_that_only_a_store_names(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store.publish()
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "somebody else"))
    fake.asked.clear()
    with caplog.at_level(logging.WARNING):
        agrees(store, is_served=False)
        fill(store, 30, 40)
        store.publish()
        agrees(store, is_served=False)
    assert not fake.asked
    assert "isn't contacted, since you didn't name it" in caplog.text
    assert contacts.VARIABLE in caplog.text
    monkeypatch.setenv(contacts.VARIABLE, "fake://db")
    store.publish()
    agrees(store)


@pytest.mark.parametrize("name", ["fake://user:pw@db/a", "milvus://", "ftp://db/a", "fake:\0"])
def test_a_crafted_address_is_told_and_another_can_be_chosen(store: Store, name: str) -> None:
    store.publish()
    with store.catalog.writing() as writer:
        writer.put_index(name)
    with Store(store.path) as opened:
        with pytest.raises(StoreError, match="--vectors faiss"):
            opened.view()
        publication.choose_index(opened.catalog, "exact")
        opened.publish()
    agrees(store, is_served=False)


def test_a_collection_of_another_store_is_refused_and_left(store: Store, tmp_path: Path) -> None:
    store.publish()
    with Store(tmp_path / "b" / DIRECTORY, tmp_path / "b") as other:
        serve(other.catalog, DIM)
        publication.choose_index(other.catalog, ADDRESS)
        fill(other, 0, 5)
        with pytest.raises(StoreError, match="vectors of another index"):
            other.publish()
        with pytest.raises(StoreError, match="vectors of another index"):
            other.view()
    agrees(store)
    assert held() == 30


@pytest.mark.parametrize(
    "mark", ["", "{}", "[" * 5_000, '{"store": 1}', json.dumps(dict.fromkeys("abc", 1)), "\0"]
)
def test_a_mark_that_is_none_is_somebody_elses(store: Store, mark: str) -> None:
    store.publish()
    fake.collections[IMAGES][1].append(mark)
    with Store(store.path) as opened, pytest.raises(StoreError, match="another program"):
        opened.view()


@pytest.mark.parametrize(
    "change", [{"token": "old"}, {"space": "other"}], ids=["an older catalog's", "another space's"]
)
def test_a_stale_collection_is_not_used_and_made_anew(
    store: Store, change: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    store.publish()
    rows, marks = fake.collections[IMAGES]
    marks.append(json.dumps({**json.loads(marks[-1]), **change}))
    rows[3] = -rows[3]
    with Store(store.path) as opened:
        assert not isinstance(opened.view().indexes[Modality.IMAGE], ServedIndex)
    assert "all of this catalog's" in caplog.text
    store.publish()
    agrees(store)


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "ended early"])
def test_an_older_catalog_with_the_same_numbers_makes_the_collection_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_whole: bool
) -> None:
    store.publish()
    saved = tmp_path / "saved"
    store.catalog.copy(saved, lambda done, total: None)
    fill(store, 30, 50)
    if is_whole:
        store.publish()
        fill(store, 50, 60)
        store.publish()
    else:
        monkeypatch.setattr(served, "_AT_ONCE", 4)
        with fake.away(10), pytest.raises(StoreError, match="Nothing is lost"):
            store.publish()
        assert 30 < held() < 50
    store.close()
    saved.replace(store.path / "catalog.db")
    for end in ("-wal", "-shm"):
        (store.path / f"catalog.db{end}").unlink(missing_ok=True)
    with Store(store.path) as restored:
        for number in range(79, 40, -1):  # other vectors under the numbers that were used
            put(restored.catalog, 1, f"{number}.jpg", photo(ROWS[number], f"{number}"))
        restored.publish()
        agrees(restored)


def test_another_model_has_collections_of_its_own_and_the_former_ones_go(store: Store) -> None:
    store.publish()
    number = serve(store.catalog, DIM, replace(space(DIM), model="another"))
    for one in range(10):
        put(store.catalog, number, f"b{one}.jpg", photo(ROWS[one], f"b{one}"))
    store.publish()
    assert set(fake.collections) == {f"photos_{number}_image"}


def test_a_copy_is_searched_without_the_original_s_server(store: Store, tmp_path: Path) -> None:
    store.publish()
    fake.asked.clear()
    copy(store, tmp_path / "copy")
    with Store(tmp_path / "copy") as copied:
        assert publication.index_name(copied.catalog) == "faiss"
        assert not isinstance(copied.view().indexes[Modality.IMAGE], ServedIndex)
    assert not fake.asked
    agrees(store)


def test_choosing_another_index_and_back_makes_the_collection_anew(store: Store) -> None:
    store.publish()
    publication.choose_index(store.catalog, "faiss")
    fill(store, 30, 35)
    store.publish()
    agrees(store, is_served=False)
    publication.choose_index(store.catalog, ADDRESS)
    store.publish()
    assert held() == 35
    agrees(store)


def test_a_server_that_does_not_answer_is_not_chosen(tmp_path: Path) -> None:
    with Store(tmp_path / "b" / DIRECTORY, tmp_path / "b") as other:
        with fake.away(), pytest.raises(StoreError, match="fake://nowhere didn't answer"):
            publication.choose_index(other.catalog, "fake://nowhere/photos")
        assert publication.index_name(other.catalog) == "faiss"
    assert not contacts.may_contact(parsed("fake://nowhere/photos"))


def test_rows_that_a_server_lost_or_has_not_loaded_are_compared_here(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.publish()
    del fake.collections[IMAGES][0][5]
    agrees_somehow(store)
    assert "aren't, or not yet, all of this catalog's" in caplog.text
    store.publish()
    assert held() == 30
    agrees(store)
