"""Several stores as one: the same answers as one store of all, each hit with its store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch import Engine, FederatedEngine, Filter, Hit, Query, QueryError, QueryPart, Ranking
from cmsearch.models.plugins import encoders
from indexer import Indexer
from tests.builders import write_files, write_picture

STORES = 3
EACH = 30
WORDS = ("red", "green", "blue", "meadow", "harbour", "at", "night", "bird", "old", "gate")
QUERIES = ("a red gate", "the green meadow at night", "blue", "old bird IMG_004", "harbour")
PLAIN = Ranking(rerank="none", correct=False, match="picture", fold=False)
TARGETS = ("any", "image", "caption", "passage")


def _fill(folder: Path, number: int) -> None:
    """Mosaics of nine colours, most with a caption, and a document."""
    random = np.random.default_rng(number)
    for one in range(EACH):
        path = folder / f"trip {number}" / f"IMG_{number}{one:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cells = random.integers(0, 256, (3, 3, 3)).astype(np.uint8)
        Image.fromarray(cells).resize((24, 24), Image.Resampling.NEAREST).save(path)
        if one % 3:
            path.with_suffix(".txt").write_text(" ".join(random.choice(WORDS, 4)) + "\n")
    note = "# Notes\n\n" + " ".join(random.choice(WORDS, 40)) + ".\n"
    write_files(folder, {f"trip {number}/notes.md": note})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Path]]]:
    """A folder that is indexed as one, and the same files in several that are."""
    place = tmp_path_factory.mktemp("stores")
    apart = [place / f"part {number}" for number in range(STORES)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        for number, folder in enumerate(apart):
            for root in (place / "whole", folder):
                _fill(root, number)
            Indexer(folder, model="fake:colours").run()
        Indexer(place / "whole", model="fake:colours").run()
        yield place / "whole", apart


@pytest.fixture(scope="module")
def whole(folders: tuple[Path, list[Path]]) -> Iterator[Engine]:
    with cmsearch.open(folders[0]) as engine:
        yield engine


@pytest.fixture(scope="module")
def parts(folders: tuple[Path, list[Path]]) -> Iterator[FederatedEngine]:
    with cmsearch.open(folders[1]) as engine:
        yield engine


def _shown(hits: list[Hit]) -> list[tuple[str, str, float]]:
    return [(hit.source, hit.kind, pytest.approx(hit.score, abs=2e-4)) for hit in hits]


@pytest.mark.parametrize("ranking", [PLAIN, Ranking(), Ranking(fold=False, rerank="attention")])
@pytest.mark.parametrize("target", TARGETS)
def test_the_hits_are_those_of_one_store(
    whole: Engine, parts: FederatedEngine, ranking: Ranking, target: str
) -> None:
    for query in QUERIES:
        one = whole.search(query, target=target, k=15, ranking=ranking)
        many = parts.search(query, target=target, k=15, ranking=ranking)
        assert _shown(many) == _shown(one), query
    assert one


def test_a_picture_asks_all_of_them(whole: Engine, parts: FederatedEngine) -> None:
    path = parts.search("red", target="image", k=1)[0].path
    other = whole.store.root / path.relative_to(path.parents[1])
    assert _shown(parts.search(image=path)) == _shown(whole.search(image=other))


def test_several_queries_at_once_are_each_alone(parts: FederatedEngine) -> None:
    both = parts.search(list(QUERIES[:2]), k=5)
    assert both == [parts.search(query, k=5) for query in QUERIES[:2]]


def test_a_hit_says_its_store_and_its_number_there(parts: FederatedEngine) -> None:
    hits = parts.search("a red gate", k=20)
    assert {hit.store for hit in hits} == set(parts.stores)
    for hit in hits:
        (own,) = (one for one in parts.engines if one.store.path == hit.store)
        assert own.picked([hit.item])[0].path == hit.path
        assert hit.path.is_relative_to(own.store.root)


def test_a_filter_leaves_what_passes_in_each(whole: Engine, parts: FederatedEngine) -> None:
    where = Filter(path="*1?.png")
    one = whole.search("red", target="image", k=50, where=where, ranking=PLAIN)
    many = parts.search("red", target="image", k=50, where=where, ranking=PLAIN)
    assert _shown(many) == _shown(one) and len(one) == 10 * STORES
    assert parts.count("image", where) == whole.count("image", where)
    place = parts.engines[1].store.root
    inside = parts.search("red", where=Filter(path=f"{place}/*"), k=50)
    assert {hit.store for hit in inside} == {parts.stores[1]}
    with pytest.raises(QueryError, match="outside"):
        parts.search("red", where=Filter(path="/nowhere/*"))


def test_a_longer_list_begins_with_the_shorter(parts: FederatedEngine) -> None:
    assert parts.search("old bird", k=30)[:10] == parts.search("old bird", k=10)


def test_ties_come_in_the_order_of_the_stores(tmp_path: Path, fake_model: str) -> None:
    for name in ("b", "a"):
        write_picture(tmp_path / name / f"{'z' if name == 'b' else 'y'}.png", "red")
        Indexer(tmp_path / name, model=fake_model).run()
    with cmsearch.open([tmp_path / "b", tmp_path / "a"]) as engine:
        hits = engine.search("red", ranking=Ranking(fold=False))
        assert [hit.path.name for hit in hits] == ["z.png", "y.png"]
        (folded,) = engine.search("red")
        assert folded.copies == (tmp_path / "a" / "y.png",) and folded.copy_items == ()


def test_stores_of_two_models_are_each_searched_by_its_own(tmp_path: Path, fake_model: str) -> None:
    for name, model in (("a", "fake:colours"), ("b", "fake:shades")):
        write_picture(tmp_path / name / "red.png", "red", size=(8, 9))
        write_picture(tmp_path / name / f"{name} green.png", "green")
        Indexer(tmp_path / name, model=model).run()
    with cmsearch.open([tmp_path / "a", tmp_path / "b"]) as engine:
        hits = engine.search("red", target="image", ranking=Ranking(fold=False))
        assert [hit.path.parent.name for hit in hits[:2]] == ["a", "b"]
        assert [hit.path.name for hit in hits[:2]] == ["red.png", "red.png"]
        assert hits[0].cosine == pytest.approx(hits[1].cosine)
        assert len(engine.search("red", target="image", ranking=Ranking(diverse=True))) == 2
        assert engine.sizes[hits[0].modality] == 4


def test_what_is_asked_of_one_store_goes_there(parts: FederatedEngine) -> None:
    hit = parts.search("a red gate", target="image", k=1)[0]
    why = parts.explain("a red gate", hit)
    assert why.path == hit.path == parts.explain("a red gate", hit.path).path
    mark = parts.mark("a red gate", hit, right=True)
    assert mark is not None and mark.path == hit.path
    assert parts.mark("a red gate", hit, right=None) is None
    with pytest.raises(QueryError, match="none of the stores"):
        parts.explain("red", "/elsewhere.png")
    with pytest.raises(QueryError, match="isn't among"):
        parts.mark("red", replace(hit, store=Path("/elsewhere")), right=True)
    with pytest.raises(QueryError, match="which store"):
        parts.mark("red", hit.item, right=True)  # type: ignore[arg-type]


def test_numbers_of_items_are_of_one_store(parts: FederatedEngine) -> None:
    with pytest.raises(QueryError, match="those of one store"):
        parts.search(Query((QueryPart("red"),), given=frozenset({1})))


def test_a_list_of_stores_names_each_once(folders: tuple[Path, list[Path]]) -> None:
    with pytest.raises(QueryError, match="named twice"):
        cmsearch.open([folders[0], folders[0] / "trip 0"])
    with pytest.raises(QueryError, match="at least one"):
        cmsearch.open([])


def test_it_is_understood_as_one_store_would(parts: FederatedEngine, whole: Engine) -> None:
    assert parts.understand("red in 1700") == whole.understand("red in 1700")
    assert parts.modalities == whole.modalities and parts.sizes == whole.sizes
    assert parts.fuses == whole.fuses
