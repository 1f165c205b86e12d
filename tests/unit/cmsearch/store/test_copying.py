"""A copy of a store is one committed state of it, whole or not there."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import CmsearchError, StoreError, StoreNotFoundError
from cmsearch.store import publication
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.compaction import compact
from cmsearch.store.copying import copy, open_original
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Progress
from indexer import Indexer
from indexer.doctor import examine
from tests import damage, kills
from tests.builders import flip_byte, photo, put, serve, write_files, write_picture
from tests.processes import script

DIM = 8
ROW = [1.0] + [0.0] * (DIM - 1)
STORM = """
import json, os, signal, sys
from pathlib import Path
import faiss
from cmsearch.store import copying
from cmsearch.store.store import Store
from tests.kills import _changes_disk

def copied(place, to, last):
    calls = 0

    def count(_frame, event, called):
        nonlocal calls
        if event in ("c_call", "c_return") and _changes_disk(called):
            calls += 1
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    with Store(place) as store:
        copying.copy(store, to)
    sys.setprofile(None)
    return calls

place, folder = Path(sys.argv[1]), Path(sys.argv[2])
copied(place, folder / "warm", 0)
calls = copied(place, folder / "whole", 0)
killed = []
for number in range(int(sys.argv[3])):
    to = folder / str(number)
    to.mkdir()
    child = os.fork()
    if child == 0:
        copied(place, to / "copy", 1 + (2 * number + 1) * calls // (2 * int(sys.argv[3])))
        os._exit(0)
    killed.append(os.WIFSIGNALED(os.waitpid(child, 0)[1]))
print(json.dumps(killed))
"""
KILLS = 20
FILES = {".f16", ".i64", ".u8", ".json"}
"""The ends of the names of derived files."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, captions and documents that is indexed."""
    from cmsearch.models.plugins import encoders

    folder = tmp_path_factory.mktemp("copying") / "photos"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(kills.write_folder(folder, 24), model=kills.OLD).run()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "photos"))


def answers(place: Path) -> dict[str, list[tuple[float, str]]]:
    with cmsearch.open(place) as engine:
        return {
            text: [(hit.score, str(hit.path)) for hit in engine.search(text, k=50)]
            for text in kills.QUERIES
        }


def test_a_copy_answers_as_its_original_and_finds_its_pictures(
    folder: Path, tmp_path: Path
) -> None:
    told = list[Progress]()
    to = tmp_path / "elsewhere"
    with open_original(folder) as store:
        done = copy(store, to, told.append)
    assert answers(to) == answers(folder)
    assert (done.copy, done.folder) == (to.resolve(), folder.resolve())
    with Store(to) as store:
        assert store.root == folder.resolve()
        assert examine(store, samples=0) == []
        served = store.catalog.space()
        assert served is not None and store.published(served[0]) is not None
    assert {one.stage for one in told} == {"copy", "copy files"}
    assert told[-1].done == told[-1].total > 0
    assert derived(to) == derived(folder / DIRECTORY) != {}
    assert done.items > 24 and done.bytes > 10_000
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")]
    assert stat.S_IMODE(to.stat().st_mode) == 0o700
    assert stat.S_IMODE((to / CATALOG).stat().st_mode) == 0o600
    assert Indexer(folder, store=to).run().unchanged > 24


def derived(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir() if path.suffix in FILES}


@pytest.mark.parametrize("harm", ["damaged", "deleted", "of a later state", "none"])
def test_derived_files_that_do_not_do_are_made_anew(
    folder: Path, tmp_path: Path, harm: str
) -> None:
    place = folder / DIRECTORY
    file = next(place.glob("vectors-*image*"))
    expected = answers(folder)
    with open_original(folder) as store:

        def spoil(event: Progress) -> None:
            told.add(event.stage)
            if event.stage != "copy" or event.done < event.total:
                return
            if harm == "damaged":
                flip_byte(file)
            elif harm == "deleted":
                file.unlink()
            elif harm == "of a later state":
                publication.write(store.catalog, place, served, None)
            else:
                for path in place.glob("manifest-*"):
                    path.unlink()

        told, served = set[str](), store.catalog.space()
        assert served is not None
        copy(store, tmp_path / "copy", spoil)
    assert "publish" in told
    assert len(list((tmp_path / "copy").glob("manifest-*"))) == 1
    assert answers(tmp_path / "copy") == expected
    with Store(tmp_path / "copy") as copied:
        assert examine(copied, samples=0) == []


