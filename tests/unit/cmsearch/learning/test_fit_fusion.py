"""Learning to fuse from a store: kept if it is better, rolled back, searched and sent elsewhere."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import CmsearchError
from cmsearch.learning import fit_fusion as fusing
from cmsearch.learning.fit_adapter import Wish, fit
from cmsearch.learning.fit_fusion import Fusing, fit_fusion
from cmsearch.learning.fusion_questions import DIRECTIONS
from cmsearch.learning.heldout import Comparison
from cmsearch.models import adapters
from cmsearch.models.fusion_network import shapes
from cmsearch.models.plugins import encoders
from cmsearch.store.generations import switch
from cmsearch.store.store import Store
from cmsearch.types import Encoding, Modality, Query, QueryPart
from indexer import Indexer
from indexer.doctor import examine
from tests import damage
from tests.builders import caption, photo, put, serve
from tests.unit.cmsearch.learning.test_fit_adapter import served, vectors, write_album

FEW_STEPS = 20
SIDE = 6
"""Kinds, and colours, of the pictures in a store of made-up vectors."""


def write_store(place: Path, *, shuffled: bool = False) -> Path:
    """Two pictures of each kind in each colour, with a caption for the kind and one for the colour.

    A caption says something of what it is about, and more of what no picture has, so that a sum is
    drawn away.
    """
    random = np.random.default_rng(0)
    axes = np.eye(4 * SIDE)
    shown = [(kind, SIDE + one) for kind in range(SIDE) for one in range(SIDE)] * 2
    told = random.permutation(shown).tolist() if shuffled else shown
    with Store(place, place.parent) as store:
        number = serve(store.catalog, len(axes))
        for row, (pair, texts) in enumerate(zip(shown, told, strict=True)):
            vector = unit(axes[list(pair)].sum(0) + random.normal(scale=0.05, size=len(axes)))
            tokens = np.array([axes[list(pair)]], np.float32)
            seen = replace(photo(vector), encoding=Encoding(vector[None], tokens, np.ones((1, 2))))
            put(store.catalog, number, f"{row}.png", seen)
            for text in texts:
                said = unit(axes[2 * SIDE + text] + axes[text] / 2)
                read = caption(f"text {text}", said, f"{row}.png", str(text))
                read = replace(
                    read, encoding=Encoding(said[None], said[None, None], np.ones((1, 1)))
                )
                put(store.catalog, number, f"{row}-{text}.txt", read, kind="sidecar")
        store.publish()
    return place


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album with a network that has learned next to nothing."""
    folder = write_album(tmp_path_factory.mktemp("fusing") / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        patch.setattr(fusing, "STEPS", 2)
        Indexer(folder, model="fake:colours").run()
        with Store(folder / ".cmsearch") as store, store.catalog.writing() as writer:
            writer.put_stages(1, "{}")
        done = run(folder, Wish(force=True))
    assert (done.kept, done.generation, done.folds) == (True, 2, 5)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    return Path(shutil.copytree(made, tmp_path / "photos"))


def run(folder: Path, wish: Wish) -> Fusing:
    with Store(folder / ".cmsearch") as store:
        return fit_fusion(store, wish, tell=lambda event: None)


def both(folder: Path, picture: str, text: str) -> Query:
    return Query((QueryPart(folder / picture, Modality.IMAGE), QueryPart(text)))


def test_what_beats_the_sum_and_each_part_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusing, "STEPS", FEW_STEPS)
    write_store(tmp_path / ".cmsearch")
    done = run(tmp_path, Wish(export=tmp_path / "a.safetensors"))
    assert (done.pictures, done.captions, done.folds) == (72, 12, 5)
    assert done.is_better and done.kept and done.generation == 2
    assert [one.direction for one in done.comparisons] == list(DIRECTIONS)
    for one in done.comparisons[:3]:
        assert one.gain["mrr"].low > 0.05
        assert one.after == done.comparisons[0].after
    assert done.comparisons[3].gain["mrr"].high >= 0
    assert adapters.read(tmp_path / "a.safetensors").fusion.keys() == shapes(24, 64).keys()


@pytest.mark.long
def test_what_shuffled_captions_teach_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusing, "STEPS", FEW_STEPS)
    catalog = write_store(tmp_path / ".cmsearch", shuffled=True) / "catalog.db"
    content = catalog.read_bytes()
    done = run(tmp_path, Wish(export=tmp_path / "a.safetensors"))
    assert not done.is_better and not done.kept
    assert catalog.read_bytes() == content
    assert not (tmp_path / "a.safetensors").exists()


