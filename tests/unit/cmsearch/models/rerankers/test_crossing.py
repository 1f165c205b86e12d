"""The network of a learned reranker: the same in NumPy and in torch, and never too sure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmsearch.learning.training.crossing import Crossing
from cmsearch.models.rerankers.crossing import LIMIT, PLACES, judged, stacked
from cmsearch.types import FloatArray

DIM = 24


def network(layers: int = 2, *, size: float = 0.3) -> Crossing:
    """One with numbers by chance in all of its tensors."""
    torch.manual_seed(1)
    net = Crossing(DIM, width=16, heads=2, layers=layers).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=size)
    return net


def rows(n: int, t: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Tokens `(n, t, dim)` and weights `(n, t)`, some of which are 0."""
    random = np.random.default_rng(seed)
    tokens = random.normal(size=(n, t, DIM)).astype(np.float32)
    tokens /= np.linalg.norm(tokens, axis=-1, keepdims=True)
    weights = random.uniform(0.1, 3, (n, t)).astype(np.float32)
    weights[1:, t - 2 :] = 0
    return tokens, weights


@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize(("texts", "pictures"), [(1, 7), (7, 1), (5, 5)])
def test_numpy_computes_what_torch_does(layers: int, texts: int, pictures: int) -> None:
    net = network(layers)
    given = *rows(texts, 6, 2), *rows(pictures, PLACES, 3)
    with torch.no_grad():
        expected = net(*(torch.from_numpy(one) for one in given)).numpy()
    found = judged(net.numbers(), *given)
    assert found.shape == (max(texts, pictures),)
    assert np.ptp(found) > 0.01
    assert np.abs(found - expected).max() < 1e-5


def test_untrained_it_changes_nothing() -> None:
    net = Crossing(DIM)
    assert np.array_equal(judged(net.numbers(), *rows(1, 4, 0), *rows(9, 9, 1)), np.zeros(9))


def test_what_is_filled_up_has_no_part_in_it() -> None:
    numbers = network().numbers()
    words, cells = rows(1, 4, 0), rows(1, 6, 1)
    (alone,) = judged(numbers, *words, *cells)
    longer = (np.pad(one, [(0, 0), (0, 3), (0, 0)][: one.ndim]) for one in (*words, *cells))
    assert judged(numbers, *longer)[0] == pytest.approx(alone, abs=1e-5)


def test_without_tokens_nothing_is_said() -> None:
    numbers = network().numbers()
    words, (cells, present) = rows(1, 4, 0), rows(2, 6, 1)
    present[1] = 0
    found = judged(numbers, *words, cells, present)
    assert found[0] != 0 and found[1] == 0
    silent = words[0], np.zeros_like(words[1])
    assert np.array_equal(judged(numbers, *silent, cells, present), [0, 0])


def test_no_judgement_is_beyond_the_limit() -> None:
    found = judged(network(size=30).numbers(), *rows(1, 4, 0), *rows(50, 6, 1))
    assert np.abs(found).max() <= LIMIT
    assert np.abs(found).max() > 0.9 * LIMIT


def test_only_the_heaviest_tokens_are_kept_in_their_order() -> None:
    tokens = np.eye(PLACES + 2, dtype=np.float32) * 3
    weights = np.arange(1, PLACES + 3, dtype=np.float32)
    weights[0] = 99
    found, kept = stacked([(tokens, weights), (tokens[:1], weights[:1])])
    assert found.shape == (2, PLACES, PLACES + 2)
    assert found[0].argmax(1).tolist() == [0, *range(3, PLACES + 2)]
    assert kept[0, 0] == 99 and kept[1].tolist() == [99] + [0] * (PLACES - 1)
    assert np.linalg.norm(found[0], axis=1) == pytest.approx(np.ones(PLACES))
