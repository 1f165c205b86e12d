"""Weights of evidence of a store: what is learned, what searches do by it, and the way back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmsearch
from cmsearch.learning import unseen
from cmsearch.learning.fit_adapter import Wish, fit
from cmsearch.learning.fit_evidence import Weighing, fit_evidence, forget_evidence
from cmsearch.models.plugins import encoders
from cmsearch.search.merge.evidence import weight_of
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.store import Store
from cmsearch.types import Hit, Progress
from indexer import Indexer
from tests.builders import write_files
from tests.unit.cmsearch.learning.test_fit_adapter import write_album

USUAL = Ranking()
WEIGHTS = {"picture", "picture with caption", "caption", "before"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in four colours, of which every second has a further caption."""
    folder = write_album(tmp_path_factory.mktemp("weighing") / "photos")
    for number in range(0, 60, 2):
        (own,) = (folder / f"{number:02}.txt").read_text().splitlines()
        write_files(folder, {f"{number:02}.txt": f"{own}\nthe {own} again\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path, fake_model: str) -> Iterator[Store]:
    folder = shutil.copytree(made, tmp_path / "photos")
    with Store(folder / ".cmsearch") as store:
        yield store


def weighed(store: Store, *, dry_run: bool = False) -> tuple[Weighing | None, list[Progress]]:
    told: list[Progress] = []
    return fit_evidence(store, dry_run=dry_run, tell=told.append), told


def hits(store: Store, ranking: Ranking = USUAL) -> list[Hit]:
    return cmsearch.Engine(store).search("red number 3", target="image", ranking=ranking)


def test_searches_weigh_by_what_was_learned(store: Store) -> None:
    before = {hit.path: hit.stages for hit in hits(store)}
    found, told = weighed(store)
    assert found is not None and found.kept and found.after < found.before
    assert (told[0].done, told[-1].done, told[-1].total) == (0, 90, 90)
    assert found.questions == 90
    assert found.weights.keys() == WEIGHTS
    for hit in hits(store):
        usual = before.get(hit.path, {})
        for way in {"picture", "caption"} & hit.stages.keys() & usual.keys():
            name = weight_of(way, "caption" in usual)
            assert hit.stages[way] == pytest.approx(found.weights[name] * usual[way], abs=1e-4)
    assert unseen.WEIGHTS in unseen.learned(cmsearch.Engine(store))


def test_what_was_learned_goes_and_comes_again_the_same(store: Store) -> None:
    usual = hits(store)
    found, _ = weighed(store)
    assert hits(store) != usual
    assert weighed(store)[0] == found  # no weight has a part in what it is learned from
    assert forget_evidence(store) and not forget_evidence(store)
    assert hits(store) == usual


def test_a_dry_run_keeps_nothing(store: Store) -> None:
    usual = hits(store)
    found, _ = weighed(store, dry_run=True)
    assert found is not None and not found.kept
    assert hits(store) == usual


def test_other_stages_count_as_usual(store: Store) -> None:
    usual = hits(store, Ranking(rerank="none"))
    weighed(store)
    assert hits(store, Ranking(rerank="none")) == usual


def test_an_adapter_is_learned_again_without_the_pictures_that_are_asked(store: Store) -> None:
    """Else its pictures would seem to be found more surely than others are."""
    fit(store, Wish(force=True), tell=lambda event: None)
    found, told = weighed(store)
    assert told[-1].done == 90
    assert found is None or found.weights.keys() == WEIGHTS


def test_few_captions_teach_nothing(tmp_path: Path, fake_model: str) -> None:
    folder = write_album(tmp_path / "photos", 8)
    Indexer(folder, model=fake_model).run()
    with Store(folder / ".cmsearch") as store:
        assert weighed(store)[0] is None
    empty = tmp_path / "bare"
    shutil.copytree(folder, empty, ignore=shutil.ignore_patterns("*.txt", ".cmsearch"))
    Indexer(empty, model=fake_model).run()
    with Store(empty / ".cmsearch") as store:
        assert weighed(store) == (None, [])