def test_the_sum_is_taken_where_it_is_asked_for(folder: Path, fake_model: str) -> None:
    query = both(folder, "01.png", "red sky")
    with cmsearch.open(folder) as engine:
        joined, summed = (
            engine.search(query, target="image", k=60, ranking=cmsearch.Ranking(fusion=how))
            for how in ("auto", "sum")
        )
        with pytest.raises(cmsearch.QueryError, match="no fusion 'other'"):
            engine.search(query, ranking=cmsearch.Ranking(fusion="other"))
    with Store(folder / ".cmsearch") as store:
        switch(store)
    with cmsearch.open(folder) as engine:
        plain = engine.search(query, target="image", k=60)
    assert [hit.path for hit in summed[:5]] == [hit.path for hit in plain[:5]]
    assert [hit.score for hit in summed] == pytest.approx([hit.score for hit in plain], abs=1e-3)
    assert [hit.score for hit in joined] != [hit.score for hit in summed]


def test_what_is_taken_away_is_taken_from_what_is_joined(folder: Path) -> None:
    query = both(folder, "01.png", "red sky")
    away = Query((*query.parts, QueryPart("green", weight=-1)))
    with cmsearch.open(folder) as engine:
        ranking = cmsearch.Ranking(rerank="none", match="picture", fold=False)
        hits, others = (
            engine.search(one, target="image", k=60, ranking=ranking) for one in (query, away)
        )
    cosines = {hit.path: hit.cosine for hit in hits}
    falls = {hit.path: cosines[hit.path] - hit.cosine for hit in others}
    tomato, grass = (
        np.mean([falls.get(folder / f"{n:02}.png", 0.0) for n in range(one, 60, 4)])
        for one in (0, 1)
    )
    assert grass > tomato + 0.1


def test_a_rollback_goes_back_to_the_sum(folder: Path, fake_model: str) -> None:
    before = vectors(folder)
    with Store(folder / ".cmsearch") as store:
        assert switch(store).model == fake_model
    assert vectors(folder).keys() == before.keys()
    assert all(np.array_equal(one, before[path]) for path, one in vectors(folder).items())
    with cmsearch.open(folder) as engine:
        assert not engine.fuses
        fused = engine.transform(image=folder / "00.png", text="tomato")
    assert not fused.is_trained and fused.added == 0


def test_a_store_is_whole_and_keeps_what_was_measured(folder: Path) -> None:
    with Store(folder / ".cmsearch") as store:
        assert examine(store, samples=8) == []
        found = store.catalog.space()
        assert found is not None
        assert store.catalog.stages(found[0]) == "{}"


def test_what_a_transform_gives(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        found = engine.transform(image=folder / "01.png", text="tomato on the grass")
        query = both(folder, "01.png", "tomato on the grass")
        assert found.is_trained and found.added > 0
        assert found.vector.shape == (engine.space.dim,)
        assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-5)
        assert found.shares.sum() == pytest.approx(1, abs=1e-5)
        assert found.by_image.shape == (10, 5) and found.by_text.shape == (5, 10)
        assert found.by_text.sum(1) == pytest.approx(1, abs=1e-5)
        ranking = cmsearch.Ranking(rerank="none", match="picture", fold=False)
        (first, *_) = engine.search(query, target="image", ranking=ranking)
        own = engine.embed(image=first.path)[0]
    assert first.cosine == pytest.approx(float(own @ found.vector), abs=2e-3)


def test_pictures_are_found_by_one_vector_with_their_captions(folder: Path) -> None:
    shutil.copy(folder / "01.png", folder / "untold.png")
    Indexer(folder).run()
    with cmsearch.open(folder) as engine:
        hits = engine.search(
            "grass number 5",
            target="image",
            k=70,
            ranking=cmsearch.Ranking(match="fused", fold=False),
        )
        scores = [hit.score for hit in hits]
    assert len({hit.path for hit in hits}) == 61
    assert scores == sorted(scores, reverse=True)
    assert "fused" not in next(hit for hit in hits if hit.path.name == "untold.png").stages
    assert all("fused" in hit.stages for hit in hits if hit.path.name != "untold.png")


