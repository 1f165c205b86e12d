"""The network in torch: it is what NumPy computes, and learns what neither part says alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cmsearch.learning.training.fusion import Material, MultiModalNet, neighbours, other, train
from cmsearch.models.fusion_network import Network, Parts, check
from cmsearch.types import FloatArray
from tests.unit.cmsearch.models.test_fusion_network import DIM, some


def sided(parts: Parts) -> tuple[torch.Tensor, ...]:
    return tuple(map(torch.from_numpy, parts))


def test_numpy_computes_what_torch_does() -> None:
    torch.manual_seed(0)
    net = MultiModalNet(DIM, 8)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    random = np.random.default_rng(0)
    image, text = some(7, 9, 1), some(7, 5, 2)
    image = image._replace(weights=(random.random((7, 9)) > 0.3).astype(np.float32))
    priors = random.dirichlet([1, 1], 7).astype(np.float32)
    expected = net.eval()(sided(image), sided(text), torch.from_numpy(priors)).detach().numpy()
    tensors = net.tensors()
    check(tensors, DIM)
    found = Network(tensors).fuse(image, text, priors).vectors
    assert found == pytest.approx(expected, abs=1e-5)


def test_untrained_it_is_the_weighted_sum() -> None:
    image, text = some(4, 9, 1), some(4, 6, 2)
    priors = torch.tensor([[0.3, 0.7]]).repeat(4, 1)
    found = MultiModalNet(DIM, 8)(sided(image), sided(text), priors).detach().numpy()
    total = 0.3 * image.vectors + 0.7 * text.vectors
    assert found == pytest.approx(total / np.linalg.norm(total, axis=1, keepdims=True), abs=1e-5)


KINDS, COLOURS = 6, 6


def changed_colours(copies: int = 4) -> tuple[Material, FloatArray]:
    """Pictures of a kind in a colour, with captions that name the kind's or the colour's axis.

    A text lies where none of the pictures does, so that no sum finds one.
    """
    random = np.random.default_rng(0)
    axes = np.eye(2 * (KINDS + COLOURS), dtype=np.float32)
    seen, said = axes[: KINDS + COLOURS], axes[KINDS + COLOURS :]
    which = np.array([(kind, KINDS + one) for kind in range(KINDS) for one in range(COLOURS)])
    which = np.repeat(which, copies, 0)
    vectors = seen[which].sum(1) + random.normal(scale=0.05, size=(len(which), seen.shape[1]))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    links = np.array([(row, text) for row, pair in enumerate(which) for text in pair])
    ones = np.ones((len(vectors), 2), np.float32)
    texts = Parts(said, said[:, None], np.ones((len(said), 1), np.float32))
    pictures = Parts(vectors, seen[which], ones)
    priors = np.full((2, 2), 0.5, np.float32)
    groups = np.unique(which, axis=0, return_inverse=True)[1].ravel()
    return Material(pictures, texts, links, groups, priors), which


def test_it_learns_to_change_what_the_text_says_and_to_keep_the_rest() -> None:
    material, which = changed_colours()
    random = np.random.default_rng(1)
    unseen = np.isin(material.groups, random.permutation(KINDS * COLOURS)[:6])
    tensors = train(material, np.flatnonzero(~unseen), steps=150)
    targets = np.flatnonzero(unseen)
    shown = np.array(
        [
            random.choice(
                np.flatnonzero((which[:, 0] == which[one, 0]) & (which[:, 1] != which[one, 1]))
            )
            for one in targets
        ]
    )
    image, text = (
        Parts(*(rows[places] for rows in some))
        for some, places in ((material.pictures, shown), (material.texts, which[targets, 1]))
    )
    vectors = material.pictures.vectors
    priors = np.full((len(targets), 2), 0.5, np.float32)

    def right(rows: FloatArray) -> float:
        best = (rows @ vectors.T).argmax(1)
        return float((material.groups[best] == material.groups[targets]).mean())

    together = right(Network(tensors).fuse(image, text, priors).vectors)
    assert together >= 0.8
    assert max(right(image.vectors), right(text.vectors)) <= 0.3


def test_the_same_seed_gives_the_same_numbers() -> None:
    material, _ = changed_colours(2)
    rows = np.arange(len(material.groups))
    one, again, another = (train(material, rows, seed=seed, steps=2) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["out.weight"], another["out.weight"])


def test_neighbours_are_near_and_of_other_groups() -> None:
    material, _ = changed_colours()
    rows = np.arange(0, len(material.groups), 2)
    near = neighbours(material, rows)
    assert set(near.ravel()) <= set(rows.tolist())
    assert not (material.groups[near] == material.groups[rows][:, None]).any()
    cosines = (material.pictures.vectors[rows][:, None] * material.pictures.vectors[near]).sum(2)
    assert (np.diff(cosines, axis=1) <= 1e-6).all()


def test_the_other_picture_is_one_that_the_text_says_least_of() -> None:
    vectors = np.eye(DIM, dtype=np.float32)
    pictures = Parts(vectors, vectors[:, :0, None], vectors[:, :0])
    links, groups = np.zeros((1, 2), np.int64), np.arange(DIM)
    material = Material(pictures, pictures, links, groups, np.full((2, 2), 0.5, np.float32))
    near = np.repeat(np.arange(9)[None], 9, 0)
    found = other(material, near, np.arange(9), np.random.default_rng(0))
    assert (found != np.arange(9)).all()


def test_material_knows_which_picture_has_which_text() -> None:
    material, which = changed_colours(1)
    found = material.has(np.arange(3), np.arange(KINDS + COLOURS))
    assert found.sum(1).tolist() == [2, 2, 2]
    assert all(found[row, which[row]].all() for row in range(3))
