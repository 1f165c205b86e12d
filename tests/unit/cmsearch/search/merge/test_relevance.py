"""A search says how likely each hit is what was meant, with all others known."""

from __future__ import annotations

import json
from itertools import accumulate
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmsearch
from cmsearch import Ranking
from cmsearch.search.merge.relevance import (
    DOUBTFUL,
    LIKENESS,
    WORDS,
    aim,
    competing,
    relevance,
)
from cmsearch.search.query import background_captions
from cmsearch.store.catalog.blobs import pack, unpack
from cmsearch.store.store import Store
from cmsearch.types import ComposedQuery, EncodedQuery, Modality
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.fakes import DIM, FakeEncoder

QUERIES = Path(__file__).parents[4] / "data" / "queries"
AXIS = np.eye(DIM, dtype=np.float32)[0]
LOG_ODDS = st.lists(st.floats(-15, 15), min_size=1, max_size=8).map(
    lambda values: sorted(values, reverse=True)
)


# --- log-odds as a probability ---


@pytest.mark.parametrize(
    ("log_odds", "expected"),
    [(0.0, 0.5), (log(3), 0.75), (-log(3), 0.25), (log(1 / 99), 0.01), (1e9, 1.0), (-1e9, 0.0)],
)
def test_relevance_is_the_probability_of_log_odds(log_odds: float, expected: float) -> None:
    assert relevance(log_odds) == expected


# --- one thing or a kind of things ---


def asking(*contents: str | None, weights: tuple[float, ...] = ()) -> ComposedQuery:
    """A query of texts, and of a picture for each None."""
    parts = tuple(
        EncodedQuery(Modality.IMAGE if content is None else Modality.TEXT, content or "", AXIS)
        for content in contents
    )
    return ComposedQuery(parts, weights or (1.0,) * len(parts))


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_the_more_words_the_more_one_thing_is_meant(number: int) -> None:
    words = " ".join(f"word{place}" for place in range(number))
    assert aim(asking(words)) == pytest.approx(1 - exp(-(number - 1) / WORDS))


def test_a_word_is_a_kind_and_saying_it_again_is_no_more() -> None:
    assert aim(asking("horse")) == aim(asking("horse Horse HORSE")) == aim(asking("?!")) == 0


def test_a_picture_asks_for_others_like_it() -> None:
    assert aim(asking(None)) == LIKENESS


def test_parts_mean_one_thing_as_they_weigh_and_not_what_is_subtracted() -> None:
    two = 1 - exp(-1 / WORDS)
    both = asking("a red horse", None, weights=(3.0, 1.0))
    alone = aim(asking("a red horse"))
    assert aim(both) == pytest.approx((3 * alone + LIKENESS) / 4)
    less = asking("red horse", "a man upon it in the snow", weights=(1.0, -1.0))
    assert aim(less) == pytest.approx(two)


# --- competing ---


@given(LOG_ODDS)
def test_without_strength_others_change_nothing(values: list[float]) -> None:
    assert competing(values, range(len(values)), len(values), 0.0) == values


@given(LOG_ODDS)
def test_one_thing_alone_has_its_odds_against_all_others_and_none(values: list[float]) -> None:
    """So all these probabilities and that of none sum to 1: odds / (1 + the others')."""
    found = competing(values, range(len(values)), len(values), 1.0)
    odds = [exp(value) for value in values]
    for place, value in enumerate(found):
        others = sum(odds[:place] + odds[place + 1 :])
        assert value == pytest.approx(log(odds[place] / (1 + others)), abs=1e-6)
    none = 1 / (1 + sum(odds))
    shares = [1 / (1 + exp(-value)) for value in found]
    assert sum(shares) + none == pytest.approx(1, abs=1e-6)


@given(LOG_ODDS, st.floats(0, 1))
def test_between_both_the_power_of_the_sum_counts(values: list[float], strength: float) -> None:
    whole = competing(values, range(len(values)), len(values), 1.0)
    expected = [own - strength * (own - other) for own, other in zip(values, whole, strict=True)]
    found = competing(values, range(len(values)), len(values), strength)
    assert found == pytest.approx(expected, abs=1e-6)


@given(LOG_ODDS, st.floats(0, 1), st.data())
def test_who_is_before_another_stays_there(
    values: list[float], strength: float, data: st.DataObject
) -> None:
    things = data.draw(st.lists(st.sampled_from("abc"), min_size=len(values), max_size=len(values)))
    counted = data.draw(st.integers(0, len(values)))
    found = competing(values, things, counted, strength)
    assert found == sorted(found, reverse=True)
    assert list(accumulate(found, min)) == found