def test_longer_answers_begin_with_the_shorter(folder: Path) -> None:
    ranking = cmsearch.Ranking(match="fused")
    with cmsearch.open(folder) as engine:
        short, long = (engine.search("sky", target="image", k=k, ranking=ranking) for k in (3, 30))
    assert [hit.path for hit in long[:3]] == [hit.path for hit in short]


def test_it_goes_from_store_to_store_in_one_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusing, "STEPS", 2)
    path = tmp_path / "a.safetensors"
    done = run(folder, Wish(force=True, export=path, licence="CC0"))
    found = adapters.read(path)
    assert found.card["licence"] == "CC0"
    assert "60 pictures with 60 captions" in found.card["fusion"]["data"]
    assert adapters.pack(found) == path.read_bytes()
    other = write_album(tmp_path / "other", 8)
    assert Indexer(other, model=str(path)).run().model == done.model == served(other)
    path.unlink()  # the store has it
    with cmsearch.open(other) as engine, cmsearch.open(folder) as own:
        there, here = (
            one.transform(image=folder / "00.png", text="grass").by_image for one in (engine, own)
        )
        assert engine.fuses
    assert np.array_equal(there, here)
    assert all(
        np.abs(one - vectors(folder)[name]).max() < 2e-3 for name, one in vectors(other).items()
    )


def test_it_stands_on_an_adapter_and_a_new_one_is_without_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusing, "STEPS", 2)
    with Store(folder / ".cmsearch") as store:
        adapted = fit(store, Wish(force=True), tell=lambda event: None)
    before = vectors(folder)
    with cmsearch.open(folder) as engine:
        assert not engine.fuses
    done = run(folder, Wish(force=True))
    assert done.base == adapted.model
    after = vectors(folder)
    assert all(np.abs(after[path] - one).max() < 1e-3 for path, one in before.items())
    with cmsearch.open(folder) as engine:
        assert engine.fuses
    with Store(folder / ".cmsearch") as store:
        again = fit(store, Wish(force=True), tell=lambda event: None)
    assert again.model == adapted.model


def test_pictures_with_several_captions_are_asked_for_by_another(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fusing, "STEPS", 2)
    folder = write_album(tmp_path / "photos", 40)
    lines = [f'{{"image": "{n:02}.png", "caption": "picture {n} of all"}}\n' for n in range(40)]
    (folder / "captions.jsonl").write_text("".join(lines))
    Indexer(folder, model=fake_model).run()
    done = run(folder, Wish(dry_run=True))
    last: Comparison = done.comparisons[3]
    assert (last.direction, last.queries) == ("text→picture + text", 40)
    assert not done.kept


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE adapters SET content = zeroblob(100)",
        "UPDATE adapters SET content = CAST(replace(content, 'fusion.out', 'fusion.oot') AS BLOB)",
        "DELETE FROM adapters",
    ],
)
def test_a_damaged_network_is_an_error(folder: Path, statement: str) -> None:
    with damage.catalog(folder) as connection:
        connection.execute(statement)
    with cmsearch.open(folder) as engine, pytest.raises(CmsearchError, match="adapter"):
        engine.transform(image=folder / "00.png", text="sky")


def test_an_explanation_says_how_both_are_joined(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        found = engine.explain(both(folder, "01.png", "red tomato"), folder / "00.png")
        joined = found.joined
        assert joined is not None and joined.words[0] == "red"
        assert joined.fused.is_trained
        assert joined.fused.by_text.shape == (1 + len(joined.words), 10)
        assert found.query == "red tomato" and found.rank is not None
        assert engine.explain("red", folder / "00.png").joined is None
        for parts in (
            (QueryPart("a"), QueryPart("b")),
            (QueryPart(folder / "00.png", Modality.IMAGE),),
            (QueryPart("a"), QueryPart(folder / "00.png", Modality.IMAGE, -1)),
        ):
            with pytest.raises(cmsearch.QueryError, match="one text with one picture"):
                engine.explain(Query(parts), folder / "00.png")


def test_the_digest_is_of_the_network_too(folder: Path) -> None:
    with Store(folder / ".cmsearch") as store:
        assert store.space is not None and store.space.adapter is not None
        content = store.catalog.adapter(store.space.adapter)
    assert content is not None
    found = adapters.unpack(content, "it")
    changed = {**found.fusion, "out.bias": found.fusion["out.bias"] + 1}
    others = {
        replace(found, fusion=changed).digest,
        replace(found, fusion={}).digest,
        replace(found, weight=np.zeros((99, 0), np.float32)).digest,
    }
    assert len(others) == 3 and found.digest not in others
