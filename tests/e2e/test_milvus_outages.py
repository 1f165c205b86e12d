"""Milvus's own server is cut off, and started again, while a store is written and searched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from pymilvus.client.types import LoadedSegmentInfo

from cmsearch.errors import StoreError
from cmsearch.store import publication
from cmsearch.store.catalog import items
from cmsearch.store.index import patient
from cmsearch.store.index.address import parsed
from cmsearch.store.index.milvus import MilvusServer
from cmsearch.store.index.served import ServedIndex
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality
from tests.builders import photo, put, remove, serve
from tests.milvus_servers import standalone
from tests.oracle import unit_vectors
from tests.proxies import Proxy

pytestmark = pytest.mark.services
DIM = 64
ROWS = unit_vectors(np.random.default_rng(0), 7_000, DIM)
QUERIES = unit_vectors(np.random.default_rng(1), 100, DIM)


class Server:
    """Milvus in a folder, behind a proxy that stays while the server is started again."""

    def __init__(self, place: Path) -> None:
        self._place, self._running = place, ExitStack()
        self.cable = Proxy(self._running.enter_context(standalone(place)))

    def stop(self) -> None:
        self.cable.cut()
        self._running.close()

    def start(self) -> None:
        self.cable.leads_to = self._running.enter_context(standalone(self._place))
        self.cable.mend()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("milvus"))
    yield made
    made.stop()
    made.cable.close()


@pytest.fixture
def cable(server: Server) -> Proxy:
    """The only way to the server."""
    return server.cable


@pytest.fixture
def store(cable: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setenv(patient.VARIABLE, "2")
    monkeypatch.setattr(publication, "_FEW", 0)
    cable.mend()
    with Store(tmp_path / "a" / DIRECTORY, tmp_path / "a") as opened:
        serve(opened.catalog, DIM)
        publication.choose_index(opened.catalog, address(cable, tmp_path))
        fill(opened, 0, 5_000)
        yield opened
    cable.mend()


def address(cable: Proxy, folder: Path) -> str:
    return f"milvus://127.0.0.1:{cable.port}/{folder.name.replace('-', '_')}"


def fill(store: Store, start: int, end: int) -> None:
    for number in range(start, end, 500):
        put(
            store.catalog,
            1,
            f"{number}.jpg",
            *(photo(row, str(row)) for row in ROWS[number : number + 500]),
        )


def segments(cable: Proxy, folder: Path) -> list[LoadedSegmentInfo]:
    """The segments of the images that are loaded, by the server's own words."""
    own = MilvusServer(parsed(address(cable, folder)))
    return list(own.client.list_loaded_segments(f"{folder.name.replace('-', '_')}_1_image"))


def agrees(store: Store) -> None:
    """A store that is opened anew finds what comparing all vectors of the catalog does."""
    with Store(store.path) as opened:
        index = opened.view().indexes[Modality.IMAGE]
        assert isinstance(index, ServedIndex)
        ids, rows = items.embeddings(opened.catalog, 1, Modality.IMAGE, DIM, 0)
        assert len(index) == len(ids)
        for allow in (None, ids[::2], ids[500:900]):
            passing = np.ones(len(ids), bool) if allow is None else np.isin(ids, allow)
            scores = np.where(passing, QUERIES @ rows.T, -np.inf)
            best = ids[np.argsort(-scores, axis=1, kind="stable")[:, :10]]
            found = index.search(QUERIES, 10, allow=allow)[1]
            shares = [np.isin(*pair).mean() for pair in zip(best, found, strict=True)]
            assert np.mean(shares) >= 0.99


def test_cut_off_while_it_is_written(store: Store, cable: Proxy, tmp_path: Path) -> None:
    for cut_after in (0, 20_000, 700_000, 700_000):
        cable.cut_after = cut_after
        began = time.monotonic()
        with pytest.raises(StoreError, match="Nothing is lost"):
            store.publish()
        assert time.monotonic() - began < 60
        cable.mend()
    store.publish()
    there = sum(one.num_rows for one in segments(cable, tmp_path))
    assert 5_000 <= there < 5_010  # what was sent twice would lie there twice, and spoil the graph
    agrees(store)
    fill(store, 5_000, 6_000)
    remove(store.catalog, "0.jpg", snapshot=store.snapshot())
    cable.cut()
    with pytest.raises(StoreError, match="didn't answer"):
        store.publish()
    cable.mend()
    agrees(store)
    store.publish()
    agrees(store)


def test_cut_off_while_it_is_searched(store: Store, cable: Proxy) -> None:
    store.publish()
    with Store(store.path) as opened:
        index = opened.view().indexes[Modality.IMAGE]
        before = index.search(QUERIES, 10)[1]
        for _ in range(2):
            cable.cut()
            began = time.monotonic()
            with pytest.raises(StoreError, match="didn't answer"):
                index.search(QUERIES, 10)
            assert time.monotonic() - began < 60
            cable.mend()
            np.testing.assert_array_equal(index.search(QUERIES, 10)[1], before)


def test_a_publication_is_searched_by_graphs_as_soon_as_it_is_there(
    store: Store, cable: Proxy, tmp_path: Path
) -> None:
    for count in (5_000, 7_000):
        fill(store, 5_000, count)
        store.publish()
        loaded = segments(cable, tmp_path)
        assert sum(one.num_rows for one in loaded if one.index_id) >= count
        agrees(store)


def test_the_server_is_started_again_on_its_folder(
    store: Store, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish()
    agrees(store)
    fill(store, 5_000, 7_000)
    remove(store.catalog, "0.jpg", snapshot=store.snapshot())
    server.stop()
    with pytest.raises(StoreError, match="Nothing is lost"):
        store.publish()
    with Store(store.path) as opened, pytest.raises(StoreError, match="didn't answer"):
        opened.view()
    server.start()
    monkeypatch.setenv(patient.VARIABLE, "120")
    agrees(store)
    store.publish()
    agrees(store)
