"""The fusing network in NumPy: its shapes and shares, what stands in for it, hostile numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.models.fusion_network import (
    HEADS,
    MAX_WIDTH,
    Fusions,
    Network,
    Parts,
    Tensors,
    check,
    parts,
    shapes,
    summed,
)
from cmsearch.types import FloatArray

DIM, WIDTH = 16, 8


def some(count: int, tokens: int, seed: int) -> Parts:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, tokens + 1, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return Parts(rows[:, 0], rows[:, 1:], np.ones((count, tokens), np.float32))


def tensors(*, dim: int = DIM, width: int = WIDTH) -> dict[str, FloatArray]:
    random = np.random.default_rng(0)
    return {
        name: random.normal(scale=0.3, size=shape).astype(np.float32)
        for name, shape in shapes(dim, width).items()
    }


def priors(count: int, image: float = 0.5) -> FloatArray:
    return np.repeat(np.array([[image, 1 - image]], np.float32), count, 0)


@pytest.mark.parametrize("is_trained", [True, False])
def test_shapes_and_shares(is_trained: bool) -> None:
    fuse = Network(tensors()).fuse if is_trained else summed
    found = fuse(some(3, 9, 1), some(3, 5, 2), priors(3))
    assert found.vectors.shape == (3, DIM)
    assert found.shares.shape == (3, 2)
    assert found.by_image.shape == (3, 10, 6)
    assert found.by_text.shape == (3, 6, 10)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for rows in (found.shares, found.by_image, found.by_text):
        assert rows.sum(-1) == pytest.approx(1, abs=1e-5)
    assert (found.added > 0).all() == is_trained


def test_a_network_that_adds_nothing_is_the_weighted_sum() -> None:
    own = {**tensors(), "out.weight": np.zeros((DIM, 2 * WIDTH), np.float32)}
    own |= {"out.bias": np.zeros(DIM, np.float32), "shares.bias": np.zeros(2, np.float32)}
    own["shares.weight"] = np.zeros((2, 2 * WIDTH), np.float32)
    image, text = some(4, 9, 1), some(4, 6, 2)
    found, expected = (fuse(image, text, priors(4, 0.3)) for fuse in (Network(own).fuse, summed))
    total = 0.3 * image.vectors + 0.7 * text.vectors
    total /= np.linalg.norm(total, axis=1, keepdims=True)
    assert found.vectors == pytest.approx(total, abs=1e-5)
    assert expected.vectors == pytest.approx(total, abs=1e-5)
    assert found.shares == pytest.approx(priors(4, 0.3), abs=1e-5)


def padded(text: Parts) -> Parts:
    filled = np.concatenate([text.tokens, np.full((len(text.tokens), 3, DIM), 9, np.float32)], 1)
    return Parts(text.vectors, filled, np.pad(text.weights, ((0, 0), (0, 3))))


@pytest.mark.parametrize("is_trained", [True, False])
def test_tokens_without_weight_have_no_part(is_trained: bool) -> None:
    fuse = Network(tensors()).fuse if is_trained else summed
    image, text = some(2, 9, 1), some(2, 4, 2)
    plain, filled = fuse(image, text, priors(2)), fuse(image, padded(text), priors(2))
    assert filled.vectors == pytest.approx(plain.vectors, abs=1e-5)
    assert filled.by_image[:, :, :5] == pytest.approx(plain.by_image, abs=1e-5)
    assert not filled.by_image[:, :, 5:].any()


def test_parts_without_tokens_attend_to_the_whole() -> None:
    found = Network(tensors()).fuse(some(2, 0, 1), some(2, 0, 2), priors(2))
    assert found.by_image.tolist() == found.by_text.tolist() == [[[1.0]], [[1.0]]]
    assert np.isfinite(found.vectors).all()


def test_each_side_changes_what_the_other_becomes() -> None:
    network, image, text = Network(tensors()), some(1, 9, 1), some(1, 4, 2)
    turned = text._replace(tokens=text.tokens[:, :, ::-1])
    one, other = (network.fuse(image, told, priors(1)) for told in (text, turned))
    assert np.abs(one.vectors - other.vectors).max() > 1e-3


def test_without_a_network_tokens_attend_to_what_is_alike() -> None:
    basis = np.eye(DIM, dtype=np.float32)
    image = parts([basis[0]], [(basis[[1, 2, 3]], np.ones(3, np.float32))])
    text = parts([basis[4]], [(basis[[3, 1]], np.ones(2, np.float32))])
    found: Fusions = summed(image, text, priors(1))
    assert found.by_text[0, 1:3].argmax(1).tolist() == [3, 1]
    assert found.by_image[0, [1, 3]].argmax(1).tolist() == [2, 1]
    assert found.by_text[0, 1, 3] > 0.99


def test_more_tokens_than_a_store_keeps_are_left_out() -> None:
    rows = np.ones((40, DIM), np.float32)
    found = parts([rows[0]], [(rows, np.ones(40, np.float32))])
    assert found.tokens.shape == (1, 10, DIM) and found.weights.all()


def test_tensors_of_the_right_shapes_are_a_network() -> None:
    check(tensors(), DIM)
    check(tensors(width=2 * WIDTH), DIM)


@pytest.mark.parametrize(
    "changes",
    [
        {"gates.bias": None},
        {"gates.bias": np.zeros((2 * WIDTH, 1), np.float32)},
        {"gates.bias": np.zeros(0, np.float32)},
        {"out.bias": None},
        {"more": np.zeros(1, np.float32)},
        {"out.bias": np.zeros(DIM, np.float64)},
        {"out.bias": np.full(DIM, np.inf, np.float32)},
        {"text.query.weight": np.full((WIDTH, WIDTH), np.nan, np.float32)},
        {"image.into.weight": np.zeros((WIDTH, DIM + 1), np.float32)},
    ],
)
def test_other_numbers_are_no_network(changes: dict[str, FloatArray | None]) -> None:
    merged = {**tensors(), **changes}
    own: Tensors = {name: one for name, one in merged.items() if one is not None}
    with pytest.raises(ValueError, match="its"):
        check(own, DIM)


@pytest.mark.parametrize("width", [HEADS + 1, MAX_WIDTH + HEADS])
def test_a_width_that_none_has_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="width"):
        check({"gates.bias": np.zeros(2 * width, np.float32)}, DIM)


def test_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="17 dimensions"):
        check(tensors(), 17)
