"""Composed queries, exclusions, folding and spreading, through the engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine, Filter, Hit, Modality, Query, QueryError, QueryPart, Ranking
from cmsearch.store.catalog import items
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.types import Item
from indexer import Indexer
from tests.builders import scene, write_files
from tests.mosaics import chance, write_mosaics
from tests.processes import faked

LOOK = Ranking(match="picture", fold=False)
PICTURES = {
    "red.png": "rrrrrrrrr",
    "green.png": "ggggggggg",
    "blue.png": "bbbbbbbbb",
    "red-green.png": "rrrrggggg",
    "red-blue.png": "rrrrbbbbb",
    "green-blue.png": "ggggbbbbb",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pipeline")
    write_mosaics(place, PICTURES)
    faked("index", place, "--model", "fake:colours")
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    with cmsearch.open(folder) as engine:
        yield engine


def query(*parts: tuple[str | Path, float], without: tuple[str | Path, ...] = ()) -> Query:
    def part(content: str | Path, weight: float = 1.0) -> QueryPart:
        return QueryPart(
            content, Modality.TEXT if isinstance(content, str) else Modality.IMAGE, weight
        )

    return Query(tuple(part(*one) for one in parts), tuple(part(one) for one in without))


def names(hits: list[Hit]) -> list[str]:
    return [hit.source for hit in hits]


def asked(engine: Engine, wanted: Query, k: int = 10, **ranking: object) -> list[str]:
    return names(engine.search(wanted, target="image", k=k, ranking=replace(LOOK, **ranking)))


# --- sums ---


def test_parts_are_added_and_taken_away(engine: Engine) -> None:
    assert asked(engine, query(("red", 1), ("blue", 1)))[0] == "red-blue.png"
    less_blue = asked(engine, query(("red", 1), ("blue", -1)))
    assert less_blue[0] == "red.png"
    assert less_blue.index("red-green.png") < less_blue.index("red-blue.png")
    assert less_blue[-1] == "blue.png"


def test_weights_count(engine: Engine) -> None:
    much_red = engine.search(query(("red", 3), ("green", 1)), target="image", ranking=LOOK)
    cosine = {hit.source: hit.cosine for hit in much_red}
    assert cosine["red.png"] == pytest.approx(3 / np.sqrt(10), abs=2e-3)
    assert cosine["green.png"] == pytest.approx(1 / np.sqrt(10), abs=2e-3)
    assert cosine["blue.png"] == pytest.approx(0, abs=2e-3)


def test_pictures_are_parts_too_and_are_not_found_themselves(engine: Engine, folder: Path) -> None:
    found = asked(engine, query((folder / "red.png", 1), ("blue", 1)))
    assert found[0] == "red-blue.png"
    assert "red.png" not in found
    two = asked(engine, query((folder / "red.png", 1), (folder / "green.png", 1)))
    assert two[0] == "red-green.png"
    assert {"red.png", "green.png"}.isdisjoint(two)


def test_a_picture_is_not_found_by_what_is_written_about_it_either(
    tmp_path: Path, fake_model: str
) -> None:
    write_mosaics(tmp_path, PICTURES)
    line = '{"image": "red.png", "caption": "blue blue sea"}\n'
    write_files(tmp_path, {"captions.jsonl": line})
    Indexer(tmp_path, model=fake_model).run()
    picture = tmp_path / "red.png"
    with cmsearch.open(tmp_path) as engine:
        assert "red.png" in names(engine.search("blue sea", target="image"))
        for match in ("all", "caption", "words"):
            for text in ("blue sea", "red"):
                found = engine.search(
                    query((picture, 0.1), (text, 1)), target="image", ranking=Ranking(match=match)
                )
                assert "red.png" not in names(found)


def test_a_list_may_mix_texts_and_composed_queries(engine: Engine) -> None:
    both = query(("red", 1), ("blue", 1))
    lists = engine.search(["green", both, "red"], target="image", ranking=LOOK)
    alone = [engine.search(one, target="image", ranking=LOOK) for one in ("green", both, "red")]
    assert lists == alone


@pytest.mark.parametrize("target", ["image", "any"])
def test_pictures_in_a_list_with_texts_get_what_they_get_alone(
    folder: Path, fake_model: str, target: str
) -> None:
    line = '{"image": "blue.png", "caption": "red red sun"}\n'
    write_files(folder, {"captions.jsonl": line})
    Indexer(folder, model=fake_model).run()
    texts, picture = query(("red", 1)), query((folder / "red.png", 1))
    with cmsearch.open(folder) as engine:
        together = engine.search([texts, picture], target=target)
        assert together == [engine.search(one, target=target) for one in (texts, picture)]


def test_many_copies_leave_room_for_the_next_picture_among_all_kinds(
    tmp_path: Path, fake_model: str
) -> None:
    copies = {f"copies/{number:02}.png": "rrrrrrrrr" for number in range(60)}
    write_mosaics(tmp_path, {**copies, "half.png": "rrrrrgggg", "blue.png": "bbbbbbbbb"})
    lines = [f"a note {number}" for number in range(80)]
    write_files(tmp_path, {f"notes/{number}.txt": line for number, line in enumerate(lines)})
    Indexer(tmp_path, model=fake_model).run()
    ranking = Ranking(match="picture")
    with cmsearch.open(tmp_path) as engine:
        long = names(engine.search("red", k=100, ranking=ranking))
        assert "half.png" in long[:3]
        assert names(engine.search("red", k=5, ranking=ranking)) == long[:5]


def test_no_more_is_looked_at_than_can_be_relevant_enough(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mosaics(tmp_path, {**PICTURES, **chance(60)})
    Indexer(tmp_path, model=fake_model).run()
    picture = tmp_path / "red.png"
    with cmsearch.open(tmp_path) as engine:
        few = replace(LOOK, depth=10)
        plain = engine.search(image=picture, target="image", k=70, ranking=few)
        bar = plain[3].relevance
        looked_at: list[int] = []
        read = items.of_embeddings

        def counted(
            catalog: Catalog, embeddings: list[int], told: dict[int, int]
        ) -> dict[int, Item]:
            looked_at.append(len(embeddings))
            return read(catalog, embeddings, told)

        monkeypatch.setattr(items, "of_embeddings", counted)
        least = replace(few, min_relevance=bar)
        found = engine.search(image=picture, target="image", k=10, ranking=least)
    relevant = [hit.source for hit in plain if hit.relevance >= bar]
    assert names(found) == relevant[:10]
    assert len(relevant) < 10
    assert looked_at and max(looked_at) < len(plain)


def test_the_parser_gives_such_queries(engine: Engine) -> None:
    wanted = query(("red", 2), ("blue", -0.5))
    assert cmsearch.parse("2:red - 0.5:blue") == wanted
    literal = engine.search("red - blue", target="image", ranking=LOOK)
    assert literal != engine.search(wanted, target="image", ranking=LOOK)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Query(()), "needs a part to look for"),
        (query(("red", -1)), "needs a part to look for"),
        (query(("red", 0)), "a number other than 0"),
        (query(("red", float("nan"))), "a number other than 0"),
        (query(("red", float("inf"))), "a number other than 0"),
        (query(("", 1)), "empty"),
        (query(("red", 1), ("red", -1)), "cancel"),
        (Query((QueryPart("x", Modality.VIDEO),)), "takes no films"),
        (Query(("red",)), "texts, pictures, recordings and films"),  # type: ignore[arg-type]
        (query(("red", 1), without=("",)), "empty"),
    ],
)
def test_odd_queries_are_errors(engine: Engine, wrong: Query, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        engine.search(wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Ranking(min_relevance="x"), "min_relevance is a number from 0 to 1"),  # type: ignore[arg-type]
        (Ranking(min_relevance=float("nan")), "min_relevance is a number"),
        (Ranking(min_relevance=1.5), "min_relevance is a number"),
        (Ranking(budget="x"), "budget is a number"),  # type: ignore[arg-type]
        (Ranking(budget=-1.0), "budget is a number"),
    ],
)
def test_odd_rankings_are_errors(engine: Engine, wrong: Ranking, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        engine.search("red", ranking=wrong)


def test_a_filter_that_is_not_unicode_is_an_error(engine: Engine) -> None:
    with pytest.raises(QueryError, match="not valid Unicode"):
        engine.search("red", where=Filter(path="caf\udce9*"))


def test_attention_of_a_sum_is_that_of_its_parts(engine: Engine) -> None:
    ranking = replace(LOOK, rerank="attention")
    first, second, both = (
        {hit.source: hit.stages for hit in engine.search(one, target="image", ranking=ranking)}
        for one in ("red", "blue", query(("red", 1), ("blue", -1)))
    )
    said = np.array([[own[name]["attention"] for own in (first, second, both)] for name in both])
    (red, blue), *_ = np.linalg.lstsq(said[:, :2], said[:, 2])
    np.testing.assert_allclose(said[:, :2] @ (red, blue), said[:, 2], atol=0.01 * said.max())
    assert red > 0 and blue == pytest.approx(-red, rel=0.1)  # the mosaics have as much of each


# --- relevance ---


def test_relevance_of_a_sum_lies_between_its_parts_and_what_is_taken_away_counts_against(
    engine: Engine,
) -> None:
    def relevance(wanted: str | Query) -> dict[str, float]:
        hits = engine.search(wanted, target="image", ranking=LOOK)
        return {hit.source: hit.relevance for hit in hits}

    red, blue = relevance("red"), relevance("blue")
    both = relevance(query(("red", 1), ("blue", 1)))
    assert len(both) == len(PICTURES)
    for source, likely in both.items():
        low, high = sorted([red[source], blue[source]])
        assert low - 1e-3 <= likely <= high + 1e-3
    less = relevance(query(("red", 1), ("blue", -1)))
    assert less["red.png"] > 0.5
    assert less["red-blue.png"] < red["red-blue.png"]


# --- exclusion ---


def test_without_leaves_out_what_shows_it(engine: Engine) -> None:
    assert "blue.png" in asked(engine, query(("red", 1)))
    found = asked(engine, query(("red", 1), without=("blue",)))
    assert "blue.png" not in found
    assert "red.png" in found


def test_without_a_picture_leaves_out_what_is_like_it(engine: Engine, folder: Path) -> None:
    found = asked(engine, query(("red", 1), without=(folder / "blue.png",)))
    assert "blue.png" not in found
    assert found[0] == "red.png"


def test_without_leaves_out_what_captions_name_in_either_number(
    folder: Path, fake_model: str
) -> None:
    """The picture, and each of its captions, whichever names it; k is filled up again."""
    write_files(
        folder,
        {
            "red.txt": "a very old car\n\nunder a tree\n",
            "red-green.txt": "Cars!\n",
            "red-blue.txt": "a boat\n",
            "note.md": "A car.\n",
        },
    )
    Indexer(folder, model=fake_model).run()
    with cmsearch.open(folder) as engine:
        wanted = query(("red", 1), without=("a car",))
        hits = engine.search(wanted, k=20, ranking=Ranking(fold=False))
        paths = {hit.path.name for hit in hits}
        assert paths == {"green.png", "blue.png", "red-blue.png", "green-blue.png"}
        assert len(engine.search(wanted, target="image", k=4, ranking=LOOK)) == 4
        captions = engine.search(wanted, target="caption", k=20)
        assert [hit.text for hit in captions] == ["a boat"]


def test_without_everything_nothing_is_left(engine: Engine) -> None:
    assert asked(engine, query(("red", 1), without=("red", "green", "blue"))) == []


# --- near-duplicates ---


@pytest.fixture
def copies(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    """Nine scenes, of which the first has 40 copies in other qualities."""
    for number in range(9):
        scene(number).save(tmp_path / f"scene-{number}.png")
    for quality in range(40, 80):
        scene(0).save(tmp_path / f"copy-{quality}.jpg", quality=quality)
    shutil.copy(tmp_path / "scene-1.png", tmp_path / "the-same.png")
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        yield engine


def test_near_duplicates_are_one_hit_and_k_is_filled_up(copies: Engine) -> None:
    hits = copies.search(image=scene(0), target="image", k=9)
    assert len(hits) == 9
    assert [hit.rank for hit in hits] == list(range(1, 10))
    alike = [hit for hit in hits if len(hit.copies) >= 30]
    assert len(alike) == 1
    everything = {path for hit in hits for path in (hit.path, *hit.copies)}
    assert len(everything) == 50
    assert sum(len(hit.copies) for hit in hits) == 41


def test_expanded_each_is_a_hit(copies: Engine) -> None:
    hits = copies.search(image=scene(0), target="image", k=60, ranking=Ranking(fold=False))
    assert len(hits) == 50
    assert all(hit.copies == () for hit in hits)


def test_fewer_hits_are_the_beginning_of_more(copies: Engine) -> None:
    few, more = (copies.search("red", target="image", k=k) for k in (3, 9))
    assert names(few) == names(more)[:3]


def test_a_caption_that_stands_in_two_files_is_one_hit(folder: Path, fake_model: str) -> None:
    """Those of two pictures are two."""
    lines = "".join(f"{name},the old sea\n" for name in ("red.png", "blue.png"))
    write_files(folder, {"a.csv": f"image,caption\n{lines}", "blue.txt": "the old sea\n"})
    Indexer(folder, model=fake_model).run()
    with cmsearch.open(folder) as engine:
        hits = engine.search("the old sea", target="caption")
        assert sorted(hit.path.name for hit in hits) == ["blue.png", "red.png"]
        assert len(engine.search("the old sea", target="caption", ranking=LOOK)) == 3


# --- spreading ---


def test_diverse_brings_unlike_hits_to_the_front(tmp_path: Path, fake_model: str) -> None:
    pictures = {f"red-{number}.png": "r" * 8 + "rk"[number % 2] for number in range(6)}
    write_mosaics(tmp_path, {**pictures, "mixed.png": "rrrrrgggg", "green.png": "ggggggggg"})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        plain = names(engine.search("red", target="image", ranking=LOOK))
        spread = names(engine.search("red", target="image", ranking=replace(LOOK, diverse=True)))
    assert plain[0] == spread[0]
    assert sorted(plain) == sorted(spread)
    assert spread.index("mixed.png") < plain.index("mixed.png")
