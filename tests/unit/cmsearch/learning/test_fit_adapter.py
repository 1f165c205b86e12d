"""Fitting an adapter to a store: its generation, the way back, and what comes after."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch.errors import CmsearchError, QueryError, StoreError, UnknownModelError
from cmsearch.learning.choosing import USUAL
from cmsearch.learning.examples import folder_name
from cmsearch.learning.fit_adapter import Fit, Wish, fit
from cmsearch.models import adapters
from cmsearch.models.plugins import encoders
from cmsearch.models.spaces import model_name
from cmsearch.search.rank.stages import Attention, Hubness, StageSettings, pack
from cmsearch.store.catalog import files, health
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.generations import delete, prunable, switch
from cmsearch.store.store import Store
from cmsearch.types import Encoding, Modality
from indexer import Indexer
from indexer.doctor import examine
from tests import damage, fakes
from tests.builders import write_files

WORDS = {"tomato": (1, 0.1, 0), "grass": (0, 1, 0.1), "sky": (0.1, 0, 1), "sand": (1, 1, 0.1)}
"""Words of which the encoder knows nothing, and the colours that they are captions of."""


def write_album(folder: Path, count: int = 60, *, shuffled: bool = False) -> Path:
    """Pictures in four colours; the captions name what is so coloured, each with its number."""
    random = np.random.default_rng(0)
    names = [list(WORDS)[number % 4] for number in range(count)]
    told = random.permutation(names).tolist() if shuffled else names
    for number, (name, text) in enumerate(zip(names, told, strict=True)):
        colour = np.array(WORDS[name]) * 200 + random.uniform(0, 50, (6, 6, 3))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colour.astype(np.uint8)).save(folder / f"{number:02}.png")
        write_files(folder, {f"{number:02}.txt": f"{text} {text} number {number}\n"})
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_album(tmp_path_factory.mktemp("fitting") / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    return Path(shutil.copytree(made, tmp_path / "photos"))


def fitted(folder: Path, wish: Wish | None = None) -> Fit:
    with Store(folder / ".cmsearch") as store:
        return fit(store, wish or Wish(force=True), tell=lambda event: None)


def served(folder: Path) -> str:
    with Store(folder / ".cmsearch") as store:
        assert store.space is not None
        return model_name(store.space)


def vectors(folder: Path) -> dict[str, np.ndarray]:
    """By path the vectors of the pictures that are served."""
    with Store(folder / ".cmsearch") as store:
        served = store.catalog.space()
        assert served is not None
        number, space = served
        paths = [path for path in files.assets(store.catalog) if path.endswith(".png")]
        return {
            path: health.item_vectors(store.catalog, path, number, space.dim).popitem()[1][0][1]
            for path in paths
        }


def test_what_is_learned_serves_and_can_be_rolled_back(folder: Path, fake_model: str) -> None:
    before = vectors(folder)
    done = fitted(folder)
    assert done.kept and done.generation == 2
    assert served(folder) == done.model != fake_model
    after = vectors(folder)
    assert before.keys() == after.keys()
    assert all(not np.allclose(after[path], before[path], atol=0.01) for path in before)
    with Store(folder / ".cmsearch") as store:
        assert switch(store).model == fake_model
    assert all(np.array_equal(one, before[path]) for path, one in vectors(folder).items())


def test_a_store_is_whole_after_a_fit(folder: Path) -> None:
    fitted(folder)
    with Store(folder / ".cmsearch") as store:
        assert examine(store, samples=8) == []
        sizes = [files.sizes(store.catalog, one.space_id) for one in store.catalog.generations()]
        counts = [{key: count for key, (count, _) in one.items()} for one in sizes]
        assert counts[0] == counts[1] == {Modality.IMAGE: 60, Modality.TEXT: 60}


def test_no_file_is_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in folder.glob("*.png"):
        path.unlink()
    monkeypatch.delattr(fakes.FakeEncoder, "encode")
    assert fitted(folder).kept


LITTLE = StageSettings(attention=Attention(0.4, 0.05))
TO_IMAGE = (Modality.TEXT, Modality.IMAGE)


def test_attention_counts_for_a_part_beside_what_was_learned(folder: Path) -> None:
    """The album's own stages stay as they are, and what else was kept there goes on."""
    to_text = {(Modality.IMAGE, Modality.TEXT): StageSettings(hubness=Hubness(0.5, 3))}
    with Store(folder / ".cmsearch") as store, store.catalog.writing() as writer:
        writer.put_stages(1, pack({TO_IMAGE: LITTLE, **to_text}))
    done = fitted(folder)
    again = fitted(folder)  # by the encoder's own stages, not by those that are left
    assert again.attention == done.attention
    with Store(folder / ".cmsearch") as store:
        by_model = {
            model_name(one.space): store.catalog.stages(one.space_id)
            for one in store.catalog.generations()
        }
    assert by_model[done.base] == pack({TO_IMAGE: LITTLE, **to_text})
    left = replace(LITTLE, attention=Attention(0.4 * done.attention, 0.05))
    if not done.attention:
        left = StageSettings()
    assert by_model[done.model] == pack({TO_IMAGE: left, **to_text})


