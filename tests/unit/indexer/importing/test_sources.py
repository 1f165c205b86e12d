"""A source is told by what it holds, and says what it lacks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import CmsearchError, QueryError
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.store.vector_files import Form, export
from cmsearch.types import Encoding, Modality, Part
from indexer.importing.rows import Page
from indexer.importing.sources import open_source
from tests import imports
from tests.builders import caption, page, photo, put, serve
from tests.fakes import SOUND_SPACE
from tests.oracle import unit_vectors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    imports.write_pictures(tmp_path / "pics", 7)
    return tmp_path / "pics"


def names(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.png"))


def test_each_form_is_told_from_the_others(folder: Path, tmp_path: Path) -> None:
    found, vectors = names(folder), imports.pictures(folder, names(folder))
    places = {
        "a folder of clip-retrieval": imports.write_clip_retrieval(tmp_path / "c", folder, found),
        "a database of rclip": imports.write_rclip(tmp_path / "r" / "db.sqlite3", folder, found),
        "an array with paths": imports.write_arrays(tmp_path / "a", vectors, found, ".txt"),
        "a table with vectors": imports.write_parquet(tmp_path / "vectors.pq", vectors, found),
    }
    for form, place in places.items():
        source = open_source(place)
        assert (source.form, source.dim, source.model is None) == (form, 8, "rclip" not in form)
        assert source.rows == (14 if "clip-r" in form else 7) == sum(map(length, source.pages()))
    assert open_source(tmp_path / "r").form == "a database of rclip"
    assert open_source(tmp_path / "a").form == "an array with paths"


def length(found: Page) -> int:
    return len(found.vectors)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Photos, captions, pages and shots, of which some have several vectors."""
    root, random = tmp_path / "root", np.random.default_rng(0)
    root.mkdir()
    with Store(root / DIRECTORY, root) as store:
        serve(store.catalog, 8)
        put(store.catalog, 1, "a.jpg", photo(unit_vectors(random, 1, 8)))
        said = [
            caption(f"Text {n}", unit_vectors(random, 1 + n, 8), "a.jpg", str(n)) for n in (1, 2)
        ]
        put(store.catalog, 1, "said.jsonl", *said, kind="captions")
        put(store.catalog, 1, "b.pdf", *(page(unit_vectors(random, 1, 8), n) for n in (1, 2)))
        shot = Part(Modality.VIDEO, "shot", None, locator="0.00-2.50")
        rows = Encoding(unit_vectors(random, 3, 8))
        put(store.catalog, 1, "f.mp4", NewItem(shot, None, "shot", rows), kind="video")
        export(store, tmp_path / "out", Form(table="jsonl"))
    return tmp_path / "out"


def test_an_export_gives_whole_items(exported: Path) -> None:
    source = open_source(exported)
    assert (source.form, source.rows, source.model) == ("an export of cmsearch", 11, "fake:colours")
    found = [
        (row.path, row.kind, row.about, count)
        for own in source.pages()
        for row, count in zip(own.rows, own.counts or (), strict=True)
    ]
    assert found == [
        ("a.jpg", "photo", None, 1),
        ("b.pdf", "page", None, 1),
        ("b.pdf", "page", None, 1),
        ("said.jsonl", "caption", "a.jpg", 2),
        ("said.jsonl", "caption", "a.jpg", 3),
        ("f.mp4", "shot", None, 3),
    ]
    arrays = [
        np.load(exported / f"{one}_emb" / f"{one}_emb_0.npy") for one in ("img", "text", "video")
    ]
    vectors = np.concatenate([own.vectors for own in source.pages()])
    assert np.array_equal(vectors, np.concatenate(arrays))
    alone = open_source(exported, [Modality.VIDEO])
    assert alone.rows == 3 == sum(map(length, alone.pages()))


