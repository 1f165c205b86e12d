"""Indexing a folder again and again while it changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import (
    ModelError,
    StoreError,
    StoreLockedError,
    StoreMismatchError,
    UnknownModelError,
)
from cmsearch.models import names
from cmsearch.models.plugins import encoders
from cmsearch.store.catalog import embeddings, items
from cmsearch.store.store import Store
from cmsearch.types import Encoding
from indexer import Indexer, Progress, Report, stages
from indexer.stages import IndexStages
from tests import fakes
from tests.builders import asset, photo, write_files, write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for colour in ("red", "green", "blue"):
        write_picture(folder / f"{colour}.png", colour)
    write_files(
        folder, {"red.txt": "a red thing\n", "list.csv": "image,caption\ngreen.png,some green\n"}
    )
    return folder


def run(folder: Path, model: str) -> Report:
    return Indexer(folder, model=model).run()


def embedding_ids(folder: Path) -> set[int]:
    """The ids of all embeddings: one that is kept was not encoded again."""
    with Store(folder / ".cmsearch") as store:
        found = store.catalog.space()
        assert found is not None
        number, space = found
        return {
            int(row)
            for modality in embeddings.modalities(store.catalog, number)
            for row in items.embeddings(store.catalog, number, modality, space.dim)[0]
        }


def test_a_report_says_what_was_done(folder: Path, fake_model: str) -> None:
    report = run(folder, fake_model)
    assert (report.added, report.changed, report.unchanged, report.removed) == (5, 0, 0, 0)
    assert report.items == {"photo": 3, "caption": 2}
    assert report.skipped == ()
    assert report.model == fake_model
    assert report.store == folder / ".cmsearch"
    assert {"scan", "read", "encode", "write", "publish"} <= set(report.seconds)
    assert report.cpu.keys() == report.seconds.keys()
    assert set(report.rates) == {"scan", "read", "encode", "write"}
    assert report.bound in report.seconds


def test_nothing_is_read_or_loaded_when_nothing_changed(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    monkeypatch.setitem(encoders._rows, "fake", "tests.fakes:missing")  # type: ignore[index]
    report = Indexer(folder).run()
    assert (report.unchanged, report.added, report.changed) == (5, 0, 0)
    assert embedding_ids(folder) == before


def test_an_index_keeps_the_model_that_a_short_name_stood_for(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name and digest; the new one is asked for by its own name."""
    monkeypatch.setitem(names.SHORT_NAMES, "clip", fake_model)
    run(folder, "clip")
    before = embedding_ids(folder)
    monkeypatch.setitem(names.SHORT_NAMES, "clip", "fake:shades")
    monkeypatch.setitem(names.FORMER_NAMES, "clip", (fake_model,))
    write_picture(folder / "white.png", "white")
    for model in ("clip", "auto"):
        report = run(folder, model)
        assert (report.model, report.reencoded) == (fake_model, 0)
    with Store(folder / ".cmsearch") as store:
        assert store.space == fakes.SPACE
    assert before < embedding_ids(folder)
    with cmsearch.open(folder) as engine:
        assert engine.search("red", target="image")[0].path.name == "red.png"
    assert run(folder, "fake:shades").model == "fake:shades"
    assert run(folder, "clip").model == "fake:shades"


