"""Learning from pairs: against direct solutions, on a known rotation, and on nothing to learn."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from cmsearch.learning.heldout import clustered, learn
from cmsearch.learning.ridge import Design, Learner, Pairs, added, held, moments, ranks, ridge
from cmsearch.types import FloatArray


def unit(rows: FloatArray) -> FloatArray:
    found: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def rotated(n: int, dim: int, *, shuffled: bool = False) -> Pairs:
    """Texts by chance, and pictures whose vectors are those of their texts, rotated."""
    random = np.random.default_rng(0)
    texts = unit(random.normal(size=(n, dim)))
    rotation, _ = np.linalg.qr(random.normal(size=(dim, dim)))
    links = np.stack([np.arange(n), random.permutation(n) if shuffled else np.arange(n)], axis=1)
    return Pairs(texts @ rotation.astype(np.float32), texts, links)


@pytest.mark.parametrize("strength", [0.03, 1.0, 30.0])
def test_ridge_is_the_minimum_of_its_loss(strength: float) -> None:
    """With the rows `sqrt(strength) * I` added, it is an ordinary least squares problem."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 7)), random.normal(size=(40, 3)) + 5
    found = ridge(added([moments(x[:15], y[:15]), moments(x[15:], y[15:])]), strength)
    more = np.vstack([x - x.mean(0), np.sqrt(strength) * np.eye(7)])
    expected, *_ = np.linalg.lstsq(more, np.vstack([y - y.mean(0), np.zeros((7, 3))]))
    assert found.weight == pytest.approx(expected, abs=1e-5)
    assert found.bias == pytest.approx(y.mean(0) - x.mean(0) @ expected, abs=1e-5)


@pytest.mark.parametrize("n", [20, 200], ids=["fewer than inputs", "more"])
def test_fewer_pictures_than_inputs_give_the_same_solution(n: int) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(n, 50)).astype(np.float32)
    inputs[:, 10:] *= 30
    targets = random.normal(size=(n, 4)).astype(np.float32)
    design = Design(inputs, 10)
    found = design.unfolded(ridge(moments(design.rows, targets), 0.3))
    centred = (inputs - inputs.mean(0)).astype(float)
    for block in (slice(0, 10), slice(10, 50)):
        centred[:, block] /= np.sqrt((centred[:, block] ** 2).sum(1).mean() * 2)
    kernel = centred @ centred.T + 0.3 * np.eye(n)
    expected = centred @ centred.T @ np.linalg.solve(kernel, targets - targets.mean(0))
    assert inputs @ found.weight + found.bias == pytest.approx(expected + targets.mean(0), abs=2e-3)


def test_a_known_rotation_is_recovered() -> None:
    learned = learn(rotated(400, 32))
    for one in learned.comparisons:
        assert one.before["recall@1"].value < 0.1
        assert one.after["recall@1"].value >= 0.99
    assert learned.is_better


def test_nothing_is_learned_from_shuffled_captions() -> None:
    """The pictures lie where their texts do, and each is given another's."""
    pairs = rotated(200, 16, shuffled=True)
    near = Pairs(pairs.texts, pairs.texts, pairs.links)
    assert not learn(pairs).is_better
    assert not learn(near).is_better


def test_pairs_that_fit_already_gain_nothing() -> None:
    pairs = rotated(100, 16)
    learned = learn(Pairs(pairs.texts, pairs.texts, pairs.links))
    assert not learned.is_better
    assert learned.comparisons[0].gain["mrr"].value == 0


def test_a_text_is_never_on_both_sides() -> None:
    """Each third picture shares a text with the next one."""
    pairs = rotated(60, 8)
    shared = [(one, one + 1) for one in range(0, 60, 3)]
    pairs = Pairs(pairs.inputs, pairs.texts, np.concatenate([pairs.links, np.array(shared)]))
    parts = [held(pairs, rows) for rows in pairs.folds(0)]
    assert sorted(np.concatenate([one.pictures for one in parts]).tolist()) == list(range(60))
    assert sorted(np.concatenate([one.texts for one in parts]).tolist()) == list(range(60))
    for one in parts:
        assert len(one.pictures) == 12
        known = set(map(tuple, pairs.links.tolist()))
        links = {(one.pictures[row], one.texts[column]) for row, column in one.links}
        assert links == {link for link in known if link[0] in set(one.pictures.tolist())}


def test_chains_of_shared_texts_are_one_group() -> None:
    links = np.array([[0, 0], [1, 0], [1, 1], [2, 1], [3, 2], [4, 3], [3, 3]])
    pairs = Pairs(np.eye(5, dtype=np.float32), np.eye(5, dtype=np.float32)[:4], links)
    assert pairs.groups.tolist() == [0, 0, 0, 1, 1]
    assert pairs.targets[3] == pytest.approx([0, 0, 0.5, 0.5, 0])


def test_what_is_held_out_has_no_part_in_what_is_learned() -> None:
    """Other texts for a fold's pictures don't change what is learned without it."""
    pairs = rotated(100, 8)
    texts = pairs.texts.copy()
    texts[pairs.folds(0)[0]] = -1 / np.sqrt(8)
    other = Pairs(pairs.inputs, texts, pairs.links)
    learners = [Learner(one, Design(one.inputs, 8), 0) for one in (pairs, other)]
    assert np.array_equal(*(learner.line((0,), 0.3).weight for learner in learners))
    assert not np.array_equal(*(learner.line((1,), 0.3).weight for learner in learners))


def test_the_rank_is_that_of_the_best_right_answer() -> None:
    scores = np.array([[0.9, 0.5, 0.7], [0.1, 0.2, 0.3]], np.float32)
    assert ranks(scores, np.array([[0, 1], [0, 2], [1, 0]])).tolist() == [2, 3]


def test_answers_that_tie_are_ranked_as_by_chance() -> None:
    scores = np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.1]], np.float32)
    assert ranks(scores, np.array([[0, 1], [1, 2]])).tolist() == [2, 2.5]


def test_captions_of_one_picture_are_not_independent() -> None:
    """Five equal values for each of 20 pictures tell no more than one would."""
    values = np.random.default_rng(0).random(20)
    alone = clustered(values, np.arange(20))
    repeated = clustered(np.repeat(values, 5), np.repeat(np.arange(20), 5))
    assert astuple(repeated) == pytest.approx(astuple(alone))
    assert alone.low < alone.value < alone.high
    assert clustered(np.repeat(values, 5), np.arange(100)).high < alone.high
