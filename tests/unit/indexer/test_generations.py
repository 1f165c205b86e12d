"""A new model encodes everything beside the old one, which serves until that is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import StoreMismatchError
from cmsearch.models.spaces import model_name
from cmsearch.store.catalog import files
from cmsearch.store.store import Store
from cmsearch.types import Encoding, Role, Space
from indexer import Indexer, Report, stages
from indexer.scan import scan
from tests import fakes
from tests.builders import write_files, write_picture

OTHER = "fake:shades"


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """Three pictures with captions and a document, indexed with `fake:colours`."""
    folder = tmp_path / "photos"
    for colour in ("red", "green", "blue"):
        write_picture(folder / f"{colour}.png", colour)
    write_files(folder, {
        "captions.csv": "image,caption\nred.png,a red thing\nblue.png,a blue thing\n",
        "notes.md": "Green is a colour. " * 60,
    })  # fmt: skip
    Indexer(folder, model=fake_model).run()
    return folder


def served(folder: Path) -> str:
    with Store(folder / ".cmsearch") as store:
        assert store.space is not None
        return model_name(store.space)


def best(folder: Path, text: str) -> str:
    with cmsearch.open(folder) as engine:
        return engine.search(text, target="image")[0].path.name


def run(folder: Path, model: str | None = None) -> Report:
    return Indexer(folder, model=model).run()


def test_another_model_encodes_everything_and_then_serves(folder: Path) -> None:
    report = run(folder, OTHER)
    assert (report.reencoded, report.unchanged, report.added, report.waiting) == (5, 0, 0, 0)
    assert served(folder) == OTHER
    assert best(folder, "green") == "green.png"
    again = run(folder)
    assert (again.model, again.reencoded, again.unchanged) == (OTHER, 0, 5)
    with Store(folder / ".cmsearch") as store:
        first, second = store.catalog.generations()
        sizes = [files.sizes(store.catalog, one.space_id) for one in (first, second)]
        counts = [{modality: count for modality, (count, _) in one.items()} for one in sizes]
        assert counts[0] == counts[1] != {}


def test_the_former_model_serves_again_without_encoding_anything(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder, OTHER)
    monkeypatch.delattr(fakes.FakeEncoder, "encode")
    report = run(folder, fake_model)
    assert (report.reencoded, report.unchanged) == (0, 5)
    assert served(folder) == fake_model


def test_an_interrupted_model_serves_only_when_it_is_whole(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, calls = fakes.FakeEncoder.encode, 0

    def broken(self: fakes.FakeEncoder, *arguments: object) -> Encoding:
        nonlocal calls
        is_own = arguments[2] is Role.DOCUMENT  # captions that stand for any text are asked with
        calls += is_own
        if is_own and calls == 2:
            raise KeyboardInterrupt
        return encode(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fakes.FakeEncoder, "encode", broken)
    monkeypatch.setattr(stages, "MOST_ROWS", 1)
    with pytest.raises(KeyboardInterrupt):
        run(folder, OTHER)
    assert served(folder) == fake_model
    assert best(folder, "green") == "green.png"
    assert run(folder).unchanged == 5
    report = run(folder, OTHER)
    assert 0 < report.reencoded < 5
    assert served(folder) == OTHER


def test_what_came_while_another_model_served_is_encoded_on_the_way_back(
    folder: Path, fake_model: str
) -> None:
    run(folder, OTHER)
    write_picture(folder / "cyan.png", "cyan")
    (folder / "red.png").unlink()
    assert run(folder).added == 1
    report = run(folder, fake_model)
    assert (report.reencoded, report.added, report.removed) == (1, 0, 0)
    with cmsearch.open(folder) as engine:
        names = {hit.path.name for hit in engine.search("blue", target="image")}
    assert names == {"blue.png", "cyan.png", "green.png"}


def test_a_file_that_cannot_be_read_holds_the_switch_back(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> str:
        if path.name == "green.png":
            raise PermissionError(13, "Permission denied")
        return digest(path)

    from indexer import read as load

    digest = load.file_digest
    monkeypatch.setattr(load, "file_digest", unreadable)
    report = run(folder, OTHER)
    assert report.waiting == 1
    assert [one.path for one in report.skipped] == ["green.png"]
    assert served(folder) == fake_model
    assert best(folder, "green") == "green.png"
    monkeypatch.undo()
    monkeypatch.setitem(fakes_rows(), "fake", "tests.fakes:load")
    assert run(folder, OTHER).waiting == 0
    assert served(folder) == OTHER


def fakes_rows() -> dict[str, str]:
    from cmsearch.models.plugins import encoders

    return encoders._rows  # type: ignore[return-value]


def test_changed_weights_are_a_new_generation_only_if_the_model_is_named(
    folder: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    changed = replace(fakes.SPACE, weights="1")

    def load(
        model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
    ) -> fakes.FakeEncoder:
        if space not in (None, changed):
            raise StoreMismatchError("The weights are not those that the index was made with.")
        return fakes.FakeEncoder(changed)

    monkeypatch.setattr(fakes, "load", load)
    write_picture(folder / "cyan.png", "cyan")
    with pytest.raises(StoreMismatchError):
        run(folder)
    assert served(folder) == fake_model
    report = run(folder, fake_model)
    assert (report.added, report.reencoded) == (1, 5)
    with Store(folder / ".cmsearch") as store:
        assert store.space == changed
        assert len(store.catalog.generations()) == 2


def test_an_open_engine_follows_the_switch(folder: Path, fake_model: str) -> None:
    with cmsearch.open(folder) as engine:
        assert engine.search("blue", target="image")[0].path.name == "blue.png"
        assert engine.space.dim == fakes.DIM
        run(folder, OTHER)
        assert engine.search("blue", target="image")[0].path.name == "blue.png"
        assert engine.space.dim == fakes.DIM + 1
        assert engine.encoder.space == engine.space
        run(folder, fake_model)
        assert engine.embed("blue").shape == (1, fakes.DIM)


def test_a_plan_says_what_would_happen_and_does_nothing(folder: Path, fake_model: str) -> None:
    write_picture(folder / "cyan.png", "cyan")
    write_picture(folder / "red.png", "darkred", size=(9, 9))
    (folder / "notes.md").unlink()
    (folder / "blue.png").rename(folder / "bleu.png")
    before = (folder / ".cmsearch" / "catalog.db").read_bytes()
    plan = Indexer(folder).plan()
    assert (plan.model, plan.added, plan.changed) == (fake_model, ("cyan.png",), ("red.png",))
    assert (plan.removed, plan.moved) == (("notes.md",), (("blue.png", "bleu.png"),))
    assert (plan.unchanged, plan.reencoded, plan.skipped) == (2, (), ())
    assert Indexer(folder, model=OTHER).plan().reencoded == ("green.png", "captions.csv")
    assert (folder / ".cmsearch" / "catalog.db").read_bytes() == before
    assert served(folder) == fake_model


def test_a_plan_of_a_new_folder_makes_no_store(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "red.png")
    plan = Indexer(tmp_path, model=fake_model).plan()
    assert plan.added == tuple(file.path for file in scan(tmp_path)[0]) == ("red.png",)
    assert not (tmp_path / ".cmsearch").exists()