def test_only_what_changed_is_encoded(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    write_picture(folder / "blue.png", "yellow", (9, 9))
    report = run(folder, fake_model)
    assert (report.changed, report.unchanged) == (1, 4)
    after = embedding_ids(folder)
    assert len(after) == len(before) and len(after - before) == 1


def test_a_touched_file_is_not_encoded_again(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    (folder / "blue.png").touch()
    assert run(folder, fake_model).changed == 1
    assert embedding_ids(folder) == before
    assert run(folder, fake_model).unchanged == 5


def test_a_changed_sidecar_changes_only_its_own_lines(folder: Path, fake_model: str) -> None:
    write_files(folder, {"red.txt": "one\ntwo\nthree\n"})
    run(folder, fake_model)
    before = embedding_ids(folder)
    write_files(folder, {"red.txt": "one\n\nthree\nfour words of it\n"})
    run(folder, fake_model)
    after = embedding_ids(folder)
    assert (len(before - after), len(after - before)) == (1, 1)
    with cmsearch.open(folder) as engine:
        found = {hit.text: hit.source for hit in engine.search("x", target="caption")}
    assert found["three"] == "red.txt:3"
    assert "two" not in found


def test_what_is_deleted_leaves_with_its_captions_and_comes_back_with_them(
    folder: Path, fake_model: str
) -> None:
    run(folder, fake_model)
    shutil.move(folder / "green.png", folder.parent / "green.png")
    report = run(folder, fake_model)
    assert report.removed == 1
    assert report.items == {"photo": 2, "caption": 1}
    assert [skipped.path for skipped in report.skipped] == ["list.csv"]
    shutil.move(folder.parent / "green.png", folder / "green.png")
    report = run(folder, fake_model)
    assert report.items == {"photo": 3, "caption": 2}
    assert report.skipped == ()


def test_a_sidecar_whose_picture_is_gone_becomes_a_document(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    (folder / "red.png").unlink()
    assert run(folder, fake_model).items == {"photo": 2, "caption": 1, "passage": 1}


def test_a_sidecar_goes_over_to_a_picture_that_comes_before(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    write_picture(folder / "red.bmp", "red")
    run(folder, fake_model)
    with cmsearch.open(folder) as engine:
        hits = engine.search("a red thing", target="caption")
    assert [hit.path.name for hit in hits if hit.text == "a red thing"] == ["red.bmp"]


def test_bad_files_are_reported_each_time_and_the_others_indexed(
    folder: Path, fake_model: str
) -> None:
    write_files(folder, {"broken.jpg": b"\xff\xd8\xff\xe0 nothing", "empty.png": b""})
    for _ in range(2):
        report = run(folder, fake_model)
        assert report.items["photo"] == 3
        reasons = {skipped.path: skipped.reason for skipped in report.skipped}
        assert set(reasons) == {"broken.jpg", "empty.png"}
        assert "empty" in reasons["empty.png"]
    write_picture(folder / "empty.png", "black")
    assert run(folder, fake_model).items["photo"] == 4


def test_a_long_text_is_one_item_with_several_embeddings(folder: Path, fake_model: str) -> None:
    write_files(folder, {"long.txt": " ".join(f"w{n}" for n in range(30))})
    before = run(folder, fake_model)
    assert before.items["passage"] == 1
    assert len(embedding_ids(folder)) == 3 + 2 + 3  # 30 words in pieces of at most 12


def test_progress_reaches_its_total(folder: Path, fake_model: str) -> None:
    write_files(folder, {"red.txt": "\n".join(f"line {n}" for n in range(40))})
    events: list[Progress] = []
    Indexer(folder, model=fake_model).run(progress=events.append)
    assert [event.stage for event in events[:2]] == ["load the model"] * 2
    last = [event for event in events if event.stage == "index"][-1]
    assert last.done == last.total == 3 + 40 + 1
    assert all(event.done <= event.total for event in events)


def test_a_store_elsewhere_belongs_to_one_folder(
    folder: Path, fake_model: str, tmp_path: Path
) -> None:
    Indexer(folder, store=tmp_path / "store", model=fake_model).run()
    assert not (folder / ".cmsearch").exists()
    with cmsearch.open(tmp_path / "store") as engine:
        assert engine.search("red", target="image", k=1)[0].path == folder / "red.png"
    write_picture(tmp_path / "other" / "x.png")
    with pytest.raises(StoreMismatchError, match="--store"):
        Indexer(tmp_path / "other", store=tmp_path / "store", model=fake_model).run()


def test_a_mistaken_model_leaves_no_store_behind(folder: Path) -> None:
    with pytest.raises(UnknownModelError):
        Indexer(folder, model="nonsense").run()
    assert not (folder / ".cmsearch").exists()


def test_a_moved_folder_keeps_its_store(folder: Path, fake_model: str, tmp_path: Path) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    moved = folder.rename(tmp_path / "moved")
    assert run(moved, fake_model).unchanged == 5
    assert embedding_ids(moved) == before
    with cmsearch.open(moved) as engine:
        assert engine.search("blue", target="image", k=1)[0].path == moved / "blue.png"


def test_what_is_moved_or_renamed_keeps_its_embeddings(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    (folder / "sub").mkdir()
    for name in ("red.png", "red.txt"):
        (folder / name).rename(folder / "sub" / name)
    (folder / "blue.png").rename(folder / "azure.png")
    report = run(folder, fake_model)
    assert (report.moved, report.added, report.removed, report.unchanged) == (3, 0, 0, 2)
    assert embedding_ids(folder) == before
    with cmsearch.open(folder) as engine:
        assert engine.search("blue", target="image", k=1)[0].path == folder / "azure.png"
        hit = engine.search("a red thing", target="caption", k=1)[0]
    assert (hit.path, hit.source) == (folder / "sub" / "red.png", "sub/red.txt:1")
    assert run(folder, fake_model).unchanged == 5


def test_captions_that_come_later_find_the_pictures_that_are_there(
    folder: Path, fake_model: str
) -> None:
    """By their very names or others, in the folder or moved meanwhile."""
    run(folder, fake_model)
    (folder / "blue.png").rename(folder / "bleu.png")
    lines = ["red.png,a rose", "GREEN.PNG,a leaf", "bleu.png,a sea", "blue.png,gone"]
    (folder / "later.csv").write_text("\n".join(["image,caption", *lines]) + "\n")
    report = run(folder, fake_model)
    assert (report.added, report.moved) == (1, 1)
    assert [one.locator for one in report.skipped if one.path == "later.csv"] == ["5"]
    with cmsearch.open(folder) as engine:
        hits = engine.search("a rose", target="caption", k=20)
        assert {"a rose", "a leaf", "a sea"} <= {hit.text for hit in hits}


def test_a_caption_file_does_not_follow_a_picture_that_moved(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    (folder / "green.png").rename(folder / "verdant.png")
    report = run(folder, fake_model)
    assert (report.moved, report.changed, report.removed) == (1, 1, 0)
    assert [skipped.path for skipped in report.skipped] == ["list.csv"]
    assert report.items == {"photo": 3, "caption": 1}
    assert embedding_ids(folder) < before


def test_a_caption_file_that_moved_is_read_again(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    (folder / "sub").mkdir()
    (folder / "list.csv").rename(folder / "sub" / "list.csv")
    report = run(folder, fake_model)
    assert [skipped.path for skipped in report.skipped] == ["sub/list.csv"]
    assert report.items == {"photo": 3, "caption": 1}


def test_a_file_of_the_same_size_is_not_taken_for_one_that_moved(
    folder: Path, fake_model: str
) -> None:
    write_files(folder, {"one.txt": "red apple"})
    run(folder, fake_model)
    (folder / "one.txt").unlink()
    write_files(folder, {"two.txt": "red grape"})
    report = run(folder, fake_model)
    assert (report.moved, report.added, report.removed) == (0, 1, 1)


def test_many_rows_are_written_at_once_and_few_where_they_are_large_or_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [stages.Row(asset(f"{n}.jpg"), photo(np.ones((1, 8)), f"{n}"), None) for n in range(20)]
    batches = [rows[start : start + 4] for start in range(0, 20, 4)]

    def sizes() -> list[int]:
        written = list(stages.gathered(iter(batches)))
        assert [row for some in written for row in some] == rows
        return [len(some) for some in written]

    assert sizes() == [20]
    monkeypatch.setattr(stages, "MOST_ROWS", 7)
    assert sizes() == [8, 8, 4]
    monkeypatch.undo()
    monkeypatch.setattr(stages, "MOST_BYTES", 12 * 8 * 4)
    assert sizes() == [12, 8]
    monkeypatch.setattr(stages, "SECONDS", 0.0)
    assert sizes() == [4] * 5


def test_interrupted_runs_go_on_where_they_were(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "MOST_ROWS", 4)
    write_files(folder, {"red.txt": "\n".join(f"line {n}" for n in range(20))})
    write, calls = IndexStages.write, []

    def failing(self: IndexStages, batch: object) -> object:
        calls.append(batch)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return write(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(IndexStages, "write", failing)
    with pytest.raises(KeyboardInterrupt):
        run(folder, fake_model)
    monkeypatch.setattr(IndexStages, "write", write)
    kept = embedding_ids(folder)
    assert kept
    report = run(folder, fake_model)
    assert report.items == {"photo": 3, "caption": 21}
    assert kept <= embedding_ids(folder)


def test_a_second_writer_is_told_who_the_first_is(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    with Store(folder / ".cmsearch") as store, store.locked():
        with pytest.raises(StoreLockedError, match=rf"process {os.getpid()} on .* since 20"):
            run(folder, fake_model)
        with cmsearch.open(folder) as engine:  # who reads needs no lock
            assert engine.search("red")
    assert run(folder, fake_model).unchanged == 5


def test_the_lock_of_a_process_that_died_is_taken_over(folder: Path, fake_model: str) -> None:
    run(folder, fake_model)
    code = f"""
import os
from pathlib import Path
from cmsearch.store.store import Store
from cmsearch.types import Encoding
with Store(Path({str(folder / ".cmsearch")!r})) as store, store.locked():
    os.kill(os.getpid(), 9)
"""
    died = subprocess.run([sys.executable, "-c", code], check=False)
    assert died.returncode == -9
    assert (folder / ".cmsearch" / "writer.json").exists()
    assert run(folder, fake_model).unchanged == 5


def test_a_store_in_the_folder_is_not_indexed(folder: Path, fake_model: str) -> None:
    for _ in range(2):
        report = Indexer(folder, store=folder / "index", model=fake_model).run()
        assert report.added + report.unchanged == 5


def test_two_first_runs_at_once_make_one_store(folder: Path, fake_model: str) -> None:
    """One of them indexes; the other does so after it, or is told to wait."""
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(run, folder, fake_model) for _ in range(4)]
        errors = [job.exception() for job in jobs]
    assert None in errors
    assert {type(error) for error in errors} <= {type(None), StoreLockedError}, errors
    assert run(folder, fake_model).items == {"photo": 3, "caption": 2}


def test_files_of_another_catalog_are_not_taken_for_its_own(folder: Path, fake_model: str) -> None:
    """As when somebody deletes the database alone, or puts an older one in its place."""
    run(folder, fake_model)
    store = folder / ".cmsearch"
    old = (store / "catalog.db").read_bytes()
    for name in ("red.png", "green.png"):
        (folder / name).unlink()
    write_picture(folder / "cyan.png", "cyan")
    write_picture(folder / "a.png", "blue", (9, 9))
    run(folder, fake_model)
    (store / "catalog.db").unlink()
    for content in (None, old):
        if content is not None:
            (store / "catalog.db").write_bytes(content)
        run(folder, fake_model)
        with cmsearch.open(folder) as engine:
            names = {hit.path.name for hit in engine.search("blue", target="image")}
        assert names == {"a.png", "blue.png", "cyan.png"}


def test_a_store_that_another_run_made_meanwhile_keeps_both_models(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one run loads its model, another makes the store with another one."""
    load = Indexer._load

    def slowly(self: Indexer, *arguments: object) -> object:
        if not (folder / ".cmsearch").exists():
            run(folder, fake_model)
        return load(self, *arguments)  # type: ignore[arg-type]

    slow = Indexer(folder, model="fake:shades")
    monkeypatch.setattr(slow, "_load", slowly.__get__(slow))
    assert slow.run().reencoded == 5
    assert run(folder, fake_model).unchanged == 5


def test_a_sidecar_that_goes_over_to_another_picture_is_read_again(
    folder: Path, fake_model: str
) -> None:
    run(folder, fake_model)
    (folder / "red.txt").rename(folder / "blue.txt")
    run(folder, fake_model)
    with cmsearch.open(folder) as engine:
        hits = engine.search("a red thing", target="caption")
    assert [hit.path.name for hit in hits if hit.text == "a red thing"] == ["blue.png"]


def test_a_file_that_cannot_be_read_now_keeps_its_items(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, fake_model)
    before = embedding_ids(folder)
    write_picture(folder / "blue.png", "yellow", (9, 9))

    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:  # the tests may run as root, whom nothing is denied
        patch.setattr("indexer.read.file_digest", denied)
        report = run(folder, fake_model)
    assert [skipped.reason for skipped in report.skipped] == ["can't be read: Permission denied"]
    assert embedding_ids(folder) == before
    assert run(folder, fake_model).changed == 1
    assert embedding_ids(folder) != before


def test_a_time_that_no_database_can_hold(folder: Path, fake_model: str) -> None:
    os.utime(folder / "red.png", (2**34, 2**34))
    assert run(folder, fake_model).items["photo"] == 3
    assert run(folder, fake_model).unchanged == 5


@pytest.mark.parametrize(
    "vectors", ["vectors * 2", "vectors[:-1]", "vectors[:, :4]", "vectors * nan"]
)
def test_an_encoder_that_breaks_its_promise_is_an_error(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch, vectors: str
) -> None:
    encode = fakes.FakeEncoder.encode

    def broken(self: fakes.FakeEncoder, *arguments: object) -> Encoding:
        found = encode(self, *arguments)  # type: ignore[arg-type]
        return replace(
            found, vectors=eval(vectors, {"vectors": found.vectors, "nan": float("nan")})
        )

    monkeypatch.setattr(fakes.FakeEncoder, "encode", broken)
    with pytest.raises(ModelError, match="vectors of length 1"):
        run(folder, fake_model)


def test_an_encoder_under_another_name_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(encoders._rows, "other", "tests.fakes:load")  # type: ignore[index]
    with pytest.raises(ModelError, match="fake:colours"):
        run(folder, "other:colours")


def test_a_folder_that_lost_everything_does_not_empty_its_store(
    folder: Path, fake_model: str, tmp_path: Path
) -> None:
    """As where a drive is not mounted."""
    store = tmp_path / "store"
    Indexer(folder, store=store, model=fake_model).run()
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    with pytest.raises(StoreError, match="None of the 5 files"):
        Indexer(folder, store=store).run()
    folder.rmdir()
    (tmp_path / "elsewhere").rename(folder)
    assert Indexer(folder, store=store).run().unchanged == 5
