"""An index on a server of PostgreSQL: what a folder's index has, filled by several at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import cmsearch
from cmsearch.commands.table import COMMANDS
from cmsearch.store import compaction, copying, publication, remote
from cmsearch.store.catalog import embeddings, files, items, postgres_locks
from cmsearch.store.catalog import postgres as database
from cmsearch.store.index import servers
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Filter
from indexer import Indexer
from indexer.doctor import examine
from scripts.bench import capacity, capacity_postgres, random_filters
from tests import kills, postgres, vector_servers
from tests.builders import write_picture
from tests.processes import ROOT, Process, faked

WRITER = """
import sys
from tests.processes import know_fake
from indexer import Indexer
know_fake()
Indexer(sys.argv[1], store=sys.argv[2], model="fake:colours").run()
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def folder(cache: None, tmp_path: Path) -> Path:
    return kills.write_folder(tmp_path / "folder", 24)


@pytest.fixture
def vector_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of vectors, which any change is sent to."""
    monkeypatch.setitem(servers.servers._rows, "fake", "tests.vector_servers:FakeServer")  # type: ignore[index]
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setattr(publication, "_FEW", 0)
    yield "fake://db/photos"
    vector_servers.collections.clear()
    vector_servers.asked.clear()


def found(place: str | Path, query: str, **filters: Any) -> list[tuple[str, float]]:
    """The hits of a query, each with its file, its text and its relevance."""
    with cmsearch.open(place) as engine:
        hits = engine.search(query, k=50, where=Filter(**filters))
    return [(f"{hit.path.name} {hit.text or ''}", round(hit.relevance, 6)) for hit in hits]


def content(place: str | Path) -> list[tuple[Any, ...]]:
    """Every item of a store with its file, its vectors, and whether anything is noted of it."""
    with Store(Path(remote.as_place(str(place)) if "://" in str(place) else place)) as store:
        catalog = store.catalog
        with catalog.connected() as connection:
            rows = connection.execute(
                sa.text(
                    "SELECT assets.path, items.modality, items.kind, items.locator, items.digest,"
                    " items.text, embeddings.part, embeddings.vector FROM items"
                    " JOIN assets ON assets.id = items.asset"
                    " JOIN embeddings ON embeddings.item = items.id"
                )
            ).fetchall()
        return sorted(tuple(row) for row in rows)


def test_it_answers_as_the_index_of_a_folder(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, own = postgres.empty(), folder / DIRECTORY
    Indexer(folder, model=fake_model).run()
    report = Indexer(folder, store=url, model=fake_model).run()
    assert remote.name_of(report.store) == url
    assert content(url) == content(own)
    assert found(url, "red") == found(own, "red")
    assert found(url, "a green thing", path="part1") == found(own, "a green thing", path="part1")
    (folder / "part0" / "0000.png").unlink()
    assert Indexer(folder, store=url).run().removed == Indexer(folder).run().removed == 1
    assert found(url, "red") == found(own, "red")
    with Store(Path(remote.as_place(url))) as store:
        assert examine(store, samples=0) == []


def test_commands_take_its_url_and_never_show_a_password(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.empty()
    secret = url.replace("postgres@", "postgres:secret@")
    told = faked("index", folder, "--model", fake_model, "--store", secret)
    monkeypatch.setenv("CMSEARCH_STORE", secret)
    shown = [told, faked("search", "red"), faked("info"), faked("doctor", "--samples", "0")]
    assert b"0000.png" in shown[1].stdout
    assert url.encode() in shown[0].stdout and url.encode() in shown[2].stdout
    assert not any(b"secret" in one.stdout + one.stderr for one in shown)
    monkeypatch.setenv("CMSEARCH_STORE", "postgresql://me:secret@127.0.0.1:9/db")
    monkeypatch.setattr(database, "WAITS", (0.01,))
    away = faked("search", "red", status=1)
    assert b"doesn't answer" in away.stderr and b"secret" not in away.stderr


@pytest.mark.services
def test_every_command_takes_its_url(
    cache: None, fake_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kills.write_folder(tmp_path / "pictures", 40)
    for number, path in enumerate(sorted(folder.rglob("*.png"))):  # enough to learn from
        path.with_suffix(".txt").write_text(f"thing {number} of its own, {number} times\n")
    url, picture = postgres.empty(), folder / "part0" / "0000.png"
    for model in (kills.NEW, fake_model):
        told = [faked("index", folder, "--model", model, "--store", url, "--format", "json")]
    lines: list[tuple[object, ...]] = [
        *(("info",), ("generations",), ("search", "red"), ("again",), ("more", 1), ("duplicates",)),
        *(("mark", 1, "--right"), ("marks",), ("similar", picture), ("explain", "red", picture)),
        *(("annotate", "--format", "table"), ("map", tmp_path / "map.html"), ("shell",)),
        ("classify", picture, "--choices", "red, green"),
        ("eval", folder, "--store", url),
        ("export", url, tmp_path / "vectors", "--metadata", "jsonl"),
        ("import", tmp_path / "vectors", folder, "--model", fake_model),
        *(
            ("fit", folder, "--force"),
            ("copy", url, tmp_path / "copy"),
            ("copy", tmp_path / "copy", postgres.empty()),
        ),
        *(("doctor", "--repair", "--samples", 0), ("compact",), ("rollback",), ("prune", "--yes")),
    ]
    monkeypatch.setenv("CMSEARCH_STORE", url)
    monkeypatch.setenv("CMSEARCH_ROOT", str(folder))
    told += [faked(*line, cwd=tmp_path) for line in lines]
    place = os.environ["CMSEARCH_CACHE"].encode()
    assert not [one.args for one in told if place in one.stdout + one.stderr]
    assert {str(line[0]) for line in lines} | WITHOUT_URL == COMMANDS.keys() - {"index"}


WITHOUT_URL = {"completion", "daemon", "models", "speak", "train", "transcribe"} | {
    "mcp", "serve", "watch"
}  # fmt: skip
"""Commands that know of no index, and those that run until they are interrupted."""


def test_it_is_copied_both_ways(folder: Path, fake_model: str, tmp_path: Path) -> None:
    Indexer(folder, model=fake_model).run()
    place = remote.place_of(postgres.empty())
    with copying.open_original(folder) as store:
        copying.copy_to_server(store, place)
        with pytest.raises(cmsearch.StoreError, match="There is an index in postgresql"):
            copying.copy_to_server(store, place)
    with copying.open_original(place) as store:
        copying.copy(store, tmp_path / "back")
    assert content(tmp_path / "back") == content(place) == content(folder / DIRECTORY)
    assert found(tmp_path / "back", "blue") == found(place, "blue")


def test_a_place_of_a_server_counts_in_the_cache_alone(cache: None, tmp_path: Path) -> None:
    strange = tmp_path / DIRECTORY
    strange.mkdir()
    (strange / CATALOG).write_text("postgresql+psycopg://me@elsewhere.example/db\n")
    with pytest.raises(cmsearch.StoreError, match="names a server"):
        Store(strange)


def test_a_password_is_neither_kept_nor_shown(cache: None) -> None:
    place = remote.place_of("postgresql://me:secret@host.example/db?sslpassword=hidden")
    url = remote.url_at(place / CATALOG)
    assert url is not None and url.password == "secret"
    assert "secret" not in (place / CATALOG).read_text() + remote.name_of(place)
    assert "hidden" not in (place / CATALOG).read_text() + remote.name_of(place)
    assert remote.environment(place)["PGPASSWORD"] == "secret"


def test_other_machines_keep_their_files(
    folder: Path, fake_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own, and both see what the other writes."""
    url = postgres.empty()
    Indexer(folder, store=url, model=fake_model).run()
    first = remote.place_of(url)
    with Store(first) as store:
        space = store.catalog.space()
        assert space is not None and store.published(space[0]) is not None
    with monkeypatch.context() as patch:
        patch.setenv("CMSEARCH_CACHE", str(tmp_path / "other machine"))
        hits = found(url, "red")
        with Store(remote.place_of(url)) as store:
            assert store.path != first and store.published(space[0]) is not None
    with Store(first) as store:
        assert store.published(space[0]) is not None
    assert found(url, "red") == hits