def test_sounds_are_left_out_of_an_export(tmp_path: Path) -> None:
    root, random = tmp_path / "root", np.random.default_rng(0)
    root.mkdir()
    with Store(root / DIRECTORY, root) as store:
        serve(store.catalog, 8)
        put(store.catalog, 1, "a.jpg", photo(unit_vectors(random, 1, 8)))
        with store.catalog.writing() as writer:
            number = writer.put_sound_space(SOUND_SPACE, "numpy", unit_vectors(random, 2, 8))
        part = Part(Modality.SOUND, "sound", None, locator="0.00-2.00")
        sound = NewItem(part, None, "sound", Encoding(unit_vectors(random, 1, 8)))
        put(store.catalog, number, "a.mp3", sound, kind="audio")
        export(store, tmp_path / "out", Form(table="jsonl"))
    source = open_source(tmp_path / "out")
    assert source.rows == 1 == sum(map(length, source.pages()))
    assert source.left_out == ("Sounds are left out: index with --sound.",)
    assert not source.is_of_many


def test_items_stay_whole_between_pages(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [own for one in open_source(exported).pages() for own in one.counts or ()]
    for size in (1, 2, 3):
        monkeypatch.setattr("indexer.importing.tables.PAGE", size)
        pages = [*open_source(exported).pages()]
        assert [own for one in pages for own in one.counts or ()] == whole


@pytest.mark.parametrize(
    "changes",
    [
        {"row": -1}, {"row": 10**30}, {"row": "0"}, {"row": None}, {"array": None},
        {"array": "../out"}, {"kind": "x"}, {"kind": None}, {"file": 1}, {"locator": []},
        {"caption": {}}, {"image_path": "\ud800"}, {"row": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_table_of_an_export_may_hold_anything(exported: Path, changes: dict[str, object]) -> None:
    table = exported / "metadata" / "metadata_0.jsonl"
    lines = [json.loads(line) | changes for line in table.read_text().splitlines()]
    table.write_text("\n".join(map(json.dumps, lines)))
    for own in open_source(exported).pages():
        assert len(own.vectors) == sum(own.counts or ())


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"arrays": []}', '{"arrays": {"img_emb": 1}}', "[" * 100_000),
        '{"arrays": {"img_emb": {"dim": "8"}}}',
    ],
    ids=lambda text: text[:30],
)
def test_a_description_that_is_none_is_told(exported: Path, text: str) -> None:
    (exported / "export.json").write_text(text)
    with pytest.raises(CmsearchError, match=str(exported)):
        open_source(exported)


def test_a_description_names_only_arrays(exported: Path) -> None:
    described = json.loads((exported / "export.json").read_text())
    described["arrays"]["../../etc"] = described["arrays"]["img_emb"]
    (exported / "export.json").write_text(json.dumps(described))
    assert open_source(exported).rows == 11


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a table missing": (lambda at: (at / "metadata/metadata_01.parquet").unlink(), "no table of"),
    "an array shorter": (
        lambda at: np.save(at / "img_emb/img_emb_01.npy", np.ones((1, 8), np.float32)),
        "1 rows and",
    ),
    "two models": (
        lambda at: np.save(at / "text_emb/text_emb_01.npy", np.ones((3, 9), np.float32)),
        "two models",
    ),
    "no array": (
        lambda at: [
            shutil.rmtree(at / one) or (at / one).mkdir() for one in ("img_emb", "text_emb")
        ],
        "no vectors",
    ),
    "no Parquet": (
        lambda at: (at / "metadata/metadata_00.parquet").write_bytes(b"x" * 99),
        "as Parquet",
    ),
}


@pytest.mark.parametrize(("act", "said"), BROKEN.values(), ids=BROKEN)
def test_what_doesn_t_belong_together_is_told(
    folder: Path, tmp_path: Path, act: Callable[[Path], object], said: str
) -> None:
    place = imports.write_clip_retrieval(tmp_path / "from", folder, names(folder))
    act(place)
    with pytest.raises(CmsearchError, match=said):
        open_source(place)


def test_what_is_no_source_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    np.save(tmp_path / "lone.npy", np.ones((1, 8)))
    for place, said in {
        tmp_path / "none": "There is no",
        tmp_path / "a.txt": "can't be imported. It is to be",
        folder: "can't be imported. It is to be",
        tmp_path / "lone.npy": "there is no table of what its rows are of",
        tmp_path / ("x" * 400): "can't be looked at|There is no",
    }.items():
        with pytest.raises(CmsearchError, match=said):
            open_source(place)
    with pytest.raises(QueryError):
        open_source(tmp_path / "none")
