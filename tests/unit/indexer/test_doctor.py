"""Whatever is damaged is found, answered around, and mended."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from cmsearch.errors import StoreError
from cmsearch.store.catalog import files
from cmsearch.store.index import faiss_index
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Progress
from indexer import Indexer
from indexer.doctor import encode_missing, examine, repair
from indexer.samples import Finding
from tests import damage
from tests.builders import write_files, write_picture
from tests.processes import faked

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan", "orange", "white")
LONG = "One long caption that goes on and on, until it is far more than the twelve words that fit."
HARMS = 50


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 pictures of many colours, captions, one of them long, and a document."""
    folder = tmp_path_factory.mktemp("doctor") / "photos"
    for number in range(24):
        write_picture(folder / f"{number:02}.png", COLOURS[number % 8], (8 + number, 8))
    write_files(folder, {
        "00.txt": f"a red thing\n{LONG}\n",
        "list.csv": "image,caption\n01.png,some green\n02.png,some blue\n",
        "notes.md": "Green is a colour. " * 40,
    })  # fmt: skip
    faked("index", folder, "--model", "fake:colours")
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "photos"))


def found(folder: Path, samples: int = 0) -> list[Finding]:
    with Store(folder / DIRECTORY) as store:
        return examine(store, samples=samples)


def mend(folder: Path) -> None:
    """As the command does it."""
    with Store(folder / DIRECTORY) as store:
        findings = examine(store, samples=100)
        repair(store, findings)
        encode_missing(store)


def embeddings(folder: Path) -> list[tuple[object, ...]]:
    """Every vector with its item and part, in an order that doesn't depend on rows."""
    with damage.catalog(folder) as connection:
        query = """SELECT items.digest, locator, part, vector, tokens FROM embeddings
                   JOIN items ON items.id = embeddings.item ORDER BY 1, 2, 3"""
        return list(connection.execute(query))


def test_a_whole_store_is_found_whole(folder: Path) -> None:
    assert found(folder, samples=100) == []


def test_a_store_is_whole_after_pictures_and_their_captions_moved(
    folder: Path, fake_model: str
) -> None:
    (folder / "sub").mkdir()
    for old, new in (("00.png", "a.png"), ("00.txt", "a.txt"), ("list.csv", "list.csv")):
        (folder / old).rename(folder / "sub" / new)
    for name in ("01.png", "02.png"):
        (folder / name).rename(folder / "sub" / name)
    Indexer(folder, model=fake_model).run()
    assert found(folder, samples=100) == []


@pytest.mark.parametrize("with_codes", [False, True], ids=["compared", "codes"])
def test_damaged_and_dropped_files_are_found_answered_around_and_mended(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    with_codes: bool,
) -> None:  # fmt: skip
    if with_codes:
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 20)
        with Store(folder / DIRECTORY) as store:
            store.disown_files()
            store.publish()
    chance = random.Random(7)
    assert any(path.name.startswith("kept") for path in damage.derived(folder)) == with_codes
    for turn in range(HARMS // 2):
        paths = damage.derived(folder)
        what = damage.harm(paths[turn % len(paths)], chance)
        caplog.clear()
        damage.assert_right(folder, COLOURS[turn % 3])
        assert any(one.levelno == logging.WARNING for one in caplog.records), what
        findings = found(folder)
        assert findings, what
        assert {one.check for one in findings} == {"files"}, what
        with Store(folder / DIRECTORY) as store:
            repair(store, findings)
        assert found(folder) == [], what


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE embeddings SET vector = x'0011' WHERE id = 5",
        "UPDATE embeddings SET vector = zeroblob(16) WHERE id = 5",
        "UPDATE embeddings SET vector = x'007e' || zeroblob(14) WHERE id = 5",
        "UPDATE embeddings SET vector = x'007c007c007c007c007c007c007c007c' WHERE id = 5",
        "UPDATE embeddings SET vector = x'ff7bff7bff7bff7bff7bff7bff7bff7b' WHERE id = 5",
        "UPDATE embeddings SET vector = x'003c0000000000000000000000000000' WHERE id = 5",
        "UPDATE embeddings SET tokens = x'00' WHERE id = 5",
        "UPDATE embeddings SET vector = 'a text of 16 chr' WHERE id = 5",
        "UPDATE embeddings SET vector = 7 WHERE id = 5",
        "UPDATE embeddings SET tokens = 'a text' WHERE id = 5",
        "DELETE FROM embeddings WHERE id = 5",
        "DELETE FROM embeddings",
    ],
    ids=["short", "zero", "nan", "inf", "huge", "other", "tokens", "text", "number", "text tokens",
         "missing", "all missing"],
)  # fmt: skip
def test_damaged_vectors_in_the_catalog_are_found_and_made_anew(
    folder: Path, statement: str
) -> None:
    before = embeddings(folder)
    damage.sql(folder, statement.replace("x'007e' || zeroblob(14)", f"x'007e{'00' * 14}'"))
    for text in COLOURS[:2]:
        assert {path for _, path in damage.answer(folder, text)} <= set(pictures(folder))
    assert found(folder)
    mend(folder)
    assert found(folder, samples=100) == []
    assert embeddings(folder) == before
    damage.assert_right(folder, "green")


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE embeddings SET vector = zeroblob(16) WHERE id = ?",
     "DELETE FROM embeddings WHERE id = ?"],
    ids=["zero", "missing"],
)  # fmt: skip
def test_one_damaged_piece_of_a_long_text_is_made_anew(
    folder: Path, statement: str, part: int
) -> None:
    before = embeddings(folder)
    with damage.catalog(folder) as connection:
        query = """SELECT embeddings.id FROM embeddings JOIN items ON items.id = embeddings.item
                   WHERE text = ? AND part = ?"""
        ((number,),) = connection.execute(query, (LONG, part)).fetchall()
        connection.execute(statement, (number,))
    assert found(folder)
    mend(folder)
    assert found(folder, samples=100) == []
    assert embeddings(folder) == before