def test_where_no_attention_runs_none_is_kept(folder: Path) -> None:
    done = fitted(folder)
    with Store(folder / ".cmsearch") as store:
        assert all(
            store.catalog.stages(one.space_id) is None for one in store.catalog.generations()
        )
    assert done.attention == USUAL.attention


def test_new_pictures_are_encoded_with_the_adapter(folder: Path) -> None:
    done = fitted(folder)
    (folder / "00.png").rename(folder / "moved.png")
    shutil.copy(folder / "01.png", folder / "new.png")
    report = Indexer(folder).run()
    assert (report.model, report.added, report.moved) == (done.model, 1, 1)
    found = vectors(folder)
    assert np.abs(found["new.png"] - found["01.png"]).max() < 1e-3
    with cmsearch.open(folder) as engine:
        assert engine.space.adapter is not None
        same = engine.embed(image=folder / "01.png")[0]
    assert np.abs(found["01.png"] - same).max() < 1e-3


def test_fitting_again_learns_from_the_encoders_own_vectors(folder: Path) -> None:
    first, again = fitted(folder), fitted(folder)
    assert replace(again, generation=None) == replace(first, generation=None)
    with Store(folder / ".cmsearch") as store:
        delete(store, prunable(store))  # the encoder's own generation with them
        assert len(store.catalog.generations()) == 1
    third = fitted(folder)
    assert (third.model, third.comparisons) == (first.model, first.comparisons)


def test_pruning_deletes_the_adapter(folder: Path) -> None:
    done = fitted(folder)
    with Store(folder / ".cmsearch") as store:
        assert store.space is not None and store.space.adapter is not None
        digest = store.space.adapter
        assert store.catalog.adapter(digest) is not None
        switch(store)
        (former,) = prunable(store)
        assert former.model == done.model
        delete(store, [former])
        assert store.catalog.adapter(digest) is None
        assert not store.catalog.has_bank(former.space_id)
        assert store.catalog.has_bank(1)


def test_a_dry_run_changes_nothing(folder: Path, fake_model: str) -> None:
    content = (folder / ".cmsearch/catalog.db").read_bytes()
    done = fitted(folder, Wish(dry_run=True))
    assert not done.kept and done.generation is None
    assert (folder / ".cmsearch/catalog.db").read_bytes() == content


def test_shuffled_captions_are_refused(tmp_path: Path, fake_model: str) -> None:
    folder = write_album(tmp_path / "photos", shuffled=True)
    Indexer(folder, model=fake_model).run()
    done = fitted(folder, Wish(export=tmp_path / "a.safetensors"))
    assert not done.is_better and not done.kept
    assert served(folder) == fake_model
    assert not (tmp_path / "a.safetensors").exists()


def test_an_adapter_goes_from_store_to_store(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    done = fitted(folder, Wish(force=True, export=path, licence="CC0"))
    card = adapters.read(path).card
    assert card["licence"] == "CC0" and "60 pictures with 60 captions" in card["data"]
    other = write_album(tmp_path / "other", 8)
    report = Indexer(other, model=str(path)).run()
    assert report.model == done.model == served(other)
    path.unlink()  # the store has it
    assert Indexer(other).run().unchanged == 16
    with cmsearch.open(other, model=done.model) as engine:
        assert engine.search("grass", target="image")
    assert all(
        np.abs(one - vectors(folder)[name]).max() < 2e-3
        for name, one in vectors(other).items()
        if name == "00.png"
    )


def test_an_adapter_of_another_store_has_no_name_here(folder: Path) -> None:
    with pytest.raises(UnknownModelError, match="--export"):
        Indexer(folder, model=f"fake:colours+{'0' * 12}").run()


def test_an_interrupted_fit_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise KeyboardInterrupt

    before = served(folder)
    with monkeypatch.context() as patch:
        patch.setattr(cmsearch.store.catalog.writer.Writer, "copy_texts", broken)  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            fitted(folder)
    assert served(folder) == before
    with Store(folder / ".cmsearch") as store:
        assert len(store.catalog.generations()) == 1
    assert fitted(folder).generation == 2


def test_few_captions_are_an_error(tmp_path: Path, fake_model: str) -> None:
    folder = write_album(tmp_path / "photos", 29)
    Indexer(folder, model=fake_model).run()
    with pytest.raises(QueryError, match=r"29 pictures .* at least 30 .*--use-folders"):
        fitted(folder)


def test_captions_that_all_share_are_an_error(tmp_path: Path, fake_model: str) -> None:
    folder = write_album(tmp_path / "photos", 40)
    for number in range(40):
        write_files(folder, {f"{number:02}.txt": f"one of {number % 4}\n"})
    Indexer(folder, model=fake_model).run()
    with pytest.raises(QueryError, match="4 groups"):
        fitted(folder)


def test_names_of_folders_are_captions(tmp_path: Path, fake_model: str) -> None:
    random = np.random.default_rng(0)
    for number in range(60):
        place = tmp_path / "photos" / f"trip_{'abcdefghijkl'[number // 5]} red"
        place.mkdir(parents=True, exist_ok=True)
        noise = random.integers(0, 255, (6, 6, 3), np.uint8)
        Image.fromarray(noise).save(place / f"{number}.png")
    Indexer(tmp_path / "photos", model=fake_model).run()
    with pytest.raises(QueryError, match="0 pictures"):
        fitted(tmp_path / "photos")
    done = fitted(tmp_path / "photos", Wish(use_folders=True, force=True))
    assert (done.pictures, done.captions) == (60, 12)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/Summer_in-Rome/x.jpg", "Summer in Rome"),
        ("2019 Rome/x.jpg", "Rome"),
        ("DCIM/100CANON/x.jpg", ""),
        ("DCIM/x.jpg", ""),
        ("2019/07/x.jpg", ""),
        ("x.jpg", ""),
        ("Grandma's 80th/x.jpg", "Grandma's 80th"),
    ],
)
def test_the_name_of_a_folder_is_read(path: str, name: str) -> None:
    assert folder_name(path) == name


