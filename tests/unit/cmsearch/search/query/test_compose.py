"""Composed queries are weighted sums, and their scores are the sums of their parts' scores."""

from __future__ import annotations

from math import hypot, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.errors import QueryError
from cmsearch.search.query.compose import QueryVector, chance, toward
from cmsearch.types import Background, ComposedQuery, EncodedQuery, FloatArray, Modality, Scale

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
BACKGROUND = {
    "text": {"image": Scale(0.2, 0.05, 0.0, 0.5), "text": Scale(0.5, 0.1, 0.0, 0.5)},
    "image": {"image": Scale(0.8, 0.2, 0.3, 0.15), "text": Scale(0.2, 0.05, 0.0, 0.5)},
    "bank": {"image": Scale(0.3, 0.5, 0.1, 0.04), "text": Scale(0.6, 0.5, 0.2, 0.1)},
}
WEIGHTS = st.floats(0.05, 20) | st.floats(-20, -0.05)


def part(vector: FloatArray, modality: Modality = TEXT, content: str = "") -> EncodedQuery:
    unit = np.asarray(vector, np.float32) / np.linalg.norm(vector)
    return EncodedQuery(modality, content, unit)


def axis(number: int, modality: Modality = TEXT, content: str = "") -> EncodedQuery:
    return part(np.eye(4, dtype=np.float32)[number], modality, content)


@given(st.integers(0, 2**32 - 1), st.lists(WEIGHTS, min_size=2, max_size=5), st.booleans())
def test_a_cosine_to_the_sum_is_the_sum_of_those_to_the_parts(
    seed: int, weights: list[float], is_mixed: bool
) -> None:
    random = np.random.default_rng(seed)
    parts = [
        part(random.normal(size=12), IMAGE if is_mixed and row % 2 else TEXT)
        for row in range(len(weights))
    ]
    items = random.normal(size=(7, 12)).astype(np.float32)
    asked = ComposedQuery(tuple(parts), tuple(weights))
    query = toward(asked, BACKGROUND, IMAGE)
    assert float(np.linalg.norm(query.vector)) == pytest.approx(1, abs=1e-5)
    expected = items @ np.stack([own.vector for own in parts]).T @ np.array(query.shares)
    np.testing.assert_allclose(
        items @ query.vector, expected, atol=1e-4 * max(map(abs, query.shares))
    )


def test_one_part_is_itself_whatever_it_weighs() -> None:
    one = axis(2)
    query = toward(ComposedQuery((one,), (7.0,)), BACKGROUND, IMAGE)
    assert query.vector is one.vector
    assert query.shares == (1.0,)


def test_parts_of_one_modality_count_as_they_weigh() -> None:
    query = toward(ComposedQuery((axis(0), axis(1)), (2.0, -0.5)), BACKGROUND, IMAGE)
    assert query.vector == pytest.approx(np.array([2, -0.5, 0, 0]) / hypot(2, 0.5))


def test_parts_of_several_modalities_count_alike_against_their_directions_spread() -> None:
    asked = ComposedQuery((axis(0), axis(1, IMAGE)), (1.0, 1.0))
    assert toward(asked, BACKGROUND, IMAGE).vector[:2] == pytest.approx(
        np.array([1 / 0.05, 1 / 0.2]) / hypot(1 / 0.05, 1 / 0.2)
    )
    assert toward(asked, BACKGROUND, TEXT).vector[:2] == pytest.approx(
        np.array([1 / 0.1, 1 / 0.05]) / hypot(1 / 0.1, 1 / 0.05)
    )
    assert toward(asked, {}, TEXT).vector[:2] == pytest.approx([sqrt(0.5)] * 2)


def test_what_cancels_out_is_an_error() -> None:
    with pytest.raises(QueryError, match="cancel each other out"):
        toward(ComposedQuery((axis(0), axis(0)), (1.0, -1.0)), BACKGROUND, IMAGE)