def test_what_is_of_one_thing_does_not_compete() -> None:
    alone = competing([2.0, -1.0], "ab", 2, 1.0)
    assert competing([2.0, 2.0, 1.0, -1.0], "aaab", 4, 1.0) == pytest.approx(
        [alone[0], alone[0], alone[0] - 1, alone[1]]
    )


def test_another_thing_is_no_less_likely_than_what_little_is_said_of_the_first() -> None:
    first, second, third = competing([5.0, 2.0, 1.0], "aba", 3, 1.0)
    assert first > second > third


def test_only_those_that_were_looked_at_are_others() -> None:
    few = competing([1.0, 0.0], "ab", 2, 1.0)
    more = competing([1.0, 0.0, -1.0], "abc", 2, 1.0)
    assert more[:2] == few
    assert more[2] == pytest.approx(-1 - log(1 + exp(1) + exp(0)))


def test_the_largest_odds_leave_numbers() -> None:
    found = competing([1e6, 1e6, -1e6], "abc", 3, 1.0)
    assert np.isfinite(found).all()


# --- the bank ---


def test_the_bank_is_of_different_captions_of_an_ordinary_length() -> None:
    captions = background_captions.captions()
    assert len(set(captions)) == background_captions.SIZE
    assert all(4 <= len(caption.split()) <= 14 for caption in captions)


def test_a_bank_comes_back_as_it_was_kept_and_nothing_else_does() -> None:
    vectors = background_captions.encoded(FakeEncoder())
    assert vectors.shape == (background_captions.SIZE, DIM)
    np.testing.assert_allclose(unpack(pack(vectors), DIM), vectors, atol=1e-3)
    for text in ("", "?", "AAAA", pack(vectors)[:-8], pack(vectors * np.nan)):
        assert len(unpack(text, DIM)) < background_captions.SIZE


# --- in an answer ---


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> cmsearch.Engine:
    for colour in ("red", "green"):
        write_picture(tmp_path / f"{colour}.png", colour)
    for number in range(5):
        write_picture(tmp_path / f"x{number}.png", (10, 10 + number, 10))
    write_files(tmp_path, {"captions.csv": "image,caption\nred.png,a shiny apple\n"})
    Indexer(tmp_path, model=fake_model).run()
    return cmsearch.open(tmp_path)


def test_hits_are_in_the_order_of_their_relevance_and_can_be_cut(engine: cmsearch.Engine) -> None:
    with engine:
        hits = engine.search("red red red", target="image")
        assert hits[0].path.stem == "red"
        assert [hit.relevance for hit in hits] == [relevance(hit.score) for hit in hits]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        least = hits[0].relevance
        assert least > hits[-1].relevance
        cut = engine.search("red red red", target="image", ranking=Ranking(min_relevance=least))
        assert cut == [hit for hit in hits if hit.relevance >= least]
        assert 0 < len(cut) < len(hits)


def test_evidence_adds_up_to_the_score_with_what_the_others_take(engine: cmsearch.Engine) -> None:
    with engine:
        for text in ("red", "a shiny red apple", "nothing of this"):
            for hit in engine.search(text, target="image"):
                assert "prior" in hit.stages
                assert sum(hit.stages.values()) == pytest.approx(hit.score, abs=1e-5)


def test_the_bank_is_kept_with_the_store(engine: cmsearch.Engine) -> None:
    with Store(engine.store.path) as store:
        number = store.view().space_id
        assert len(store.catalog.bank(number, DIM)) == background_captions.SIZE
        assert {"image", "text"} == set(store.view().background["bank"])
    engine.close()


def area_under_roc(right: list[float], wrong: list[float]) -> float:
    pairs = [(one > other) + (one == other) / 2 for one in right for other in wrong]
    return sum(pairs) / len(pairs)


def test_lite_tells_queries_with_an_answer_from_absurd_ones(coco159: Path, tmp_path: Path) -> None:
    """By the pictures alone, without what anybody wrote about them."""
    Indexer(coco159, store=tmp_path / "store", model="lite").run()
    lines = (QUERIES / "answerable.jsonl").read_text().splitlines()
    answerable = [json.loads(line)["query"] for line in lines]
    absurd = (QUERIES / "absurd.txt").read_text().splitlines()
    with cmsearch.open(tmp_path / "store") as engine:
        best = [
            [
                max((hit.relevance for hit in hits), default=0.0)
                for hits in engine.search(queries, target="image", ranking=Ranking(match="picture"))
            ]
            for queries in (answerable, absurd)
        ]
    assert area_under_roc(*best) >= 0.92
    assert sum(one < DOUBTFUL for one in best[0]) <= 0.08 * len(answerable)
    assert sum(one < DOUBTFUL for one in best[1]) >= 0.7 * len(absurd)
