"""Milvus's own server is cut off while a store is written and searched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.store import publication
from cmsearch.store.catalog import items
from cmsearch.store.index import patient
from cmsearch.store.index.served import ServedIndex
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality
from tests.builders import photo, put, remove, serve
from tests.milvus_servers import standalone
from tests.oracle import unit_vectors
from tests.proxies import Proxy, proxy

pytestmark = pytest.mark.services
DIM = 64
ROWS = unit_vectors(np.random.default_rng(0), 7_000, DIM)
QUERIES = unit_vectors(np.random.default_rng(1), 5, DIM)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("milvus")


@pytest.fixture(scope="module")
def cable(place: Path) -> Iterator[Proxy]:
    """The only way to the server, which can be stopped behind it."""
    with ExitStack() as stack:
        port = stack.enter_context(standalone(place))
        yield stack.enter_context(proxy(port))


@pytest.fixture
def store(cable: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setenv(patient.VARIABLE, "2")
    monkeypatch.setattr(publication, "_FEW", 0)
    cable.mend()
    with Store(tmp_path / "a" / DIRECTORY, tmp_path / "a") as opened:
        serve(opened.catalog, DIM)
        name = f"milvus://127.0.0.1:{cable.port}/{tmp_path.name.replace('-', '_')}"
        publication.choose_index(opened.catalog, name)
        fill(opened, 0, 5_000)
        yield opened
    cable.mend()


def fill(store: Store, start: int, end: int) -> None:
    for number in range(start, end, 500):
        put(
            store.catalog,
            1,
            f"{number}.jpg",
            *(photo(row, str(row)) for row in ROWS[number : number + 500]),
        )


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
            assert np.mean(shares) >= 0.98


def test_cut_off_while_it_is_written(store: Store, cable: Proxy) -> None:
    for cut_after in (0, 20_000, 700_000, 1_200_000):
        cable.cut_after = cut_after
        began = time.monotonic()
        with pytest.raises(StoreError, match="Nothing is lost"):
            store.publish()
        assert time.monotonic() - began < 60
        cable.mend()
    store.publish()
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
