"""A run that looks only at what changed leaves what a run over all files would have left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import StoreError
from cmsearch.store.catalog import files
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Asset, Skipped
from indexer import Indexer, Report, parts
from indexer.scan import Scan
from indexer.walk import IGNORE_FILE
from tests.builders import write_files, write_picture


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    folder = tmp_path / "photos"
    for path in ("a/1.png", "a/2.png", "a/b/3.png", "c/4.png", "5.png"):
        write_picture(folder / path, "red", (8, 8 + int(path[-5])))
    write_files(folder, {
        "a/1.txt": "a red thing", "c/6.txt": "A passage.",
        "a/list.csv": "image,caption\n2.png,two\n",
        "late.csv": "image,caption\nc/9.png,the ninth\nc/4.png,the fourth\n",
    })  # fmt: skip
    Indexer(folder, model=fake_model).run()
    return folder


def run(folder: Path, *changed: str) -> Report:
    """What a run near these paths did, after which one over all files finds nothing to do."""
    done = Indexer(folder).run(changed=changed)
    before = content(folder)
    whole = Indexer(folder).run()
    assert (whole.added, whole.removed, whole.moved) == (0, 0, 0)
    assert content(folder) == before
    assert set(before) == {file.path for file in Scan(folder)}
    return done


def content(folder: Path) -> dict[str, tuple[Asset, frozenset[str]]]:
    """Every file of the store, and the digests of its items."""
    with Store(folder / DIRECTORY) as store:
        return {
            path: (asset, files.item_digests(store.catalog, path, 1))
            for path, asset in files.assets(store.catalog).items()
        }


def add(folder: Path) -> list[str]:
    write_picture(folder / "a/7.png", "blue")
    return ["a/7.png"]


def add_a_folder(folder: Path) -> list[str]:
    write_picture(folder / "new/below/8.png", "blue")
    write_files(folder, {"new/below/8.txt": "eight", "new/x.md": "A note."})
    return ["new"]


def add_beside_a_text(folder: Path) -> list[str]:
    write_picture(folder / "c/6.png", "blue")
    return ["c/6.png"]


def delete(folder: Path) -> list[str]:
    (folder / "a/1.png").unlink()
    return ["a/1.png"]


def delete_a_folder(folder: Path) -> list[str]:
    (folder / "a/b/3.png").unlink()
    (folder / "a/b").rmdir()
    return ["a/b", "a/b/3.png"]


def change(folder: Path) -> list[str]:
    write_picture(folder / "a/b/3.png", "green", (30, 30))
    return ["a/b/3.png"]


def rename_a_folder(folder: Path) -> list[str]:
    (folder / "a").rename(folder / "z")
    return ["a", "z"]


def rename(folder: Path) -> list[str]:
    (folder / "a/2.png").rename(folder / "c/2.png")
    return ["a/2.png", "c/2.png"]


def replace_by_a_folder(folder: Path) -> list[str]:
    (folder / "5.png").unlink()
    write_picture(folder / "5.png/inner.png", "blue")
    return ["5.png"]


def hide(folder: Path) -> list[str]:
    (folder / "c").rename(folder / ".c")
    return ["c"]


def ignore(folder: Path) -> list[str]:
    (folder / "a" / IGNORE_FILE).write_text("b/\n")
    write_picture(folder / "a/b/7.png", "blue")
    return [f"a/{IGNORE_FILE}", "a/b/7.png"]


def write_where_nothing_is_read(folder: Path) -> list[str]:
    write_picture(folder / "node_modules/1.png")
    write_files(folder, {"store/catalog.db": "", "store/writer.lock": "", "store/in/1.png": ""})
    write_picture(folder / "store/in/2.png")
    return ["node_modules/1.png", "node_modules", "store/in/2.png", "store/in", "gone/1.png"]


@pytest.mark.parametrize(
    ("act", "counts"),
    [
        (add, (1, 1, 0, 0)),
        (add_a_folder, (3, 1, 0, 0)),
        (add_beside_a_text, (1, 2, 0, 0)),
        (delete, (0, 1, 1, 0)),
        (delete_a_folder, (0, 0, 1, 0)),
        (change, (0, 2, 0, 0)),
        (rename_a_folder, (0, 2, 0, 5)),
        (rename, (0, 2, 0, 1)),
        (replace_by_a_folder, (1, 1, 1, 0)),
        (hide, (0, 1, 2, 0)),
        (ignore, (0, 1, 1, 0)),
        (write_where_nothing_is_read, (0, 1, 0, 0)),
    ],
)
def test_a_run_near_a_change_does_what_one_over_all_files_does(
    folder: Path, act: Callable[[Path], list[str]], counts: tuple[int, int, int, int]
) -> None:
    """Captions that wait for a picture are read wherever one came, and beside what changed."""
    done = run(folder, *act(folder))
    assert (done.added, done.changed, done.removed, done.moved) == counts


def test_only_the_folders_of_what_changed_are_looked_at(folder: Path) -> None:
    scan = Scan(folder, changed=add(folder))
    assert {file.path for file in scan} == {
        "a/1.png",
        "a/2.png",
        "a/7.png",
        "a/1.txt",
        "a/list.csv",
    }
    report = Indexer(folder).run(changed=["a/7.png"])
    assert (report.is_whole, report.unchanged) == (False, 4)
    assert Indexer(folder).run().is_whole


def test_captions_that_waited_for_a_picture_are_read_when_it_comes(folder: Path) -> None:
    write_picture(folder / "c/9.png", "blue")
    done = Indexer(folder).run(changed=["c/9.png"])
    assert (done.added, done.changed, done.skipped) == (1, 1, ())
    with cmsearch.open(folder) as engine:
        assert "the ninth" in {hit.text for hit in engine.search("the ninth", target="caption")}


def test_where_events_are_not_enough_all_files_are_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_whole(*changed: str) -> bool:
        return Indexer(folder).run(changed=changed).is_whole

    assert not is_whole("a/1.png") and not is_whole()
    assert is_whole("") and is_whole(f"a/b/{IGNORE_FILE}")
    monkeypatch.setattr(parts, "MOST", 2)
    assert is_whole("1", "2", "3") and not is_whole("1", "2")
    (folder / "a" / "link.png").symlink_to(folder / "5.png")
    assert is_whole("a/1.png") and is_whole("a") and not is_whole("c/4.png")
    (folder / "linked").symlink_to(folder / "c")
    assert is_whole("linked/4.png")


def test_a_folder_that_can_not_be_read_is_not_gone(folder: Path) -> None:
    (folder / "a" / "b" / IGNORE_FILE).mkdir()
    done = Indexer(folder).run(changed=["a/b/3.png"])
    assert done.removed == 0 and done.is_whole
    assert (
        Skipped("a/b/", f"can't be read: not a regular file ({IGNORE_FILE} in it)") in done.skipped
    )


def test_a_folder_that_is_empty_all_at_once_is_not_forgotten(
    tmp_path: Path, fake_model: str
) -> None:
    write_picture(tmp_path / "a/1.png")
    Indexer(tmp_path, model=fake_model).run()
    (tmp_path / "a/1.png").unlink()
    with pytest.raises(StoreError, match="None of the 1 files"):
        Indexer(tmp_path).run(changed=["a/1.png"])
