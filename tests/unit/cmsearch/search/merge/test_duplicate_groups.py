"""Groups of near-duplicates of a store, and stores that came from anywhere."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from cmsearch.errors import StoreError
from cmsearch.models.plugins import encoders
from cmsearch.search.merge.duplicate_groups import find_duplicates
from cmsearch.store.catalog import files
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from indexer import Indexer
from tests.builders import scene, write_scene
from tests.unit.cmsearch.search.merge.test_details import LINES, screen


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes, and one more with a smaller copy and an equal one."""
    folder = tmp_path_factory.mktemp("duplicates") / "photos"
    for seed in (1, 2, 3):
        write_scene(folder / f"{seed}.bmp", seed)
    scene(1).resize((160, 120)).save(folder / "small.bmp")
    shutil.copy(folder / "1.bmp", folder / "equal.bmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "photos"))


def edit(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as opened, opened:
        opened.execute(statement, values)


def indexed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
    Indexer(folder, model="fake:colours").run()


def groups(folder: Path) -> list[list[str]]:
    with Store(folder / DIRECTORY) as store:
        found = find_duplicates(store).groups
    return [[copy.path.name for copy in (group.best, *group.others)] for group in found]


def test_a_group_has_its_largest_first(folder: Path) -> None:
    assert groups(folder) == [["1.bmp", "equal.bmp", "small.bmp"]]
    with Store(folder / DIRECTORY) as store:
        found = find_duplicates(store)
    assert (found.pictures, found.unhashed) == (5, 0)
    assert found.groups[0].others[1].bytes == (folder / "small.bmp").stat().st_size


def test_screens_that_differ_in_a_word_are_apart_and_their_copies_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, lines in {
        "hotel": LINES,
        "other hotel": ("Room 215", *LINES[1:]),
        "bank": ("Bank transfer", "Amount 120.00"),
        "chat": ("See you at gate 14",),
    }.items():
        screen(*lines).save(tmp_path / f"{name}.png")
    screen(*LINES).resize((270, 480)).save(tmp_path / "small.jpg", quality=80)
    screen(*LINES).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.webp", quality=80)
    indexed(tmp_path, monkeypatch)
    assert groups(tmp_path) == [["hotel.png", "small.jpg", "turned.webp"]]
    for name in ("small.jpg", "turned.webp"):
        (tmp_path / name).unlink()
    assert groups(tmp_path) == [], "what can't be looked at is no copy"


def test_the_best_has_the_most_pixels_not_the_most_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = scene(5, (800, 600))
    image.save(tmp_path / "original.jpg", quality=70)
    image.resize((400, 300)).save(tmp_path / "preview.bmp")
    image.save(tmp_path / "original (1).jpg", quality=95)
    indexed(tmp_path, monkeypatch)
    assert groups(tmp_path) == [["original.jpg", "original (1).jpg", "preview.bmp"]]
    with Store(tmp_path / DIRECTORY) as store:
        (group,) = find_duplicates(store).groups
    assert (group.best.width, group.best.height, group.best.reason) == (800, 600, "")
    assert [copy.reason for copy in group.others] == ["named as a copy", "fewer pixels"]


def test_damaged_vectors_are_no_hindrance(folder: Path) -> None:
    edit(folder, "UPDATE embeddings SET vector = zeroblob(16)")
    assert len(groups(folder)[0]) == 3


def test_an_empty_store_has_none(tmp_path: Path) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        found = find_duplicates(store)
    assert (found.groups, found.pictures, found.unhashed) == ((), 0, 0)


@pytest.mark.parametrize(
    "value",
    ["text", "x" * 256, b"", b"\x80", bytes(256), 7, 0.5, None, b"a" * 10**6],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_no_hash_compares_nothing(folder: Path, value: object, fake_model: str) -> None:
    edit(folder, "UPDATE items SET phash = ?", value)
    assert groups(folder) == [["1.bmp", "equal.bmp"]]
    with Store(folder / DIRECTORY) as store:
        to_mend = files.unhashed(store.catalog)
    Indexer(folder).run()
    well_formed = isinstance(value, bytes) and len(value) in (0, 256)
    assert len(to_mend) == (0 if well_formed else 5)
    assert len(groups(folder)[0]) == (2 if well_formed else 3)


def test_a_hash_that_all_have_makes_one_group(folder: Path) -> None:
    edit(folder, "UPDATE items SET phash = ?", b"\x80" * 256)
    assert len(groups(folder)[0]) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE assets SET size = 'huge'", "holds a value that cmsearch doesn't write"),
        ("UPDATE assets SET size = 9e999", "holds a value that cmsearch doesn't write"),
        ("UPDATE items SET digest = x'00'", "holds a value that cmsearch doesn't write"),
        ("UPDATE assets SET path = CAST(path AS BLOB)", "holds a value that cmsearch doesn't"),
        ("UPDATE assets SET path = '../' || path", "names a file outside its folder"),
    ],
)
def test_hostile_rows_are_refused(folder: Path, change: str, message: str) -> None:
    edit(folder, change)
    with Store(folder / DIRECTORY) as store, pytest.raises(StoreError, match=message):
        find_duplicates(store)
