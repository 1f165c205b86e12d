"""What is exported are the catalog's own vectors and paths, in files that are whole or absent."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.common.text import native, storable
from cmsearch.errors import CmsearchError, StoreError
from cmsearch.store import metadata_files, vector_files
from cmsearch.store.catalog import items
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.store.vector_files import Form, export
from cmsearch.types import Encoding, FloatArray, Modality, Part
from tests.builders import caption, page, photo, put, remove, serve, space
from tests.commands import called
from tests.limits import limited_files
from tests.oracle import unit_vectors

DIM = 8
LINES = Form(table="jsonl")
NAMES = ["a.jpg", "b/ünï\n'\"c.jpg", storable("caf\udce9.jpg"), "\u202egpj.jpg"]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    """Photos, one of them of two vectors, captions, pages, and the shots of a film."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with Store(folder / DIRECTORY, folder) as opened:
        serve(opened.catalog, DIM)
        for number, name in enumerate(NAMES):
            own = rows(2 if number == 1 else 1, number)
            put(opened.catalog, 1, name, photo(own, f"photo {number}"))
        put(opened.catalog, 1, "gone.jpg", photo(rows(1, 7)))
        remove(opened.catalog, "gone.jpg")
        texts = [
            caption(f"Text {n}\n\0 \U0001f600", rows(1, 10 + n), name)
            for n, name in enumerate(NAMES)
        ]
        put(opened.catalog, 1, "captions.jsonl", *texts, kind="captions")
        put(opened.catalog, 1, "book.pdf", page(rows(1, 20), 1), page(rows(1, 21), 2), kind="pdf")
        put(opened.catalog, 1, "film.mp4", shot(rows(3, 30)), kind="video")
        yield opened


def rows(count: int, seed: int) -> FloatArray:
    return unit_vectors(np.random.default_rng(seed), count, DIM)


def shot(vectors: FloatArray) -> NewItem:
    part = Part(Modality.VIDEO, "shot", None, locator="0.00-2.50")
    return NewItem(part, None, "shot", Encoding(vectors))


def table(folder: Path) -> list[dict[str, Any]]:
    """The rows of the table, in whichever form."""
    place = folder / "metadata" / "metadata_0.jsonl"
    if place.exists():
        return [json.loads(line) for line in place.read_bytes().splitlines()]
    from pyarrow import parquet

    found: list[dict[str, Any]] = parquet.read_table(place.with_suffix(".parquet")).to_pylist()
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_it_is_what_the_catalog_has(opened: Store, tmp_path: Path, form: str, dtype: str) -> None:
    to = tmp_path / "out"
    found = export(opened, to, Form(dtype, form))
    names = {"img_emb": Modality.IMAGE, "text_emb": Modality.TEXT, "video_emb": Modality.VIDEO}
    assert list(found.arrays) == list(names)
    assert found.arrays == {"img_emb": (7, DIM), "text_emb": (4, DIM), "video_emb": (3, DIM)}
    expected = []
    for name, modality in names.items():
        ids, vectors = items.embeddings(opened.catalog, 1, modality, DIM)
        array = np.load(to / name / f"{name}_0.npy")
        assert array.dtype == np.dtype(dtype)
        assert np.array_equal(array, vectors)
        own = items.of_embeddings(opened.catalog, ids.tolist())
        expected += [(name, row, own[number]) for row, number in enumerate(ids.tolist())]
    assert table(to) == [
        {
            "image_path": item.about or item.path,
            "caption": item.text,
            "file": item.path,
            "locator": item.locator,
            "kind": item.kind,
            "modality": names[name],
            "array": name,
            "row": row,
        }
        for name, row, item in expected
    ]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_odd_names_and_texts_come_back(opened: Store, tmp_path: Path, form: str) -> None:
    export(opened, tmp_path / "out", Form(table=form))
    found = [one for one in table(tmp_path / "out") if one["kind"] == "caption"]
    assert [native(one["image_path"]) for one in found] == [native(name) for name in NAMES]
    assert [one["caption"] for one in found] == [f"Text {n}\n\0 \U0001f600" for n in range(4)]


