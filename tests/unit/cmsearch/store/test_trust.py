"""Whose stores are opened and written, and what lies beside a catalog, before SQLite sees it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import StoreError, StoreLockedError, StoreReadOnlyError
from cmsearch.models.plugins import encoders
from cmsearch.store import trust, user_lists
from cmsearch.store.catalog import files
from cmsearch.store.lock import LOCK
from cmsearch.store.store import CATALOG, DIRECTORY, Store, open_at
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.processes import faked

STRANGER = 54_321
MAGIC = bytes.fromhex("d9d505f920a163d7")

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "photos"
    write_picture(folder / "red.png", "red")
    write_files(folder, {"red.txt": "a red thing\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small indexed folder, and a user who trusts nobody yet."""
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SUDO_UID", raising=False)
    return Path(shutil.copytree(made, tmp_path / "photos"))


def given_away(folder: Path, user: int = STRANGER) -> Path:
    """The folder's store as another user's."""
    place = folder / DIRECTORY
    for path in (place, *place.iterdir()):
        os.chown(path, user, user, follow_symlinks=False)
    return place


def found(place: Path, **options: bool) -> int:
    """How many hits there are, a picture and its caption apart."""
    with cmsearch.open(place, **options) as engine:
        return len(engine.search("red", ranking=cmsearch.Ranking(fold=False)))


# --- whose it is ---


@needs_root
def test_another_users_store_is_searched_and_nothing_is_written_there(folder: Path) -> None:
    place = given_away(folder)
    before = {path: path.stat().st_mtime_ns for path in (place, *place.iterdir())}
    assert found(folder) == 2
    with Store(place) as store:
        assert store.read_only
        query = "PRAGMA journal_mode"
        with store.catalog._engine.connect() as connection:
            assert "immutable=1" in str(connection.engine.url)
            assert connection.exec_driver_sql(query).scalar()
    assert {path: path.stat().st_mtime_ns for path in (place, *place.iterdir())} == before


@needs_root
def test_another_users_store_is_not_written_unless_it_is_trusted(folder: Path) -> None:
    place = given_away(folder)
    write_picture(folder / "blue.png", "blue")
    with pytest.raises(StoreReadOnlyError, match=r"belongs to user 54321.*--trust"):
        Indexer(folder).run()
    with trust.remembering():
        assert Indexer(folder).run().added == 1
    assert user_lists.folder().joinpath("trusted").read_text() == f"{place.resolve()}\n"
    given_away(folder)
    assert Indexer(folder).run().unchanged == 3  # from now on


@needs_root
@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_another_users_store_that_is_being_written_is_refused_until_it_is_trusted(
    folder: Path, end: str
) -> None:
    place = folder / DIRECTORY
    (place / f"{CATALOG}{end}").write_bytes(b"")
    given_away(folder)
    with pytest.raises(StoreError, match=rf"{CATALOG}{end} lies beside.*--trust"):
        found(folder)
    assert found(folder, trust=True) == 2
    assert not user_lists.folder().exists()  # in Python it is for once


@needs_root
@pytest.mark.parametrize("line", ["*", "# all\n\n  {place}", "{folder}", "{above}/*"])
def test_the_users_list_trusts_stores_folders_and_all(folder: Path, line: str) -> None:
    place = given_away(folder)
    user_lists.folder().mkdir()
    text = line.format(place=place, folder=folder, above=folder.parent)
    user_lists.folder().joinpath("trusted").write_text(text)
    with Store(place) as store:
        assert not store.read_only


@needs_root
@pytest.mark.parametrize("line", ["{folder}/x", "{above}", "photos", "/*x", "**", "{folder}x"])
def test_nothing_else_in_the_list_does(folder: Path, line: str) -> None:
    place = given_away(folder)
    user_lists.folder().mkdir()
    text = line.format(folder=folder, above=folder.parent)
    user_lists.folder().joinpath("trusted").write_text(text)
    with Store(place) as store:
        assert store.read_only


@needs_root
def test_one_more_is_added_to_the_list_as_it_is(folder: Path) -> None:
    place = given_away(folder)
    user_lists.folder().mkdir()
    user_lists.folder().joinpath("trusted").write_text("# mine\n/mnt/nas/*")
    done = faked("info", "--store", folder, "--trust")
    assert b"photos" in done.stdout
    kept = user_lists.folder().joinpath("trusted").read_text()
    assert kept == f"# mine\n/mnt/nas/*\n{place.resolve()}\n"
    faked("info", "--store", folder, "--trust")
    assert user_lists.folder().joinpath("trusted").read_text() == kept


def test_ones_own_store_is_not_remembered(folder: Path) -> None:
    faked("info", "--store", folder, "--trust")
    assert not user_lists.folder().exists()


