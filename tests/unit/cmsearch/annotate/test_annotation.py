"""Labels and captions for the pictures of a store: of which, which, and in what order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cmsearch
from cmsearch import Engine, Filter, QueryError, StoreError
from cmsearch.annotate.annotation import Annotation, describe, label
from indexer import Indexer
from tests import damage
from tests.builders import write_files, write_picture
from tests.processes import faked

COLOURS = ("red", "green", "blue")
CAPTIONS = {
    "a/red.txt": "red\nred thing\n",
    "a/green.txt": "green\n",
    "blue.txt": "blue\n",
    "other.txt": "red\n",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three coloured pictures with captions, one more that is red, and one without any."""
    folder = tmp_path_factory.mktemp("annotation")
    places = {"a/red.png": "red", "a/green.png": "green", "blue.png": "blue", "other.png": "red"}
    for place, colour in {**places, "plain.png": "red"}.items():
        write_picture(folder / place, colour, (8, 8 + len(place)))
    write_files(folder, CAPTIONS)
    faked("index", folder, "--model", "fake:colours")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    with cmsearch.open(folder) as opened:
        yield opened


def names(found: Iterator[Annotation], folder: Path) -> list[str]:
    return [one.path.relative_to(folder).as_posix() for one in found]


ALL = ["a/green.png", "a/red.png", "blue.png", "other.png", "plain.png"]


@pytest.mark.parametrize(
    ("pictures", "where", "expected"),
    [
        ([], Filter(), ALL),
        (["."], Filter(), ALL),
        (["a"], Filter(), ["a/green.png", "a/red.png"]),
        (["a/", "a/red.png"], Filter(), ["a/green.png", "a/red.png"]),
        (["plain.png", "blue.png"], Filter(), ["blue.png", "plain.png"]),
        ([], Filter(path="*e*.png"), ["a/green.png", "a/red.png", "blue.png", "other.png"]),
        (["a"], Filter(path="red*"), ["a/red.png"]),
        (["plain.png"], Filter(has_caption=True), []),
        ([], Filter(has_caption=False), ["plain.png"]),
    ],
)
def test_the_pictures_are_those_that_are_named_and_pass_the_filter(
    engine: Engine, folder: Path, pictures: list[str], where: Filter, expected: list[str]
) -> None:
    named = [folder / one for one in pictures]
    assert names(label(engine, ["red"], pictures=named, where=where), folder) == expected
    assert names(describe(engine, pictures=named, where=where), folder) == expected


def test_paths_are_taken_from_the_working_directory_and_through_links(
    engine: Engine, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "a")
    assert names(label(engine, ["red"], pictures=["red.png"]), folder) == ["a/red.png"]
    link = folder.parent / f"{folder.name}-link"
    link.symlink_to(folder)
    assert names(label(engine, ["red"], pictures=[link / "blue.png"]), folder) == ["blue.png"]


@pytest.mark.parametrize("name", ["none.png", "a/red.txt", "..", "/etc", "re"])
def test_a_name_that_is_no_picture_of_the_store_is_said(
    engine: Engine, folder: Path, name: str
) -> None:
    with pytest.raises(QueryError, match="no picture"):
        label(engine, ["red"], pictures=[folder / name])


def test_each_picture_has_its_likely_labels_the_likeliest_first(engine: Engine) -> None:
    every = {one.path.stem: one for one in label(engine, [*COLOURS], least=0, top=3)}
    for colour in COLOURS:
        found = every[colour].labels
        assert found[0].name == colour
        assert len(found) == 3
        confidences = [one.confidence for one in found]
        assert confidences == sorted(confidences, reverse=True)
    likeliest = next(label(engine, ["red"], least=0)).labels[0]
    assert not next(label(engine, ["red"], least=likeliest.confidence + 0.001)).labels


def test_no_more_labels_than_asked_for_are_given(engine: Engine) -> None:
    assert {len(one.labels) for one in label(engine, [*COLOURS], least=0, top=2)} == {2}


def test_no_file_is_opened(engine: Engine, folder: Path) -> None:
    engine.encoder  # noqa: B018  # loaded before the files are gone
    before = [list(label(engine, ["red", "blue"], least=0)), list(describe(engine, least=0))]
    for place in [*folder.rglob("*.png"), *folder.rglob("*.txt")]:
        place.unlink()
    assert [
        list(label(engine, ["red", "blue"], least=0)),
        list(describe(engine, least=0)),
    ] == before


def test_captions_are_those_of_other_pictures(engine: Engine, folder: Path) -> None:
    found = {one.path.name: one.captions for one in describe(engine, least=0, top=1)}
    (best,) = found["red.png"]
    assert (best.text, best.source, best.about) == ("red", "other.txt:1", folder / "other.png")
    assert found["blue.png"][0].text != "blue"


def test_own_captions_count_if_asked_for_and_a_text_is_given_once(engine: Engine) -> None:
    for one in describe(engine, least=0, top=10, own=True):
        assert sorted(each.text for each in one.captions) == ["blue", "green", "red", "red thing"]
    found = {one.path.name: one.captions for one in describe(engine, least=0, own=True)}
    assert found["blue.png"][0].text == "blue"


def test_a_caption_less_likely_than_asked_for_is_left_out(engine: Engine) -> None:
    for one in describe(engine, least=0.5, top=10):
        assert all(each.confidence is not None and each.confidence >= 0.5 for each in one.captions)
    assert any(one.captions for one in describe(engine, least=0.5))
    assert not all(one.captions for one in describe(engine, least=1))


def test_many_captions_of_its_own_hide_none_of_others(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "a.png", "red")
    write_picture(tmp_path / "b.png", "blue")
    own = "".join(f"red {number}\n" for number in range(500))
    write_files(tmp_path, {"a.txt": own, "b.txt": "blue\n"})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        found = {one.path.name: one.captions for one in describe(engine, least=0)}
    assert [one.text for one in found["a.png"]] == ["blue"]
    assert len(found["b.png"]) == 3


def test_without_captions_it_says_so(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "a.png")
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine, pytest.raises(QueryError, match="no caption"):
        describe(engine)


WRONG: list[dict[str, Any]] = [
    {"top": 0},
    {"top": 1.5},
    {"least": -0.1},
    {"least": 1.1},
    {"least": float("nan")},
    {"least": "high"},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_numbers_that_cant_be_meant_are_said(engine: Engine, wrong: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        label(engine, ["red"], **wrong)
    with pytest.raises(QueryError):
        describe(engine, **wrong)


def test_a_store_that_names_files_outside_is_refused(folder: Path) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("UPDATE assets SET path = '../out.png' WHERE path = 'blue.png'")
    with cmsearch.open(folder) as engine, pytest.raises(StoreError, match="outside"):
        list(label(engine, ["red"]))
    with cmsearch.open(folder) as engine, pytest.raises(StoreError, match="outside"):
        list(describe(engine, least=0, top=10))


def test_a_folder_that_moved_is_annotated_where_it_is(folder: Path) -> None:
    moved = Path(shutil.move(folder, folder.with_name("moved")))
    with cmsearch.open(moved) as engine:
        assert names(label(engine, ["red"]), moved) == ALL