def test_the_same_state_gives_the_same_files(opened: Store, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(opened, tmp_path / name)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert len(files_of(tmp_path / "one")) == 5


def test_of_one_modality_the_table_has_the_rows_of_the_array(opened: Store, tmp_path: Path) -> None:
    export(opened, tmp_path / "out", Form("float16", "jsonl", (Modality.TEXT,)))
    assert [(one["array"], one["row"]) for one in table(tmp_path / "out")] == [
        ("text_emb", row) for row in range(4)
    ]
    assert not (tmp_path / "out" / "img_emb").exists()


def test_it_says_of_which_model_they_are(opened: Store, tmp_path: Path) -> None:
    export(opened, tmp_path / "out", LINES)
    found = json.loads((tmp_path / "out" / "export.json").read_bytes())
    own = space(DIM)
    for array in found["arrays"].values():
        assert array["name"] == "fake:colours" and array["weights"] == own.weights
    assert {name: one["rows"] for name, one in found["arrays"].items()} == {
        "img_emb": 7,
        "text_emb": 4,
        "video_emb": 3,
    }


def test_sounds_are_those_of_their_own_model(opened: Store, tmp_path: Path) -> None:
    own = replace(space(4), model="sounds")
    with opened.catalog.writing() as writer:
        number = writer.put_sound_space(own, "numpy", np.eye(4, dtype=np.float32))
    part = Part(Modality.SOUND, "sound", None, locator="0.00-9.00")
    heard = np.eye(4, dtype=np.float32)[:1]
    sound = NewItem(part, None, "sound", Encoding(heard))
    put(opened.catalog, number, "dog.wav", sound, kind="audio")
    found = export(opened, tmp_path / "out", LINES)
    assert list(found.arrays.items())[-1] == ("sound_emb", (1, 4))
    assert np.array_equal(np.load(tmp_path / "out" / "sound_emb" / "sound_emb_0.npy"), heard)
    described = json.loads((tmp_path / "out" / "export.json").read_bytes())
    assert described["arrays"]["sound_emb"]["name"] == "fake:sounds"
    assert table(tmp_path / "out")[-1]["image_path"] == "dog.wav"


def test_it_goes_piece_by_piece(
    opened: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than a piece is described or written at once, and the files are the same."""
    export(opened, tmp_path / "whole")
    described = []

    def of_embeddings(catalog: Any, ids: Any) -> Any:
        described.append(len(ids))
        return real(catalog, ids)

    real = items.of_embeddings
    monkeypatch.setattr(items, "of_embeddings", of_embeddings)
    monkeypatch.setattr(items, "_ON_A_PAGE", 3)
    monkeypatch.setattr(vector_files, "_PIECE", 2)
    monkeypatch.setattr(metadata_files, "_MOST_ROWS", 4)
    seen: list[tuple[str, int, int]] = []
    export(opened, tmp_path / "pieces", report=lambda *told: seen.append(told))
    assert max(described) == 2
    assert [one for one in seen if one[1] == one[2]] == [
        ("img_emb", 7, 7),
        ("text_emb", 4, 4),
        ("video_emb", 3, 3),
    ]
    assert table(tmp_path / "pieces") == table(tmp_path / "whole")
    for name in ("img_emb", "text_emb", "video_emb"):
        arrays = [tmp_path / one / name / f"{name}_0.npy" for one in ("whole", "pieces")]
        assert arrays[0].read_bytes() == arrays[1].read_bytes()


@pytest.mark.parametrize("is_remote", [False, True])
def test_others_write_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_remote: bool
) -> None:
    """Beside a log they see one state; on a network drive nobody waits for an export."""
    monkeypatch.setattr("cmsearch.store.filesystem.is_remote", lambda _: is_remote)
    monkeypatch.setattr(items, "_ON_A_PAGE", 2)
    folder = tmp_path / "folder"
    folder.mkdir()
    with Store(folder / DIRECTORY, folder) as opened:
        serve(opened.catalog, DIM)
        for number in range(4):
            put(opened.catalog, 1, f"{number}.jpg", photo(rows(1, number), str(number)))

    def write(name: str, done: int, total: int) -> None:
        if done == 2:
            with Store(folder / DIRECTORY) as other:
                put(other.catalog, 1, "new.jpg", photo(rows(1, 9), "new"))

    with Store(folder / DIRECTORY) as opened:
        found = export(opened, tmp_path / "out", LINES, write)
    array = np.load(tmp_path / "out" / "img_emb" / "img_emb_0.npy")
    assert array.shape == found.arrays["img_emb"] == (5 if is_remote else 4, DIM)
    assert len(table(tmp_path / "out")) == len(array)


def test_damaged_vectors_are_left_out(opened: Store, tmp_path: Path) -> None:
    """The array says how many it has, though more were counted."""
    with closing(sqlite3.connect(opened.path / CATALOG)) as database, database:
        database.execute("UPDATE embeddings SET vector = zeroblob(16) WHERE id = 1")
        database.execute("UPDATE embeddings SET vector = 'text' WHERE id = 2")
    found = export(opened, tmp_path / "out", LINES)
    array = np.load(tmp_path / "out" / "img_emb" / "img_emb_0.npy")
    assert array.shape == found.arrays["img_emb"] == (5, DIM)
    assert [one["row"] for one in table(tmp_path / "out") if one["array"] == "img_emb"] == [
        *range(5)
    ]


def test_nothing_is_left_of_half_an_export(opened: Store, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with limited_files(150), pytest.raises(OSError):
        export(opened, tmp_path / "out", LINES)
    with closing(sqlite3.connect(opened.path / CATALOG)) as database, database:
        database.execute("UPDATE assets SET path = '../away' WHERE path = 'film.mp4'")
    with pytest.raises(StoreError, match="outside its folder"):
        export(opened, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_is_overwritten(opened: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("empty", "file", "link"):
        result = called("export", opened.root, tmp_path / name)
        assert result.returncode == 1
        assert f"{name} is there already. Give another name" in result.stderr
    assert not list((tmp_path / "empty").iterdir())
    assert not (tmp_path / "nowhere").exists()


def test_an_index_with_nothing_in_it_says_so(tmp_path: Path) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as opened:
        for _ in range(2):  # before and after a model serves
            with pytest.raises(StoreError, match="There is no vector in"):
                export(opened, tmp_path / "out")
            serve(opened.catalog, DIM)
        put(opened.catalog, 1, "a.jpg", photo(rows(1, 0)))
        with pytest.raises(StoreError, match="no vector of text or sound in"):
            export(opened, tmp_path / "out", Form(modalities=(Modality.TEXT, Modality.SOUND)))
    assert [one.name for one in tmp_path.iterdir()] == [DIRECTORY]


def test_lines_are_not_written_where_they_would_be_indexed(opened: Store) -> None:
    with pytest.raises(CmsearchError, match="would be read as captions"):
        export(opened, opened.root / "out", LINES)
    export(opened, opened.root / "out")


def test_without_pyarrow_it_says_what_to_install(
    opened: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        metadata_files, "find_spec", lambda name: None if name == "pyarrow" else real(name)
    )
    with pytest.raises(CmsearchError, match=r"pip install 'cmsearch\[parquet\]'.*jsonl"):
        export(opened, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_wrote(opened: Store, tmp_path: Path) -> None:
    result = called("export", opened.root, tmp_path / "a", "--for", "image", "--format", "json")
    assert json.loads(result.stdout) == {
        "folder": str(tmp_path / "a"),
        "model": "fake:colours",
        "arrays": {"img_emb": [7, DIM]},
    }
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    result = called("export", opened.path, tmp_path / "b", "--metadata", "jsonl")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0].split() == [
        "img_emb",
        *["7", "vectors", "of", "8", "dimensions"],
    ]
    for name in ("x" * 300, "loop/out", "file/out", "\udce9" * 300):
        result = called("export", opened.root, tmp_path / name, "--metadata", "jsonl")
        assert result.returncode == 1 and "can't be written: " in result.stderr
    result = called("export", opened.root, tmp_path / "no" / "where")
    assert result.returncode == 1
    assert "where can't be written: No such file or directory." in result.stderr