def test_what_is_not_encoded_yet_is_an_error(folder: Path, fake_model: str) -> None:
    fitted(folder)
    shutil.copy(folder / "01.png", folder / "new.png")
    Indexer(folder).run()
    with Store(folder / ".cmsearch") as store:
        switch(store)
    with pytest.raises(StoreError, match=r"1 files are not encoded yet"):
        fitted(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE adapters SET content = zeroblob(100)",
        "UPDATE adapters SET content = 'text'",
        "UPDATE adapters SET content = substr(content, 1, length(content) - 4)",
        "UPDATE adapters SET content = CAST(replace(content, '0.5', '0.7') AS BLOB)",
        "DELETE FROM adapters",
        'UPDATE spaces SET description = replace(description, \'"adapter": "\', \'"adapter": "0\')',
    ],
)
def test_a_damaged_adapter_is_an_error(folder: Path, statement: str) -> None:
    fitted(folder)
    with damage.catalog(folder) as connection:
        connection.execute(statement)
    with cmsearch.open(folder) as engine, pytest.raises(CmsearchError, match="adapter"):
        engine.search("sky")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("vector", "zeroblob(16)"),
        ("vector", "zeroblob(15)"),
        ("features", "zeroblob(3)"),
        ("features", "'text'"),
        ("features", "CAST(replace(hex(zeroblob(80)), '00', 'zz') AS BLOB)"),
    ],
)
def test_damaged_inputs_are_an_error(folder: Path, column: str, value: str) -> None:
    if column == "features":  # they are all that is read once there is an adapter
        fitted(folder)
    with damage.catalog(folder) as connection:
        connection.execute(f"UPDATE embeddings SET {column} = {value} WHERE modality = 'image'")
    with pytest.raises(StoreError):
        fitted(folder)


def test_a_catalog_has_no_adapter_of_another_digest(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.db")
    with catalog.writing() as writer:
        writer.put_adapter("a" * 64, b"bytes")
    assert catalog.adapter("a" * 64) == b"bytes"
    assert catalog.adapter("b" * 64) is None
    catalog.close()


def test_features_are_used_only_where_every_picture_has_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = fakes.FakeEncoder.encode

    def without(self: fakes.FakeEncoder, *arguments: object) -> Encoding:
        return replace(encode(self, *arguments), features=None)  # type: ignore[arg-type]

    shutil.copy(folder / "01.png", folder / "new.png")
    with monkeypatch.context() as patch:
        patch.setattr(fakes.FakeEncoder, "encode", without)
        Indexer(folder).run()
    fitted(folder)
    with Store(folder / ".cmsearch") as store:
        assert store.space is not None and store.space.adapter is not None
        content = store.catalog.adapter(store.space.adapter)
        assert content is not None
        assert adapters.unpack(content, "it").weight.shape == (fakes.DIM, fakes.DIM)


def test_coco159_gains(coco159: Path, tmp_path: Path) -> None:
    """127 photographs to learn from and 32 unseen ones, in each of five ways, four times."""
    store = tmp_path / "store"
    Indexer(coco159, store=store, model="lite").run()
    with Store(store) as opened:
        done = fit(opened, Wish(), tell=lambda event: None)
    assert (done.pictures, done.kept) == (159, True)
    first = done.comparisons[0]
    assert first.after["mrr"].value >= 0.85
    assert first.gain["mrr"].low > 0.02