def test_a_server_of_vectors_has_what_any_machine_published(
    folder: Path, fake_model: str, vector_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each machine counts publications of its own, and all of them write the same collections."""
    url, own = postgres.empty(), folder / DIRECTORY
    Indexer(folder, model=fake_model).run()
    for number, cache in enumerate(("one", "another", "one")):
        monkeypatch.setenv("CMSEARCH_CACHE", str(folder.parent / cache))
        (folder / "part0" / f"{3 * number:04}.png").unlink()
        write_picture(folder / f"new{number}.png", "red", (9, 9 + number))
        Indexer(folder, store=url, model=fake_model, vectors=vector_server).run()
        Indexer(folder).run()
        assert sent(url) == {"image", "text"}
        assert found(url, "red") == found(own, "red")
    assert [what for what, _ in vector_servers.asked].count("begin") == 2  # one each
    with compacted(url) as store:
        assert len(embeddings.tombstones(store.catalog)) == 0
    assert sent(url) == {"image", "text"}
    monkeypatch.setenv("CMSEARCH_CACHE", str(folder.parent / "another"))
    assert found(url, "red") == found(own, "red")


@contextmanager
def compacted(url: str) -> Iterator[Store]:
    with Store(remote.place_of(url)) as store:
        compaction.compact(store)
        yield store


def sent(url: str) -> set[str]:
    """The modalities of which the server of vectors has exactly what the catalog has."""
    with Store(remote.place_of(url)) as store:
        ((number, space),) = [store.catalog.space() or (0, None)]
        assert space is not None
        return {
            str(one)
            for one in embeddings.modalities(store.catalog, number)
            if sorted(vector_servers.collections[f"photos_{number}_{one}"][0])
            == items.embeddings(store.catalog, number, one, space.dim, 0)[0].tolist()
        }


@pytest.fixture
def pgvector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets the server search vectors, and forgets them."""
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    monkeypatch.setenv("PGUSER", "postgres")
    yield
    postgres.drop_vectors()


@pytest.mark.parametrize("rows", [120, pytest.param(2_000, marks=pytest.mark.services)])
def test_random_filters_pass_the_same_in_both(
    cache: None, pgvector: None, tmp_path: Path, rows: int
) -> None:
    place, (before, after) = random_filters.both(tmp_path / "photos", rows, count=rows // 3, dim=32)
    assert (before.differing, after.differing) == (0, 0)
    assert before.passed and after.passed
    by_server = random_filters.by_pgvector(place, 20)
    assert by_server.clean == by_server.searches and by_server.recall > 0.9


@pytest.mark.services
def test_what_a_copy_takes_on_the_server_is_measured(
    pgvector: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "QUERIES", 10)
    random_filters.fill(tmp_path, 200, dim=32)
    found = capacity_postgres.measured(tmp_path, capacity.searched)
    assert found["items"] == 200 + 20 + 10 and found["recall"] > 0.9
    assert found["default ms there"] > 0
    assert 0 < found["graph bytes"] < found["vectors bytes"]


def test_who_sends_vectors_waits_for_another_machine(
    folder: Path, fake_model: str, vector_server: str
) -> None:
    url = postgres.empty()
    Indexer(folder, store=url, model=fake_model).run()
    with Store(remote.place_of(url)) as store:
        publication.choose_index(store.catalog, vector_server)
        with postgres_locks.sending(sa.make_url(url)):
            thread = threading.Thread(target=store.publish)
            thread.start()
            thread.join(0.2)
            assert thread.is_alive() and not vector_servers.collections
        thread.join()
    assert sent(url) == {"image", "text"}


def test_a_command_that_has_to_be_alone_says_who_writes(folder: Path, fake_model: str) -> None:
    url = postgres.empty()
    for model in (fake_model, kills.NEW):
        Indexer(folder, store=url, model=model).run()
    place = remote.place_of(url)
    one_alone = (
        ["doctor", "--repair", "--samples", "0"], ["rollback"], ["prune", "--yes"], ["compact"],
    )  # fmt: skip
    with Store(place) as store:
        with store.locked():
            with Store(place) as other, other.locked():
                assert not Indexer(folder, store=url).run().added
            next(place.glob("manifest-*.json")).unlink()  # for the doctor to mend
            for line in one_alone:
                told = faked(*line, "--store", url, status=1)
                assert f"is being written by process {os.getpid()} on ".encode() in told.stderr
        with store.alone():
            for line in (["index", folder], *one_alone):
                told = faked(*line, "--store", url, status=1)
                assert f"is being written by process {os.getpid()} on ".encode() in told.stderr
    for line in one_alone:
        faked(*line, "--store", url)
    with Store(place) as store:
        assert examine(store, samples=0) == []


@pytest.mark.services
def test_four_writers_of_which_one_is_killed_make_what_one_does(
    folder: Path, fake_model: str
) -> None:
    url, own = postgres.empty(), folder / DIRECTORY
    Indexer(folder, model=fake_model).run()
    run = [sys.executable, "-c", WRITER, str(folder), url]
    with ExitStack() as stack:
        writers = [stack.enter_context(Process(run, cwd=ROOT)) for _ in range(4)]
        with Store(remote.place_of(url), folder) as store:
            while not files.counts(store.catalog):  # until somebody has written something
                time.sleep(0.01)
        writers[0].send_signal(signal.SIGKILL)
        ends = [writer.wait(300) for writer in writers]
    assert ends in ([-signal.SIGKILL, 0, 0, 0], [0, 0, 0, 0])
    assert content(url) == content(own)
    assert Indexer(folder, store=url).run().unchanged == Indexer(folder).run().unchanged


@pytest.mark.services
def test_a_server_that_is_stopped_loses_nothing(folder: Path, fake_model: str) -> None:
    """One that comes back soon is waited for; after one that doesn't the next run goes on."""
    url, own = postgres.empty(), folder / DIRECTORY
    Indexer(folder, model=fake_model).run()
    told = []

    def restart(event: Any) -> None:
        if event.stage == "index" and event.done >= 10 and not told:
            told.append(event)
            postgres.restart()

    Indexer(folder, store=url, model=fake_model).run(restart)
    assert told and content(url) == content(own)
    with cmsearch.open(url) as engine:
        before = [hit.path for hit in engine.search("red")]
        postgres.restart()
        assert [hit.path for hit in engine.search("red")] == before