@needs_root
def test_a_list_that_cannot_be_written_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_away(folder)
    (folder.parent / "file").write_text("")
    monkeypatch.setenv("CMSEARCH_CONFIG", str(folder.parent / "file" / "below"))
    done = faked("info", "--store", folder, "--trust", status=1)
    assert b"CMSEARCH_CONFIG" in done.stderr


@needs_root
def test_root_by_sudo_is_also_who_called_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = given_away(folder)
    for user, is_strange in (("0", True), ("x", True), (str(STRANGER), False)):
        monkeypatch.setenv("SUDO_UID", user)
        with Store(place) as store:
            assert store.read_only is is_strange


@needs_root
def test_one_file_of_another_user_makes_a_store_only_readable(folder: Path) -> None:
    os.chown(folder / DIRECTORY / CATALOG, STRANGER, STRANGER)
    with Store(folder / DIRECTORY) as store:
        assert store.read_only
    os.chown(folder / DIRECTORY / CATALOG, 0, 0)
    (folder / DIRECTORY / f"{CATALOG}-wal").write_bytes(b"")
    os.chown(folder / DIRECTORY / f"{CATALOG}-wal", STRANGER, STRANGER)
    with pytest.raises(StoreError, match=r"catalog.db-wal belongs to user 54321"):
        found(folder)


@needs_root
def test_a_store_in_a_folder_above_that_everybody_can_write_is_only_read(folder: Path) -> None:
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    for mode, user, is_strange in ((0o1777, STRANGER, True), (0o777, STRANGER, True),
                                   (0o1777, 0, False), (0o755, STRANGER, False)):  # fmt: skip
        folder.chmod(mode)
        os.chown(folder, user, user)
        with open_at(below) as store:
            assert store.read_only is is_strange
        for named in (folder, folder / DIRECTORY):
            with open_at(named) as store:
                assert not store.read_only
    folder.chmod(0o1777)
    os.chown(folder, STRANGER, STRANGER)
    with (
        open_at(below) as store,
        pytest.raises(StoreReadOnlyError, match="everybody can write"),
        store.locked(),
    ):
        pass


def test_without_owners_every_store_is_ones_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, whose owners aren't asked for."""
    if os.geteuid() == 0:
        given_away(folder)
    monkeypatch.delattr(os, "geteuid")
    with Store(folder / DIRECTORY) as store:
        assert not store.read_only


@needs_root
def test_no_store_is_made_in_another_users_directory(folder: Path, fake_model: str) -> None:
    other = folder.parent / "other"
    write_picture(other / "red.png")
    (other / DIRECTORY).mkdir()
    os.chown(other / DIRECTORY, STRANGER, STRANGER)
    with pytest.raises(StoreError, match=r"No index is made in .*belongs to user 54321"):
        Indexer(other, model=fake_model).run()
    assert list((other / DIRECTORY).iterdir()) == []
    with trust.remembering():
        assert Indexer(other, model=fake_model).run().added == 1


# --- links ---


def test_a_store_that_is_ones_own_link_is_used(folder: Path, fake_model: str) -> None:
    elsewhere = folder.parent / "elsewhere" / DIRECTORY
    elsewhere.parent.mkdir()
    (folder / DIRECTORY).rename(elsewhere)
    (folder / DIRECTORY).symlink_to(elsewhere)
    assert found(folder) == 2


def test_no_store_is_made_where_a_link_leads(folder: Path, fake_model: str) -> None:
    other, target = folder.parent / "other", folder.parent / "target"
    write_picture(other / "red.png")
    target.mkdir()
    (other / DIRECTORY).symlink_to(target)
    with pytest.raises(StoreError, match=r"is a link to .*target.*--store DIR"):
        Indexer(other, model=fake_model).run()
    assert list(target.iterdir()) == []


@needs_root
def test_another_users_link_to_a_store_is_refused(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    (folder / DIRECTORY).rename(elsewhere)
    (folder / DIRECTORY).symlink_to(elsewhere)
    os.chown(folder / DIRECTORY, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(StoreError, match=r"is a link of user 54321 to .*elsewhere"):
        found(folder)
    assert found(folder, trust=True) == 2


@needs_pipes
@pytest.mark.parametrize("end", ["", "-journal", "-wal", "-shm"])
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "device", "hard link"])
def test_what_is_no_file_of_the_store_alone_is_refused(folder: Path, end: str, kind: str) -> None:
    path = folder / DIRECTORY / f"{CATALOG}{end}"
    victim = folder.parent / "victim"
    victim.write_bytes(b"" if end else path.read_bytes())
    path.unlink(missing_ok=True)
    make: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(victim),
        "dangling": lambda: path.symlink_to(folder / "nothing"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "hard link": lambda: os.link(victim, path),
    }
    make[kind]()
    before = victim.read_bytes(), victim.stat().st_mtime_ns
    if kind == "hard link" and not end:  # a copy of all by hard links is read
        assert found(folder) == 2
        with pytest.raises(StoreReadOnlyError, match="hard link"):
            Indexer(folder).run()
    else:
        with pytest.raises(StoreError, match=rf"{path.name} is a"):
            found(folder)
        with pytest.raises(StoreError, match=rf"{path.name} is a"):
            Indexer(folder).run()
    assert (victim.read_bytes(), victim.stat().st_mtime_ns) == before


