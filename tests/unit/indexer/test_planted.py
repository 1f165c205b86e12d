"""Links that somebody left at the names of what is written lead nowhere: nothing follows them."""

from __future__ import annotations

from pathlib import Path

import pytest

import cmsearch
from cmsearch.commands import history
from cmsearch.store.store import DIRECTORY
from cmsearch.types import Query, QueryPart
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import called

MODEL = "fake:colours"
IN_STORE = (
    *("writer.json", "catalog.db.new", "catalog.db.new-journal", "manifest-1.json"),
    *("manifest-1.json.new", "vectors-1-image-1.f16", "vectors-1-image-1.f16.new"),
    *("ids-1-image-1.i64", "ids-1-image-1.i64.new", "vectors-1-text-1.f16.new"),
)
BESIDE = ("sheet.html.new", ".sheet.html.new", ".red.png.xmp.cmsearch-new", "red.png.xmp.new")


@pytest.fixture
def victims(tmp_path: Path) -> Path:
    return write_files(tmp_path, {"victims/a": "mine", "victims/b": "mine"}) / "victims"


def assert_whole(victims: Path) -> None:
    found = {path.name: path.read_text() for path in victims.iterdir()}
    assert found == {"a": "mine", "b": "mine"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    for colour in ("red", "green", "blue"):
        write_picture(place / f"{colour}.png", colour)
    write_files(place, {"note.txt": "A red house."})
    return place


@pytest.mark.parametrize("target", ["a", "nowhere"])
def test_indexing_follows_no_link_of_the_store(
    folder: Path, victims: Path, fake_model: str, target: str
) -> None:
    (folder / DIRECTORY).mkdir()
    for name in IN_STORE:
        (folder / DIRECTORY / name).symlink_to(victims / target)
    Indexer(folder, model=fake_model).run()
    write_picture(folder / "more.png", "yellow")
    Indexer(folder, model=fake_model).run()
    with cmsearch.open(folder) as engine:
        assert engine.search("red", k=1)[0].path.name == "red.png"
    assert_whole(victims)


def test_a_folder_in_place_of_the_writers_name_is_left_alone(folder: Path, fake_model: str) -> None:
    write_files(folder / DIRECTORY, {"writer.json/kept": "mine"})
    Indexer(folder, model=fake_model).run()
    assert (folder / DIRECTORY / "writer.json" / "kept").read_text() == "mine"


def test_what_lies_beside_a_page_or_a_picture_stays(
    folder: Path, victims: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CMSEARCH_STATE", str(tmp_path / "state"))
    Indexer(folder, model=fake_model).run()
    for name in BESIDE:
        (folder / name).symlink_to(victims / "a")
    (folder / "notes.html.new").write_text("mine")
    for name in ("sheet.html", "notes.html"):
        done = called("search", "red", "--html", name, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert 'content="cmsearch"' in (folder / name).read_text()
    for content in ("red\ngreen\n", "red\ngreen\nblue\n"):  # written, then changed
        write_files(tmp_path, {"labels.txt": content})
        asked = ("--xmp", "--labels", tmp_path / "labels.txt", "--min-confidence", 0)
        done = called("annotate", "red.png", *asked, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert (folder / "red.png.xmp").is_file()
    assert (folder / "notes.html.new").read_text() == "mine"
    assert all((folder / name).is_symlink() for name in BESIDE)
    assert_whole(victims)


def test_a_link_at_the_last_search_is_replaced(
    victims: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CMSEARCH_STATE", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "last.json").symlink_to(victims / "a")
    history.keep(history.LastSearch([tmp_path], Query((QueryPart("red"),)), {}, []))
    assert history.last().query.parts[0].content == "red"
    assert (tmp_path / "state" / "last.json").stat().st_mode & 0o777 == 0o600
    assert_whole(victims)
