"""Fitting a reranker to a store: when it is kept, where it is used, and where it isn't."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cmsearch
from cmsearch import Hit, Modality, QueryError, Ranking, StoreError
from cmsearch.errors import CmsearchError, ModelUnavailableError
from cmsearch.learning import ablation
from cmsearch.learning import fit_reranker as reranking
from cmsearch.learning.examples import examples, source
from cmsearch.learning.fit_adapter import Reranking, Wish, fit
from cmsearch.learning.fit_reranker import fit_reranker, forget_reranker
from cmsearch.learning.metrics import Gold
from cmsearch.learning.ranked_lists import material
from cmsearch.learning.training.reranker import Settings
from cmsearch.models.plugins import encoders
from cmsearch.models.rerankers import learned
from cmsearch.search.own_models import own_adapter
from cmsearch.store.catalog import pairs
from cmsearch.store.generations import delete, prunable, switch
from cmsearch.store.store import Store
from cmsearch.types import Role
from indexer import Indexer
from tests import damage
from tests.fakes import FakeEncoder
from tests.spots import write_spots

QUICK = Settings(width=16, rate=1e-2, dropout=0.1, steps=(100, 100), checks=4, warm_up=10)
HARDLY = replace(QUICK, steps=(5, 5))
ASKED = "red above last"
PLAIN = Ranking(match="picture", fold=False)


def fitted(folder: Path, wish: Wish | None = None, settings: Settings = QUICK) -> Reranking:
    """As it is done, with fewer steps and two parts held out."""
    with pytest.MonkeyPatch.context() as patch, Store(folder / ".cmsearch") as store:
        patch.setattr(reranking, "SETTINGS", settings)
        patch.setattr(reranking, "FEW", 0)
        return fit_reranker(store, wish or Wish(), tell=lambda event: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Reranking]]:
    """A folder with its index and what was learned there, which is in a file beside it too."""
    folder = write_spots(tmp_path_factory.mktemp("reranking") / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
        path = folder.parent / "mine.safetensors"
        yield folder, fitted(folder, Wish(export=path, licence="CC0"))


@pytest.fixture
def done(made: tuple[Path, Reranking]) -> Reranking:
    return made[1]


@pytest.fixture
def folder(made: tuple[Path, Reranking], tmp_path: Path, fake_model: str) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "photos"))


@pytest.fixture
def file(made: tuple[Path, Reranking]) -> Path:
    return made[0].parent / "mine.safetensors"


def hits(folder: Path, ranking: Ranking = PLAIN) -> list[Hit]:
    with cmsearch.open(folder) as engine:
        return engine.search(ASKED, target="image", ranking=ranking)


def ran(folder: Path, ranking: Ranking = PLAIN) -> bool:
    return "learned" in hits(folder, ranking)[0].stages


def right(found: list[Hit]) -> int:
    """How many of the best five show red where it was asked for."""
    return sum(int(hit.path.stem) % 6 == 0 for hit in found[:5])


def test_what_tokens_tell_apart_is_learned_and_kept(done: Reranking) -> None:
    assert done.is_better and done.kept
    assert (done.pictures, done.captions, done.folds) == (60, 60, 2)
    first = done.comparisons[0]
    assert first.direction == "text→image"
    assert first.gain["mrr"].low > 0.1
    assert first.after["mrr"].value > 2 * first.before["mrr"].value


def test_searches_use_it_by_default(folder: Path) -> None:
    found, before = hits(folder), hits(folder, replace(PLAIN, rerank="none"))
    assert right(found) >= 4 > right(before)
    for hit in found:
        assert hit.stages.keys() == {"picture", "learned", "prior"}
        assert hit.score == pytest.approx(sum(hit.stages.values()), abs=1e-5)


@pytest.mark.parametrize("rerank", ["none", "attention"])
def test_another_choice_leaves_it_out(folder: Path, rerank: str) -> None:
    assert not ran(folder, replace(PLAIN, rerank=rerank))


def test_it_is_on_top_of_what_runs_by_default(folder: Path) -> None:
    assert ran(folder, replace(PLAIN, rerank="learned"))
    from cmsearch.search.rank import stages as measured

    stages = measured.StageSettings(attention=measured.Attention(0.5, 0.05))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured, "MEASURED", {"fake": {(Modality.TEXT, Modality.IMAGE): stages}})
        assert {"attention", "learned"} <= hits(folder)[0].stages.keys()


def test_pictures_find_texts_with_it_where_that_gains(folder: Path, done: Reranking) -> None:
    with cmsearch.open(folder) as engine:
        found = engine.search(image=folder / "000.png", target="caption", ranking=PLAIN)
        assert ("learned" in found[0].stages) == ("image→text" in done.directions)
        assert (Modality.TEXT, Modality.IMAGE) in engine.reranks


def test_without_time_it_is_left_out(folder: Path) -> None:
    assert not ran(folder, replace(PLAIN, budget=0))


def test_queries_get_their_tokens_where_the_encoder_leaves_them_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, encode = hits(folder), FakeEncoder.encode

    def without(self: FakeEncoder, batch, modality, role):  # type: ignore[no-untyped-def]
        found = encode(self, batch, modality, role)
        is_query = role is Role.QUERY
        return replace(found, tokens=None, weights=None) if is_query else found

    monkeypatch.setattr(FakeEncoder, "encode", without)
    assert hits(folder) == expected


def test_it_explains_itself(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        assert "learned" in engine.explain(ASKED, folder / "000.png").stages


@pytest.mark.long
def test_shuffled_captions_are_refused(tmp_path: Path, fake_model: str) -> None:
    folder = write_spots(tmp_path / "photos", shuffled=True)
    Indexer(folder, model=fake_model).run()
    done = fitted(folder, Wish(export=tmp_path / "a.safetensors"))
    assert not done.is_better and not done.kept and done.exported is None
    assert not ran(folder) and not (tmp_path / "a.safetensors").exists()
    forced = fitted(folder, Wish(force=True), HARDLY)
    assert not forced.is_better and forced.kept and ran(folder)


def test_a_dry_run_changes_nothing(folder: Path) -> None:
    content = (folder / ".cmsearch/catalog.db").read_bytes()
    dry = fitted(folder, Wish(dry_run=True, force=True), HARDLY)
    assert (folder / ".cmsearch/catalog.db").read_bytes() == content
    assert dry == replace(fitted(folder, Wish(force=True), HARDLY), kept=False)


def test_it_is_of_its_own_space_and_comes_back_with_it(folder: Path) -> None:
    with Store(folder / ".cmsearch") as store:
        fit(store, Wish(force=True), tell=lambda event: None)
    assert not ran(folder)
    with Store(folder / ".cmsearch") as store:
        switch(store)
    assert ran(folder)


def test_an_adapted_space_is_learned_in_without_what_its_adapter_knows(folder: Path) -> None:
    with Store(folder / ".cmsearch") as store:
        fit(store, Wish(force=True), tell=lambda event: None)
        assert store.space is not None
        own = source(store)
        found = examples(own)
        lesson = reranking.Lesson(own, found.pairs, material(own, found))
        whole = lesson.ranker(None)._vectors[Modality.IMAGE]
        without = lesson.ranker(0)._vectors[Modality.IMAGE]
        served = own_adapter(store, store.space).apply(found.pairs.inputs)
        apart = lesson._learner.held[0].pictures
    assert not any(map(lambda a, b: (a == b).all(), whole, served))
    assert (whole[apart] == without[apart]).all()  # neither knows that part
    assert not (whole == without).all()


def test_pruning_deletes_it(folder: Path) -> None:
    with Store(folder / ".cmsearch") as store:
        kept = store.catalog.reranker(1)
        assert kept is not None and kept[1] is not None
        fit(store, Wish(force=True), tell=lambda event: None)
        assert store.catalog.adapter(kept[0]) is not None
        delete(store, prunable(store))
        assert store.catalog.reranker(1) is None
        assert store.catalog.adapter(kept[0]) is None
        assert store.space is not None and store.catalog.adapter(store.space.adapter or "")


def test_it_can_be_removed(folder: Path, done: Reranking) -> None:
    with Store(folder / ".cmsearch") as store:
        digest, _ = store.catalog.reranker(1) or ("", None)
        assert digest.startswith(done.reranker)
        assert forget_reranker(store)
        assert store.catalog.adapter(digest) is None
        assert not forget_reranker(store)
    assert not ran(folder)
    with cmsearch.open(folder) as engine:
        assert not engine.reranks
    with pytest.raises(QueryError, match="no reranker of its own"):
        hits(folder, replace(PLAIN, rerank="learned"))


def test_a_file_reranks_another_index(tmp_path: Path, file: Path, fake_model: str) -> None:
    card = learned.read(file).card
    assert card["licence"] == "CC0" and "60 pictures with 60 captions" in card["data"]
    other = write_spots(tmp_path / "other", 40)
    Indexer(other, model=fake_model).run()
    named = replace(PLAIN, rerank=f"learned:{file}")
    assert ran(other, named) and not ran(other)
    assert right(hits(other, named)) > right(hits(other))


def test_a_file_is_for_the_model_that_it_was_learned_with(folder: Path, file: Path) -> None:
    with Store(folder / ".cmsearch") as store:  # an adapter leaves tokens as they are
        fit(store, Wish(force=True), tell=lambda event: None)
    assert ran(folder, replace(PLAIN, rerank=f"learned:{file}"))
    Indexer(folder, model="fake:shades").run()
    with pytest.raises(QueryError, match="reads what fake:colours gives, and the index has fake:s"):
        hits(folder, replace(PLAIN, rerank=f"learned:{file}"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE adapters SET content = zeroblob(100)",
        "UPDATE adapters SET content = 'text'",
        "UPDATE adapters SET content = substr(content, 1, length(content) - 4)",
        "UPDATE adapters SET content = zeroblob(20000000)",
        "UPDATE settings SET value = 'another' WHERE name = 'reranker 1'",
        "DELETE FROM adapters",
    ],
)
def test_a_damaged_one_is_an_error_that_can_be_avoided(folder: Path, statement: str) -> None:
    with damage.catalog(folder) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError, match=r"reranker .*--rerank none"):
        hits(folder)
    assert hits(folder, replace(PLAIN, rerank="none"))
    with Store(folder / ".cmsearch") as store:
        assert forget_reranker(store)
    assert hits(folder)


def test_one_of_another_space_is_an_error(folder: Path, file: Path) -> None:
    own = learned.read(file)
    other = replace(own, space=replace(own.space, weights="1"))
    with Store(folder / ".cmsearch") as store, store.catalog.writing() as writer:
        writer.put_reranker(1, other.digest, learned.pack(other))
    with pytest.raises(StoreError, match="not the one it was"):
        hits(folder)


def test_an_encoder_without_tokens_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("UPDATE embeddings SET tokens = NULL WHERE modality = 'image'")
    with pytest.raises(QueryError, match="gives no tokens of pictures"):
        fitted(folder)


def test_few_captions_are_an_error(tmp_path: Path, fake_model: str) -> None:
    folder = write_spots(tmp_path / "photos", 29)
    Indexer(folder, model=fake_model).run()
    with pytest.raises(QueryError, match=r"29 pictures .* at least 30"):
        fitted(folder)


def test_a_file_that_cannot_be_written_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="can't be written"):
        fitted(folder, Wish(force=True, export=tmp_path / "missing" / "a.safetensors"), HARDLY)


def test_ablation_says_what_it_gains_and_never_keeps_it(folder: Path) -> None:
    with cmsearch.open(folder) as engine:
        some = [Gold(*pair) for pair in pairs.captions(engine.store.catalog)][:24]
        found = ablation.ablate(engine, some)
        (gain,) = (one for one in found if (one.stage, one.direction) == ("learned", "text→image"))
        assert gain.gains["mrr"].low > 0
        kept = ablation.keep(engine, found)
        assert not any(stages.model for stages in kept.values())
    assert ran(folder)


def test_a_search_without_one_is_as_before(folder: Path) -> None:
    plain = [(hit.path, hit.score) for hit in hits(folder, replace(PLAIN, rerank="none"))]
    with Store(folder / ".cmsearch") as store:
        forget_reranker(store)
    assert [(hit.path, hit.score) for hit in hits(folder)] == plain


def test_nothing_indexed_is_an_error(tmp_path: Path) -> None:
    with (
        Store(tmp_path / ".cmsearch", tmp_path) as store,
        pytest.raises(CmsearchError, match="Nothing is indexed"),
    ):
        fit_reranker(store, Wish(), tell=lambda event: None)