@needs_pipes
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "hard link"])
def test_a_lock_that_is_no_file_is_refused(folder: Path, kind: str) -> None:
    path, victim = folder / DIRECTORY / LOCK, folder.parent / "victim"
    victim.write_text("mine")
    path.unlink(missing_ok=True)
    make: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(victim),
        "dangling": lambda: path.symlink_to(folder.parent / "nothing"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "hard link": lambda: os.link(victim, path),
    }
    make[kind]()
    with pytest.raises(StoreError, match=rf"{LOCK} is a") as caught:
        Indexer(folder).run()
    assert not isinstance(caught.value, StoreLockedError)
    assert victim.read_text() == "mine" and not (folder.parent / "nothing").exists()
    assert found(folder) == 2  # searching takes no lock


# --- journals ---


def header(records: int, pages: int, sector: int = 512, page: int = 4096) -> bytes:
    return struct.pack(">8s5I", MAGIC, records, 7, pages, sector, page).ljust(sector, b"\0")


def naming(victim: Path, checksum: int | None = None) -> bytes:
    """The end of a journal that has a super-journal."""
    name = os.fsencode(victim)
    added = sum(name) & 0xFFFFFFFF if checksum is None else checksum
    return struct.pack(">I", 0) + name + struct.pack(">2I", len(name), added) + MAGIC


@pytest.mark.parametrize(
    "before",
    [
        lambda pages: header(0, pages),
        lambda pages: header(0xFFFFFFFF, pages),
        lambda pages: header(0, pages) + header(0, pages),
        lambda pages: b"",
        lambda pages: b"\0" * 512,
        lambda pages: b"no journal at all" * 100,
        lambda pages: header(1, pages) + bytes(4104),
    ],
)
@pytest.mark.parametrize("checksum", [None, 0])
def test_a_journal_that_names_another_file_is_refused(
    folder: Path, before: Callable[[int], bytes], checksum: int | None
) -> None:
    """SQLite would delete the file: now, or after the next crash."""
    victim = folder.parent / "thesis.txt"
    victim.write_text("thesis")
    catalog = folder / DIRECTORY / CATALOG
    journal = catalog.with_name(f"{CATALOG}-journal")
    journal.write_bytes(before(catalog.stat().st_size // 4096) + naming(victim, checksum))
    kept = journal.read_bytes()
    for trusted in (False, True):
        with pytest.raises(StoreError, match=r"names another file.*delete"):
            found(folder, trust=trusted)
    with pytest.raises(StoreError, match=r"names another file.*delete"):
        Indexer(folder).run()
    assert (victim.read_text(), journal.read_bytes()) == ("thesis", kept)


@pytest.mark.parametrize(
    "journal",
    [
        header(0, 2**32 - 1),
        header(0, 10) + header(0, 2**32 - 1),
        header(1, 10) + bytes(4104) + bytes(-4104 % 512) + header(0, 2**31),
        header(0, 1) * 100_001,
    ],
)
def test_a_journal_of_no_catalog_is_refused(folder: Path, journal: bytes) -> None:
    """SQLite would make the catalog as large as it says."""
    path = folder / DIRECTORY / f"{CATALOG}-journal"
    path.write_bytes(journal)
    size = (folder / DIRECTORY / CATALOG).stat().st_size
    with pytest.raises(StoreError, match="not the journal of its catalog"):
        found(folder)
    assert (folder / DIRECTORY / CATALOG).stat().st_size == size


def test_the_journal_of_a_run_that_was_killed_is_played_back(folder: Path) -> None:
    """With a rollback journal, as on a network's file system: also one in several parts."""
    catalog = folder / DIRECTORY / CATALOG
    with closing(sqlite3.connect(catalog, isolation_level=None)) as opened:
        opened.execute("PRAGMA journal_mode = DELETE")
    kept = folder.parent / "kept"
    with closing(sqlite3.connect(catalog, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 5")  # so that pages are written before the end
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE items SET kind = 'gone'")
        for number in range(200):
            writer.execute("INSERT INTO settings VALUES (?, ?)", (str(number), "x" * 3000))
        kept.write_bytes(catalog.read_bytes())
        journal = Path(f"{catalog}-journal").read_bytes()
    catalog.write_bytes(kept.read_bytes())
    Path(f"{catalog}-journal").write_bytes(journal)
    assert kept.read_bytes().count(b"gone") and len(journal) > 4096
    assert found(folder) == 2
    assert not Path(f"{catalog}-journal").exists()
    with Store(folder / DIRECTORY) as store:
        assert set(files.counts(store.catalog)) == {"photo", "caption"}