def test_a_damaged_vector_doesnt_disturb_the_others(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the derived files a search reads the catalog's vectors, this one too."""
    for path in damage.derived(folder):
        path.unlink()
    whole = damage.answer(folder, "red")
    for number, bad in ((5, "007e"), (6, "007c"), (7, "00fc"), (8, "ff7b")):
        damage.sql(folder, f"UPDATE embeddings SET vector = x'{bad * 8}' WHERE id = {number}")
    found = damage.answer(folder, "red")
    lost = {f"{number - 1:02}.png" for number in (5, 6, 7, 8)}
    assert [one for one in found if one[1] not in lost] == [
        one for one in whole if one[1] not in lost
    ]
    assert all(abs(score) <= 1.001 for score, _ in found)
    assert {path for _, path in found}.isdisjoint(lost)


def test_a_lost_manifest_leaves_no_old_files_behind(folder: Path) -> None:
    """Numbers of snapshots go on: a file with a higher one would never be deleted."""
    for _ in range(3):
        with Store(folder / DIRECTORY) as store:
            store.disown_files()
            store.publish()
    (manifest,) = (folder / DIRECTORY).glob("manifest-*")
    manifest.write_text("damaged")
    with Store(folder / DIRECTORY) as store:
        store.publish()
    (manifest,) = (folder / DIRECTORY).glob("manifest-*")
    assert {path.stem.rpartition("-")[2] for path in damage.derived(folder)} == {
        manifest.stem.rpartition("-")[2]
    }


def test_nothing_is_thrown_away_while_the_pictures_are_away(folder: Path) -> None:
    """What can't be encoded again has to stay until it can."""
    store = folder.with_name("elsewhere")
    (folder / DIRECTORY).rename(store)
    with sqlite3.connect(store / CATALOG) as connection:
        connection.execute("INSERT OR REPLACE INTO settings VALUES ('root', ?)", (str(folder),))
        connection.execute("UPDATE embeddings SET tokens = x'00' WHERE id = 5")
    connection.close()
    folder.rename(folder.with_name("unmounted"))
    with Store(store) as opened:
        before = files.sizes(opened.catalog, 1)
        findings = examine(opened, samples=0)
        assert findings
        with pytest.raises(StoreError):
            repair(opened, findings)
            encode_missing(opened)
        after = files.sizes(opened.catalog, 1)
    assert {one: count for one, (count, _) in after.items()} == {
        one: count for one, (count, _) in before.items()
    }


def test_a_broken_reference_is_found_and_its_mending_said_or_done(folder: Path) -> None:
    damage.sql(folder, "UPDATE items SET about = 999 WHERE about IS NOT NULL")
    findings = found(folder)
    assert {one.check for one in findings} == {"catalog"}
    with Store(folder / DIRECTORY) as store, pytest.raises(StoreError, match="beyond repair"):
        repair(store, findings)
    assert damage.answer(folder, "red")


def test_a_path_that_leaves_the_folder_is_found(folder: Path) -> None:
    damage.sql(folder, "UPDATE assets SET path = '../../etc/passwd.png' WHERE path = '05.png'")
    assert {one.check for one in found(folder)} == {"files", "paths", "words"}


@pytest.mark.parametrize("name", ["ix_assets_digest", "embeddings_by_space"])
def test_a_damaged_index_of_sqlite_is_found_and_made_anew(folder: Path, name: str) -> None:
    """The entries of an index are gone, as after a lost write; its page is whole."""
    before = embeddings(folder)
    with damage.catalog(folder) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((page,),) = connection.execute(query, (name,)).fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    path = folder / DIRECTORY / CATALOG
    data = bytearray(path.read_bytes())
    start = (page - 1) * size
    data[start : start + 8] = bytes([10, 0, 0, 0, 0, 0, 0, 0])  # an empty leaf of an index
    data[start + 5 : start + 7] = size.to_bytes(2, "big")
    path.write_bytes(data)
    findings = found(folder)
    assert {one.check for one in findings} == {"catalog"}
    mend(folder)
    assert found(folder) == []
    assert embeddings(folder) == before


def test_a_catalog_of_which_pages_are_damaged_is_an_error_with_advice(folder: Path) -> None:
    """At any place: it may be a free byte, or damage that SQLite finds, and no traceback."""
    path = folder / DIRECTORY / CATALOG
    data = path.read_bytes()
    chance = random.Random(3)
    noticed = 0
    for _ in range(25):
        start = chance.randrange(0, len(data) - 300)
        path.write_bytes(data[:start] + chance.randbytes(300) + data[start + 300 :])
        noticed += is_noticed(folder)
        for log in path.parent.glob(f"{CATALOG}-*"):
            log.unlink()
    assert noticed >= 2


def is_noticed(folder: Path) -> bool:
    """Whether the doctor or a search sees the damage; every error is one of ours."""
    try:
        damage.answer(folder, "red")
    except StoreError as error:
        assert "doctor" in str(error) or "outside" in str(error) or "catalog" in str(error)
    try:
        return bool(found(folder))
    except StoreError:
        return True


@pytest.mark.parametrize("size", [100, 8192])
def test_a_catalog_that_was_overwritten_is_an_error_that_says_what_to_do(
    folder: Path, size: int
) -> None:
    (folder / DIRECTORY / CATALOG).write_bytes(b"x" * size)
    with pytest.raises(StoreError, match=r"doctor|copy|cmsearch index"):
        damage.answer(folder, "red")
    with pytest.raises(StoreError, match=r"copy|cmsearch index"):
        found(folder)


def test_an_emptied_catalog_is_found_and_indexed_again(folder: Path, fake_model: str) -> None:
    before = embeddings(folder)
    (folder / DIRECTORY / CATALOG).write_bytes(b"")
    with pytest.raises(StoreError, match="cmsearch index"):
        damage.answer(folder, "red")
    assert "cmsearch index" in found(folder)[0].what
    Indexer(folder, model=fake_model).run()
    assert found(folder) == []
    assert embeddings(folder) == before


def test_examining_says_what_a_changed_catalog_and_whole_files_disagree_on(folder: Path) -> None:
    damage.sql(folder, "UPDATE embeddings SET vector = (SELECT vector FROM embeddings"
                       " WHERE id = 1) WHERE id = 2")  # fmt: skip
    (finding,) = found(folder)
    assert finding == Finding("vectors", finding.what, (2,))


def test_samples_find_a_vector_that_is_not_of_its_picture(folder: Path) -> None:
    """Catalog and files agree on it; only the picture itself tells."""
    damage.sql(folder, "UPDATE embeddings SET vector = (SELECT vector FROM embeddings"
                       " WHERE id = 1) WHERE id = 2")  # fmt: skip
    with Store(folder / DIRECTORY) as store:
        store.disown_files()
        store.publish()
    assert found(folder) == []
    assert [one.check for one in found(folder, samples=100)] == ["samples"]
    before = embeddings(folder)
    with Store(folder / DIRECTORY) as store:
        repair(store, examine(store, samples=100))
        encode_missing(store)
    assert found(folder, samples=100) == []
    assert embeddings(folder) != before


def replaced(path: Path, content: bytes) -> None:
    """Other content of the same size and time, as `rsync --times` and restored backups leave it."""
    status = path.stat()
    assert len(content) <= status.st_size
    path.write_bytes(content.ljust(status.st_size, b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_samples_find_content_that_was_replaced_at_the_same_size_and_time(folder: Path) -> None:
    replaced(folder / "16.png", (folder / "02.png").read_bytes())
    replaced(folder / "notes.md", b"Blue is one too.\n")
    with Store(folder / DIRECTORY) as store:
        findings = sorted(examine(store, samples=100), key=lambda one: one.what)
        assert [one.check for one in findings] == ["samples", "samples"]
        assert [one.what.split()[0] for one in findings] == ["16.png", "notes.md"]
        assert all("other content than was indexed" in one.what for one in findings)
        repair(store, findings)
        encode_missing(store)
    assert found(folder, samples=100) == []
    assert "16.png" in {path for score, path in damage.answer(folder, "blue") if score > 0.9}


def test_of_a_store_elsewhere_no_file_is_read_until_it_is_trusted(
    folder: Path, tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only says which folder it is of, and that may be any."""
    config = tmp_path / "config"
    monkeypatch.setenv("CMSEARCH_CONFIG", str(config))
    place = tmp_path / "elsewhere"
    Indexer(folder, store=place, model=fake_model).run()
    replaced(folder / "16.png", (folder / "02.png").read_bytes())
    with Store(place) as store:
        assert examine(store, samples=100) == []
        with pytest.raises(StoreError, match="cmsearch index"):
            encode_missing(store)
    with Store(place, trusted=True) as store:
        assert [one.again for one in examine(store, samples=100)] == [("16.png",)]
    write_files(config, {"trusted": f"{place}\n"})
    with Store(place) as store:
        assert [one.again for one in examine(store, samples=100)] == [("16.png",)]


def test_samples_find_a_bad_file_that_was_replaced_by_a_good_one(folder: Path) -> None:
    """It had no items, so that no vector differs."""
    (folder / "bad.png").write_bytes(b"no picture".ljust(500))
    Indexer(folder).run()
    assert found(folder, samples=100) == []
    replaced(folder / "bad.png", (folder / "02.png").read_bytes())
    assert [one.again for one in found(folder, samples=100)] == [("bad.png",)]
    mend(folder)
    assert found(folder, samples=100) == []
    assert "bad.png" in {path for score, path in damage.answer(folder, "blue") if score > 0.9}


def test_samples_find_items_that_a_file_has_and_the_catalog_has_not(folder: Path) -> None:
    damage.sql(folder, "UPDATE items SET digest = 'other' WHERE text = 'some green'")
    (finding,) = found(folder, samples=100)
    assert (finding.check, finding.again) == ("samples", ("list.csv",))
    mend(folder)
    assert found(folder, samples=100) == []


def test_a_left_over_file_does_no_harm(folder: Path) -> None:
    (manifest,) = (folder / DIRECTORY).glob("manifest-*")
    manifest.with_name(".cmsearch-0123456789abcdef.new").write_bytes(b"cut off")
    assert found(folder) == []
    damage.assert_right(folder, "red")


def pictures(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.png")]


def test_how_far_each_stage_is_is_told(folder: Path) -> None:
    told = list[Progress]()
    with Store(folder / DIRECTORY) as store:
        examine(store, samples=2, tell=told.append)
    stages = list(dict.fromkeys(one.stage for one in told))
    assert stages == ["catalog", "words", "vectors", "tables", "files", "samples"]
    assert all(0 <= one.done <= one.total for one in told)
    for stage in ("vectors", "files"):
        assert [one for one in told if one.stage == stage][-1].done == embedding_count(folder)


def embedding_count(folder: Path) -> int:
    with damage.catalog(folder) as connection:
        return int(connection.execute("SELECT count(*) FROM embeddings").fetchone()[0])


def test_samples_are_taken_of_files_that_are_as_they_were(folder: Path) -> None:
    for path in folder.glob("*.png"):
        if path.name != "07.png":
            path.unlink()
    (folder / "notes.md").write_text("Something else")
    damage.sql(folder, "UPDATE assets SET digest = 'another' WHERE path IN ('07.png', '08.png')")
    findings = found(folder, samples=100)
    assert [one.again for one in findings if one.check == "samples"] == [("07.png",)]
