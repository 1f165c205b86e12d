"""An index whose candidates a server names answers as one that compares all, whatever that says."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.protocols import Numbers
from cmsearch.store.index import patient, served, servers
from cmsearch.store.index.address import parsed
from cmsearch.store.index.rows import HeldRows
from cmsearch.store.index.served import ServedIndex, said
from cmsearch.types import IdArray
from tests import vector_servers as fake
from tests.oracle import Oracle, assert_exact, filled, ids, unit_vectors
from tests.served_indexes import laid_out_first

DIM = 6
COUNT = 400
ADDRESS = "fake://db/rows"


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(servers.servers._rows, "fake", "tests.vector_servers:FakeServer")  # type: ignore[index]
    monkeypatch.setenv(patient.VARIABLE, "0.3")
    yield
    fake.collections.clear()
    fake.asked.clear()
    gc.collect()  # a connection lives as long as what an error's traceback holds


def made(random: np.random.Generator, count: int = COUNT) -> tuple[ServedIndex, Oracle]:
    """An index of rows under every third id, all on the server."""
    oracle, vectors = Oracle(), unit_vectors(random, count, DIM)
    own = filled(oracle, range(3, 3 * count + 3, 3), vectors)
    index = laid_out_first(ADDRESS, DIM).changed((own, vectors), ids())
    assert isinstance(index, ServedIndex)
    return index, oracle


def test_filters_of_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    monkeypatch.setattr(served, "_LISTED", 40)
    monkeypatch.setattr(served, "_RANGES", 4)
    monkeypatch.setattr(served, "COMPARED", 0)
    index, oracle = made(random)
    every = np.array(list(oracle.vectors), np.int64)
    some = {
        "ranges": np.concatenate([every[30:60], every[200:]]),
        "in": random.permutation(every)[:20],
        "not in": random.permutation(every)[20:],
        "search": random.permutation(every)[:200],
    }
    for form, allow in some.items():
        fake.asked.clear()
        for k in (1, 10, 500):
            assert_exact(index, oracle, unit_vectors(random, 4, DIM), k, allow)
        assert {what for what, _ in fake.asked} == {form}


@pytest.mark.parametrize("compared", [0, 20_000])
def test_a_thousand_random_filters_find_what_all_compared_does(
    compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "COMPARED", compared)
    monkeypatch.setattr(served, "_LISTED", 50)
    random = np.random.default_rng(1)
    index, oracle = made(random)
    every = np.array(list(oracle.vectors), np.int64)
    for number in range(500):
        share = random.random() ** 2
        allow = every[random.random(len(every)) < share]
        if number % 3 == 0:
            allow = every[slice(*np.sort(random.integers(0, len(every), 2)))]
        query = unit_vectors(random, 1, DIM)
        assert index.search(query, 10, allow=allow)[1][0].tolist() == oracle.best(
            query[0], 10, allow
        )


def test_what_a_server_has_too_much_or_lacks_changes_no_answer() -> None:
    random = np.random.default_rng(2)
    index, oracle = made(random)
    rows, _ = fake.collections["rows"]
    query = unit_vectors(random, 3, DIM)
    for number in range(1, 3 * COUNT, 3):  # rows of a publication that this one doesn't know
        rows[number] = query[number % 3]
    assert_exact(index, oracle, query, 10)
    allow = np.array(list(oracle.vectors), np.int64)[::2]
    assert_exact(index, oracle, query, 10, allow)
    rows.clear()
    assert_exact(index, oracle, query, 10)


def test_deeper_than_a_server_goes_all_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    index, oracle = made(random)
    monkeypatch.setattr(served, "MOST", 50)
    fake.asked.clear()
    assert_exact(index, oracle, unit_vectors(random, 3, DIM), 60)
    assert not fake.asked
    assert_exact(index, oracle, unit_vectors(random, 3, DIM), 20)
    assert fake.asked


def test_rows_above_the_mark_wait_here() -> None:
    random = np.random.default_rng(4)
    first, oracle = made(random)
    vectors = np.stack(list(oracle.vectors.values())).astype(np.float16)
    every = np.array(list(oracle.vectors), np.int64)
    collection = fake.FakeCollection("rows")
    index = ServedIndex(DIM, collection, int(every[99])).opened(every, HeldRows(vectors), [])
    assert len(index) == len(first)
    assert_exact(index, oracle, unit_vectors(random, 3, DIM), 10)
    oracle.sync((ids(), vectors[:0].astype(np.float32)), every[50:150])
    assert_exact(
        index.changed((ids(), vectors[:0].astype(np.float32)), every[50:150]),
        *(oracle, unit_vectors(random, 3, DIM), 10),
    )


def test_a_server_that_is_away_for_a_moment_is_waited_for() -> None:
    index, oracle = made(np.random.default_rng(5))
    said = r"fake://db didn't answer for 0\.3 s.*Nothing is lost"
    with fake.away(), pytest.raises(StoreError, match=said):
        index.search(unit_vectors(np.random.default_rng(0), 1, DIM), 3)
    assert len(fake.asked) > 4
    assert_exact(index, oracle, unit_vectors(np.random.default_rng(0), 1, DIM), 3)


def test_one_that_was_not_opened_has_all_here() -> None:
    random = np.random.default_rng(6)
    index, oracle = ServedIndex(DIM, fake.FakeCollection("rows")), Oracle()
    vectors = unit_vectors(random, 20, DIM)
    own = filled(oracle, range(1, 21), vectors)
    assert_exact(index.changed((own, vectors), ids()), oracle, unit_vectors(random, 3, DIM), 5)
    assert not fake.asked


def test_there_is_one_connection_while_it_is_used() -> None:
    address = parsed(ADDRESS)
    one, two = servers.connected(address)("a"), servers.connected(parsed("fake://db/b"))("b")
    assert [what for what, _ in fake.asked].count("connect") == 1
    del one, two
    servers.connected(address)
    assert [what for what, _ in fake.asked].count("connect") == 2


def test_a_kind_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(servers.servers._rows, "none", "nowhere_at_all:Server")  # type: ignore[index]
    with pytest.raises(StoreError, match=r"pip install 'cmsearch\[none\]'"):
        servers.connected(parsed("none://db/a"))


@pytest.mark.parametrize(
    ("mask", "among"),
    [
        ([0, 1, 1, 0, 1], Numbers("ranges", np.array([[20, 30], [50, 50]]))),
        ([0, 0, 0, 0, 0], Numbers("ranges", np.empty((0, 2)))),
    ],
)
def test_ranges_are_of_rows_one_after_the_other(mask: list[int], among: Numbers) -> None:
    every: IdArray = np.array([10, 20, 30, 40, 50])
    found = said(every, np.array(mask, bool))
    assert found is not None
    assert found.kind == among.kind
    np.testing.assert_array_equal(found.ids, among.ids)