def test_chance_gives_a_text_what_it_gives_captions_of_the_bank() -> None:
    """Texts of the store are about something here; those of the bank are about nothing."""
    query = toward(ComposedQuery((axis(0),), (3.0,)), BACKGROUND, IMAGE)
    assert chance(query, BACKGROUND, IMAGE) == pytest.approx((0.1, 0.04))
    shown = toward(ComposedQuery((axis(0, IMAGE),), (3.0,)), BACKGROUND, IMAGE)
    assert chance(shown, BACKGROUND, IMAGE) == pytest.approx((0.3, 0.15))


@pytest.mark.parametrize("bank", [{}, {"bank": {}}])
def test_without_a_bank_a_text_is_judged_by_the_stores_texts(bank: Background) -> None:
    query = toward(ComposedQuery((axis(0),), (3.0,)), BACKGROUND, IMAGE)
    known = {one: own for one, own in BACKGROUND.items() if one != "bank"} | bank
    assert chance(query, known, IMAGE) == pytest.approx((0.0, 0.5))


def test_chance_gives_a_sum_what_it_gives_independent_parts() -> None:
    """Mean Σ s·m, variance Σ (s·d)², here with the shares 1/√2 and -1/√2, then 0.6 and 0.8."""
    share = sqrt(0.5)
    query = toward(ComposedQuery((axis(0), axis(1)), (1.0, -1.0)), BACKGROUND, IMAGE)
    mean, deviation = chance(query, BACKGROUND, IMAGE)
    assert mean == pytest.approx(share * 0.1 - share * 0.1)
    assert deviation == pytest.approx(hypot(share * 0.04, share * 0.04))
    parts = (axis(0), axis(1, IMAGE))
    mixed = QueryVector(parts[0].vector, parts, (1.0, 1.0), (0.6, 0.8))
    mean, deviation = chance(mixed, BACKGROUND, IMAGE)
    assert mean == pytest.approx(0.6 * 0.1 + 0.8 * 0.3)
    assert deviation == pytest.approx(hypot(0.6 * 0.04, 0.8 * 0.15))


def test_a_direction_without_a_background_takes_the_mean_of_the_others() -> None:
    query = toward(ComposedQuery((axis(0),), (1.0,)), {}, IMAGE)
    known = {"bank": {"text": Scale(0.4, 0.1, 0.2, 0.1), "image": Scale(0.2, 0.3, 0.1, 0.3)}}
    assert chance(query, known, Modality.SPEECH) == pytest.approx((0.15, 0.2))


def test_where_nothing_is_known_chance_is_the_same_in_each_direction() -> None:
    query = toward(ComposedQuery((axis(0),), (1.0,)), {}, IMAGE)
    mean, deviation = chance(query, {}, IMAGE)
    assert deviation > 0
    assert chance(query, {"bank": {}}, TEXT) == (mean, deviation)


@pytest.mark.parametrize(
    ("parts", "weights", "share"),
    [
        ((axis(0), axis(1)), (1.0, 3.0), 1),
        ((axis(0), axis(1, IMAGE)), (1.0, 3.0), 0.25),
        ((axis(0), axis(1, IMAGE)), (1.0, -3.0), 1),
        ((axis(0, IMAGE), axis(1)), (1.0, -3.0), 0),
    ],
)
def test_it_knows_how_much_of_it_is_written(
    parts: tuple[EncodedQuery, ...], weights: tuple[float, ...], share: float
) -> None:
    assert toward(ComposedQuery(parts, weights), BACKGROUND, IMAGE).written == share


def test_it_has_its_texts_with_their_weights() -> None:
    parts = (axis(0, TEXT, "horse"), axis(1, IMAGE), axis(2, TEXT, "people"))
    query = QueryVector(parts[0].vector, parts, (2.0, 1.0, -1.0), (2.0, 1.0, -1.0))
    assert query.texts() == [("horse", 2.0), ("people", -1.0)]
