"""What is imported is what the indexer would have made, and costs it no encoding."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

import cmsearch
from cmsearch.errors import CmsearchError, QueryError, StoreMismatchError
from cmsearch.store.catalog import schema
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.store.vector_files import Form, export
from cmsearch.types import Modality
from indexer import Indexer
from indexer.doctor import examine
from indexer.importing import importer as importing
from indexer.importing.importer import Imported, Importer, Wanted
from tests import imports
from tests.builders import write_files, write_picture
from tests.fakes import FakeEncoder

MODEL = "fake:colours"
NAMED = Wanted(MODEL)


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    imports.write_pictures(tmp_path / "pics", 20)
    return tmp_path / "pics"


def names(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.png"))


def content(folder: Path) -> list[tuple[object, ...]]:
    """All items of a store with their vectors, whatever their numbers."""
    subject = schema.assets.alias()
    query = (
        sa.select(schema.assets.c.path, schema.assets.c.kind, schema.items.c.kind)
        .add_columns(schema.items.c.text, schema.items.c.locator, schema.items.c.digest)
        .add_columns(subject.c.path, schema.embeddings.c.part, schema.embeddings.c.vector)
        .join(schema.items, schema.items.c.asset == schema.assets.c.id)
        .join(schema.embeddings, schema.embeddings.c.item == schema.items.c.id)
        .outerjoin(subject, subject.c.id == schema.items.c.about)
    )
    with Store(folder / DIRECTORY) as store:
        return sorted(tuple(row) for row in store.catalog.rows(query))


def words(folder: Path) -> list[tuple[object, ...]]:
    with Store(folder / DIRECTORY) as store:
        return sorted(tuple(row) for row in store.catalog.rows(sa.select(schema.words.c.text)))


def indexed(folder: Path) -> list[tuple[object, ...]]:
    """What the indexer makes of a folder in a store of its own."""
    copy = shutil.copytree(folder, folder.with_name("indexed"), ignore=lambda *_: [DIRECTORY])
    Indexer(copy, model=MODEL).run()
    return content(Path(copy))


Write = Callable[[Path, Path, list[str]], Path]


def clip_retrieval(place: Path, folder: Path, found: list[str]) -> Path:
    return imports.write_clip_retrieval(place, folder, found)


def rclip(place: Path, folder: Path, found: list[str]) -> Path:
    return imports.write_rclip(place / "db.sqlite3", folder, found)


def arrays(suffix: str) -> Write:
    def write(place: Path, folder: Path, found: list[str]) -> Path:
        return imports.write_arrays(place, imports.pictures(folder, found), found, suffix)

    return write


def parquet(place: Path, folder: Path, found: list[str]) -> Path:
    place.mkdir()
    vectors = imports.pictures(folder, found)
    return imports.write_parquet(place / "all.parquet", vectors, found)


SOURCES = {
    "clip-retrieval": clip_retrieval,
    "rclip": rclip,
    "paths.txt": arrays(".txt"),
    "paths.jsonl": arrays(".jsonl"),
    "paths.parquet": arrays(".parquet"),
    "one parquet": parquet,
}


@pytest.mark.parametrize("write", SOURCES.values(), ids=SOURCES)
def test_an_index_is_as_if_it_had_been_made_here(
    folder: Path, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = imports.write_pictures(folder, 20)
    done = Importer(write(tmp_path / "from", folder, found), folder, wanted=WAS).run()
    assert done.passed == {} and done.serves and done.away == 0
    assert done.added == (40 if write is clip_retrieval else 20)
    assert done.checked["pictures"].compared == 16
    assert done.checked["pictures"].median == pytest.approx(1, abs=1e-3)
    with Store(folder / DIRECTORY) as store:
        assert [one for one in examine(store) if one.check != "items"] == []
    with cmsearch.open(folder) as engine:
        hits = engine.search("red", target="image", k=3)
        assert {hit.path.name for hit in hits} <= {f"picture {n}.png" for n in (0, 8, 16)}
    encoded = count_encodings(monkeypatch)
    report = Indexer(folder).run()
    assert (report.removed, report.skipped, report.waiting) == (0, (), 0)
    assert report.unchanged == 20
    assert encoded[Modality.IMAGE] == 0
    assert encoded[Modality.TEXT] == (0 if write is clip_retrieval else 20)
    assert content(folder) == indexed(folder)
    assert words(folder) == words(folder.with_name("indexed"))
    again = Indexer(folder).run()
    assert (again.unchanged, again.changed) == (40, 0)
    with Store(folder / DIRECTORY) as store:
        assert examine(store) == []
        hashed = sa.select(sa.func.count()).where(schema.items.c.phash.is_not(None))
        assert store.catalog.scalar(hashed) == 20


WAS = replace(NAMED, was="pics")


def count_encodings(monkeypatch: pytest.MonkeyPatch) -> dict[Modality, int]:
    """Counts what the fake encoder encodes from now on."""
    counts = dict.fromkeys((Modality.IMAGE, Modality.TEXT), 0)
    encode = FakeEncoder.encode

    def counting(self: FakeEncoder, batch: object, modality: Modality, role: object) -> object:
        counts[modality] += len(batch)  # type: ignore[arg-type]
        return encode(self, batch, modality, role)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeEncoder, "encode", counting)
    return counts


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_an_export_comes_back_whole(
    folder: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "A long text about red things. " * 12
    write_files(
        folder, {"book.md": f"# Title\n\n{long}\n\nAnother one.\n", "naïve ü.txt": "of all"}
    )
    write_picture(folder / "naïve ü.png", "yellow")
    Indexer(folder, model=MODEL).run()
    before, known = content(folder), words(folder)
    with Store(folder / DIRECTORY) as store:
        export(store, tmp_path / "out", Form(table=form))
    shutil.move(folder / DIRECTORY, tmp_path / "old")
    done = Importer(tmp_path / "out", folder).run()
    assert (done.passed, done.known, done.away) == ({}, 0, 0)
    assert sum(done.items.values()) == done.added
    assert [row[8] for row in content(folder)] == [row[8] for row in before]
    with Store(folder / DIRECTORY) as store:
        export(store, tmp_path / "again", Form(table=form))
    for name in ("img_emb", "text_emb"):
        arrays = [np.load(tmp_path / to / name / f"{name}_0.npy") for to in ("out", "again")]
        assert np.array_equal(*arrays)
    tables = [(tmp_path / to / "metadata" / f"metadata_0.{form}") for to in ("out", "again")]
    assert tables[0].read_bytes() == tables[1].read_bytes()
    encoded = count_encodings(monkeypatch)
    Indexer(folder).run()
    assert encoded == {Modality.IMAGE: 0, Modality.TEXT: 0}
    assert (content(folder), words(folder)) == (before, known)


def test_a_second_import_changes_nothing_and_a_larger_one_adds(
    folder: Path, tmp_path: Path
) -> None:
    found = names(folder)
    vectors = imports.pictures(folder, found)
    some = imports.write_arrays(tmp_path / "some", vectors[:12], found[:12], ".txt")
    more = imports.write_arrays(tmp_path / "more", vectors, found, ".txt")
    assert Importer(some, folder, wanted=NAMED).run().added == 12
    before = content(folder)
    again = Importer(some, folder, wanted=NAMED).run()
    assert (again.added, again.known) == (0, 12)
    assert content(folder) == before
    grown = Importer(more, folder, wanted=NAMED).run()
    assert (grown.added, grown.known) == (8, 12)
    rows = [*range(20), 0, 0]
    twice = imports.write_arrays(
        tmp_path / "twice", vectors[rows], [found[row] for row in rows], ".txt"
    )
    assert Importer(twice, folder, wanted=NAMED).run().known == 22


def test_an_interrupted_import_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = names(folder)
    source = imports.write_arrays(
        tmp_path / "from", imports.pictures(folder, found), found, ".jsonl"
    )
    monkeypatch.setattr(importing, "_BATCH", 1)
    monkeypatch.setattr("indexer.importing.tables.PAGE", 6)

    def stop(event: object) -> None:
        if (event.stage, event.done) == ("import", 12):  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Importer(source, folder, wanted=NAMED).run(stop)
    assert len(content(folder)) == 12
    with Store(folder / DIRECTORY) as store:
        assert {one.check for one in examine(store, samples=0)} == {"files"}
    done = Importer(source, folder, wanted=NAMED).run()
    assert (done.added, done.known) == (8, 12)
    with Store(folder / DIRECTORY) as store:
        assert examine(store) == []


def test_vectors_of_another_model_are_refused_and_leave_nothing(
    folder: Path, tmp_path: Path
) -> None:
    found = names(folder)
    others = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    source = imports.write_arrays(tmp_path / "from", others, found, ".txt")
    with pytest.raises(StoreMismatchError, match=r"16 that were encoded again have a median"):
        Importer(source, folder, wanted=replace(NAMED, unchecked=True)).run()
    shifted = np.roll(imports.pictures(folder, found), 1, axis=0)
    source = imports.write_arrays(tmp_path / "from", shifted, found, ".txt")
    with pytest.raises(StoreMismatchError, match="Nothing was imported"):
        Importer(source, folder, wanted=NAMED).run()
    source = imports.write_arrays(tmp_path / "from", np.eye(20, 9, dtype=np.float32), found, ".txt")
    with pytest.raises(StoreMismatchError, match="have 9 dimensions, and those of fake:colours 8"):
        Importer(source, folder, wanted=NAMED).run()
    with pytest.raises(QueryError, match="--model NAME"):
        Importer(source, folder).run()
    with pytest.raises(QueryError, match="--model NAME"):
        Importer(source, folder, wanted=Wanted("auto")).run()
    assert not (folder / DIRECTORY).exists()


def test_captions_of_another_model_are_refused_and_pictures_can_be_had_alone(
    folder: Path, tmp_path: Path
) -> None:
    source = imports.write_clip_retrieval(tmp_path / "from", folder, names(folder), parts=1)
    place = source / "text_emb" / "text_emb_00.npy"
    np.save(place, np.random.default_rng(0).normal(size=(20, 8)))
    with pytest.raises(StoreMismatchError, match="vectors of texts"):
        Importer(source, folder, wanted=WAS).run()
    done = Importer(source, folder, wanted=replace(WAS, modalities=(Modality.IMAGE,))).run()
    assert (done.added, list(done.checked)) == (20, ["pictures"])


def test_lengths_don_t_matter_but_no_vector_is_none(folder: Path, tmp_path: Path) -> None:
    found = names(folder)
    vectors = imports.pictures(folder, found).astype(np.float64) * 7e20
    vectors[3], vectors[4], vectors[5, 2] = 0, np.nan, np.inf
    source = imports.write_arrays(tmp_path / "from", vectors, found, ".txt")
    done = Importer(source, folder, wanted=NAMED).run()
    assert (done.added, done.passed) == (17, {"has a vector that is zero or no number": 3})
    assert [one.path for one in done.skipped] == found[3:6]
    report = Indexer(folder).run()
    assert report.added == 3 + 20  # and the captions
    assert content(folder) == indexed(folder)


def test_files_that_are_away_are_found_until_the_indexer_misses_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = imports.write_clip_retrieval(tmp_path / "from", folder, names(folder))
    away = folder.rename(tmp_path / "drive")
    folder.mkdir()
    with pytest.raises(CmsearchError, match="--unchecked"):
        Importer(source, folder, wanted=WAS).run()
    assert not (folder / DIRECTORY).exists()
    done = Importer(source, folder, wanted=replace(WAS, unchecked=True)).run()
    assert (done.added, done.away, done.checked["pictures"].compared) == (40, 40, 0)
    with cmsearch.open(folder) as engine:
        hits = engine.search("red", k=50, ranking=cmsearch.Ranking(fold=False))
        assert len(hits) == 40
    for name in names(away)[5:]:
        (folder / name).parent.mkdir(exist_ok=True)
        for one in (name, f"{name[:-4]}.txt"):
            (away / one).rename(folder / one)
    encoded = count_encodings(monkeypatch)
    report = Indexer(folder).run()
    assert (report.removed, report.added, encoded[Modality.IMAGE]) == (10, 0, 0)
    assert (report.unchanged, report.changed) == (15, 15)  # captions are read again
    assert content(folder) == indexed(folder)


def test_a_file_that_changed_is_encoded_again(folder: Path, tmp_path: Path) -> None:
    found = names(folder)
    source = imports.write_rclip(tmp_path / "db.sqlite3", folder, found)
    write_picture(folder / found[0], "white", (30, 30))
    done = Importer(source, folder, wanted=NAMED).run()
    assert done.passed == {"changed since it was encoded": 1}
    write_picture(folder / found[1], "white", (31, 31))
    (folder / found[2]).unlink()
    Indexer(folder).run()
    assert content(folder) == indexed(folder)


def test_a_picture_that_was_moved_or_damaged_before_it_was_read_is_no_riddle(
    folder: Path, tmp_path: Path
) -> None:
    found = names(folder)
    source = imports.write_arrays(tmp_path / "from", imports.pictures(folder, found), found, ".txt")
    Importer(source, folder, wanted=NAMED).run()
    (folder / found[0]).rename(folder / "moved.png")
    status = (folder / found[1]).stat()
    (folder / found[1]).write_bytes(b"\x89PNG" + b"\0" * (status.st_size - 4))
    os.utime(folder / found[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    report = Indexer(folder).run()
    assert [one.path for one in report.skipped] == [found[1]]
    assert found[1] not in {row[0] for row in content(folder)}
    assert content(folder) == indexed(folder)


def test_rclip_knows_other_folders_too(folder: Path, tmp_path: Path) -> None:
    imports.write_pictures(tmp_path / "other", 4)
    found = names(tmp_path)
    done = Importer(
        imports.write_rclip(tmp_path / "a.db", tmp_path, found), folder, wanted=NAMED
    ).run()
    assert (done.added, done.elsewhere, done.passed) == (20, 4, {})


def test_paths_that_aren_t_of_pictures_here_are_told(folder: Path, tmp_path: Path) -> None:
    found = names(folder)
    odd = ["../x.png", "/etc/x.png", ".hidden/x.png", "notes", "0/a.md", "", "a\0b.png"]
    vectors = imports.pictures(folder, found)
    vectors = np.concatenate([vectors, vectors[: len(odd)]])
    place = tmp_path / "from"
    source = imports.write_arrays(place, vectors, [*found, *odd], ".jsonl")
    done = Importer(source, folder, wanted=NAMED).run()
    assert done.added == 20 and sum(done.passed.values()) == len(odd)
    assert {row[0] for row in content(folder)} == set(found)
    elsewhere = imports.write_arrays(
        tmp_path / "else", vectors[:3], ["/a/0.png", "/a/1.png", "b"], ".txt"
    )
    with pytest.raises(
        CmsearchError, match=r"2 lies outside the folder; 1 is of no kind .*--was DIR"
    ):
        Importer(elsewhere, folder, wanted=NAMED).run()


def test_a_caption_whose_file_is_gone_is_passed_over(folder: Path, tmp_path: Path) -> None:
    found = names(folder)
    source = imports.write_clip_retrieval(tmp_path / "from", folder, found)
    (folder / f"{found[0][:-4]}.txt").unlink()
    done = Importer(source, folder, wanted=WAS).run()
    assert done.passed == {"is not in the file that it was read in any more": 1}


def test_an_index_of_another_model_gets_a_generation(folder: Path, tmp_path: Path) -> None:
    found = names(folder)
    vectors = imports.pictures(folder, found)
    Indexer(folder, model="fake:shades").run()
    before = content(folder)
    some = imports.write_arrays(tmp_path / "some", vectors[:9], found[:9], ".txt")
    done = Importer(some, folder, wanted=NAMED).run()
    assert (done.added, done.serves) == (9, False)
    report = Indexer(folder, model=MODEL).run()
    assert (report.reencoded, report.waiting) == (11 + 20, 0)
    assert sorted({row[5] for row in content(folder)}) == sorted({row[5] for row in before})
    with Store(folder / DIRECTORY) as store:
        assert store.space == FakeEncoder().space
        assert examine(store) == []


def test_the_store_can_be_elsewhere_but_is_of_one_folder(folder: Path, tmp_path: Path) -> None:
    found = names(folder)
    source = imports.write_arrays(tmp_path / "from", imports.pictures(folder, found), found, ".txt")
    done = Importer(source, folder, store=tmp_path / "store", wanted=NAMED).run()
    assert isinstance(done, Imported) and (tmp_path / "store" / "catalog.db").exists()
    assert not (folder / DIRECTORY).exists()
    other = shutil.copytree(folder, tmp_path / "other")
    with pytest.raises(StoreMismatchError, match="is the index of"):
        Importer(source, other, store=tmp_path / "store", wanted=NAMED).run()