def test_originals_and_copies_go_on_apart(folder: Path, tmp_path: Path) -> None:
    """They know the same files, until either publishes again."""
    with open_original(folder) as store:
        copy(store, tmp_path / "copy")
    for number, place in enumerate((folder / DIRECTORY, tmp_path / "copy")):
        write_picture(folder / f"{number}.png", "red", (31, 31 + number))
        Indexer(folder, store=place).run()
        with Store(place) as store:
            compact(store)
    for path in (tmp_path / "copy").iterdir():  # of which the catalog of the original knows none
        if path.suffix in FILES:
            shutil.copy(path, folder / DIRECTORY)
    Indexer(folder).run()
    found = [{path for _, path in answers(one)["red"]} for one in (folder, tmp_path / "copy")]
    assert found[0] == found[1] and str(folder.resolve() / "1.png") in found[0]
    with Store(folder / DIRECTORY) as store:
        assert examine(store, samples=0) == []


def test_a_copy_beside_copied_pictures_is_of_these(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with open_original(folder / DIRECTORY) as store:
        copy(store, tmp_path / "other" / DIRECTORY)
    with Store(tmp_path / "other" / DIRECTORY) as store:
        assert store.root == (tmp_path / "other").resolve()


def test_a_copy_as_one_file_is_a_catalog(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "photos.db"
    with open_original(folder) as store:
        done = copy(store, to)
    assert done.bytes == to.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "photos.db"]
    (tmp_path / "back").mkdir()
    to.rename(tmp_path / "back" / CATALOG)
    assert answers(tmp_path / "back") == answers(folder)


def test_a_copy_of_an_index_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with Store(tmp_path / "empty" / DIRECTORY, tmp_path / "empty") as store:
        assert copy(store, tmp_path / "copy").items == 0
    Store(tmp_path / "copy").close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_copy_that_is_made_while_a_writer_commits_is_one_state(
    tmp_path: Path, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit adds a picture with its embedding."""
    monkeypatch.setattr("cmsearch.store.catalog.sqlite_copy._PAGES", 4)
    monkeypatch.setattr("cmsearch.store.filesystem.is_remote", lambda _: journal == "delete")
    (tmp_path / "photos").mkdir()
    with Store(tmp_path / "photos" / DIRECTORY, tmp_path / "photos") as store:
        serve(store.catalog, DIM)
        for number in range(50):
            put(store.catalog, 1, f"{number}.png", photo(ROW, f"{number}"))
        commits = [50]

        def commit(event: Progress) -> None:
            if event.stage == "copy" and commits[0] < 70:
                put(writer, 1, f"{commits[0]}.png", photo(ROW, f"{commits[0]}"))
                commits[0] += 1

        writer = Catalog(store.catalog.path)
        done = copy(store, tmp_path / "copy", commit)
        writer.close()
    assert commits[0] > 52
    # With a log it is the state at the beginning; without one the last, or nobody could commit.
    assert done.items == (50 if journal == "wal" else commits[0])
    with Store(tmp_path / "copy") as copied:
        assert examine(copied, samples=0) == []
    with closing(sqlite3.connect(tmp_path / "copy" / CATALOG)) as opened:
        query = "SELECT count(*), max(id) FROM "
        counts = [opened.execute(query + name).fetchone() for name in ("assets", "embeddings")]
        assert counts == [(done.items, done.items)] * 2


def test_searching_and_indexing_go_on_meanwhile(folder: Path, tmp_path: Path) -> None:
    def index() -> None:
        write_picture(folder / "late.png", "red", (31, 31))
        Indexer(folder, model=kills.OLD).run()

    writing = threading.Thread(target=index)
    with open_original(folder) as store:
        writing.start()
        copy(store, tmp_path / "copy")
        writing.join()
    with Store(tmp_path / "copy") as copied:
        assert examine(copied, samples=0) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is killed in forks")
def test_a_copy_that_is_killed_leaves_nothing_or_a_whole_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP", "OPENBLAS", "MKL"):  # a fork beside other threads is warned of
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")
    (tmp_path / "copies").mkdir()
    with script(STORM, folder / DIRECTORY, tmp_path / "copies", KILLS) as process:
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert sum(json.loads(stdout)) >= KILLS - 2, stdout
    expected = answers(folder)
    left = list[str]()
    for number in range(KILLS):
        for path in (tmp_path / "copies" / str(number)).iterdir():
            try:
                with Store(path) as store:
                    assert examine(store, samples=0) == []
                assert answers(path) == expected
            except StoreNotFoundError:
                left.append(path.name)
            assert path.name != "copy" or (path / CATALOG).exists()
    assert len(left) >= KILLS // 2 and all(name.startswith(".cmsearch-") for name in left)
    with Store(folder / DIRECTORY) as store:
        assert examine(store, samples=0) == []


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("photos/.cmsearch", "is the index itself"),
        ("photos/.cmsearch/copy", "Name a place outside"),
        ("photos/part0/copy", "Name a place outside"),
        ("photos/copy.db", "Name a place outside"),
        ("there", "is there already"),
        ("there.db", "is there already"),
        ("link", "is there already"),
        ("missing/copy", "can't be written: No such file or directory"),
        ("missing/copy.db", "can't be written: No such file or directory"),
        ("there.db/copy", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("a\0b", "null byte"),
    ],
)
def test_a_place_where_no_copy_can_be_is_told(
    folder: Path, tmp_path: Path, to: str, said: str
) -> None:
    write_files(tmp_path, {"there/mine.txt": "mine", "there.db": "mine"})
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    with open_original(folder) as store, pytest.raises(CmsearchError, match=said):
        copy(store, tmp_path / to)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "there.db").read_text() == (tmp_path / "there/mine.txt").read_text()


def test_what_comes_in_between_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    for name in ("copy", "copy.db"):

        def come(_: Progress, place: Path = tmp_path / name) -> None:
            place.write_text("mine")

        with open_original(folder) as store, pytest.raises(StoreError, match="is there already"):
            copy(store, tmp_path / name, come)
        assert (tmp_path / name).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_copy_that_is_broken_off_goes_again(folder: Path, tmp_path: Path) -> None:
    def stop(event: Progress) -> None:
        if event.stage == "copy files":
            raise KeyboardInterrupt

    with open_original(folder) as store, pytest.raises(KeyboardInterrupt):
        copy(store, tmp_path / "copy", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_what_is_no_index_is_not_copied(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="only above it"):
        open_original(folder / "part0")
    with pytest.raises(StoreNotFoundError):
        open_original(tmp_path)
    write_files(tmp_path, {"text/catalog.db": "no database at all, but a text of some length"})
    with pytest.raises(StoreError, match="not a database"):
        open_original(tmp_path / "text")


def test_an_index_whose_catalog_is_damaged_says_so(folder: Path, tmp_path: Path) -> None:
    path = folder / DIRECTORY / CATALOG
    with damage.catalog(folder) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE tbl_name = 'items'"
        pages = [row[0] for row in connection.execute(query)]
    data = bytearray(path.read_bytes())
    for page in pages:
        data[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(data)
    with open_original(folder) as store, pytest.raises(StoreError, match=r"copied to .*malformed"):
        copy(store, tmp_path / "copy")
    assert [one.name for one in tmp_path.iterdir()] == ["photos"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="giving needs root")
def test_an_index_of_another_user_is_not_made_ones_own(folder: Path, tmp_path: Path) -> None:
    for path in (folder / DIRECTORY, *(folder / DIRECTORY).iterdir()):
        os.chown(path, 1234, 1234)
    with pytest.raises(StoreError, match="would count as your own"):
        open_original(folder)
