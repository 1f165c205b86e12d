"""Each modality attends to the other, and what both say together can be learned."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from cmsearch.multimodal import MultiModalNet

DIM = 16
Part = tuple[Tensor, Tensor, Tensor]


def part(count: int, tokens: int, seed: int) -> Part:
    random = torch.Generator().manual_seed(seed)
    found = normalize(torch.randn(count, tokens, DIM, generator=random), dim=2)
    return normalize(found.sum(1), dim=1), found, torch.ones(count, tokens)


@pytest.fixture
def net() -> MultiModalNet:
    torch.manual_seed(0)
    return MultiModalNet(DIM, heads=4).eval()


def trained(net: MultiModalNet) -> MultiModalNet:
    """With an output that isn't zero."""
    torch.nn.init.normal_(net.out.weight)
    return net


def test_shapes_and_shares(net: MultiModalNet) -> None:
    found = trained(net)(part(3, 10, 1), part(3, 5, 2))
    assert found.vectors.shape == found.gates.shape == (3, DIM)
    assert found.by_image.shape == (3, 10, 5)
    assert found.by_text.shape == (3, 5, 10)
    assert torch.allclose(found.vectors.norm(dim=1), torch.ones(3), atol=1e-6)
    assert torch.allclose(found.by_image.sum(2), torch.ones(3, 10), atol=1e-5)
    assert torch.allclose(found.by_text.sum(2), torch.ones(3, 5), atol=1e-5)
    assert ((found.gates > 0) & (found.gates < 1)).all()


def test_untrained_it_is_the_sum_of_both(net: MultiModalNet) -> None:
    image, text = part(4, 10, 1), part(4, 6, 2)
    expected = normalize(image[0] + text[0], dim=1)
    assert torch.allclose(net(image, text).vectors, expected, atol=1e-6)


def test_tokens_without_weight_have_no_part(net: MultiModalNet) -> None:
    net, image, (vectors, tokens, weights) = trained(net), part(2, 10, 1), part(2, 4, 2)
    plain = net(image, (vectors, tokens, weights))
    filled = torch.cat([tokens, torch.full((2, 3, DIM), 9.0)], 1)
    padded = net(image, (vectors, filled, torch.cat([weights, torch.zeros(2, 3)], 1)))
    assert torch.allclose(plain.vectors, padded.vectors, atol=1e-5)
    assert not padded.by_image[:, :, 4:].any()


def test_a_text_without_tokens_is_taken(net: MultiModalNet) -> None:
    empty = (torch.zeros(2, DIM), torch.zeros(2, 1, DIM), torch.zeros(2, 1))
    assert trained(net)(part(2, 10, 1), empty).vectors.isfinite().all()


def test_each_side_changes_what_the_other_becomes(net: MultiModalNet) -> None:
    net, image = trained(net), part(1, 10, 1)
    vectors, tokens, weights = part(1, 4, 2)
    one = net(image, (vectors, tokens, weights))
    other = net(image, (vectors, tokens.flip(2), weights))
    assert (one.vectors - other.vectors).abs().max() > 1e-3


def test_it_learns_what_neither_part_says_alone() -> None:
    """Whether two signs are of one kind, which no linear map of their sum can tell."""
    torch.manual_seed(1)
    basis = normalize(torch.randn(5, DIM), dim=1)
    items = normalize(torch.randn(2, DIM), dim=1)
    right = torch.tensor([0, 1, 1, 0])

    def shown(which: list[int]) -> Part:
        tokens = torch.stack([basis[which], basis[4].expand(4, -1)], 1)
        return basis[which], tokens, torch.ones(4, 2)

    first, second = shown([0, 0, 1, 1]), shown([2, 3, 2, 3])
    net = MultiModalNet(DIM, heads=4, layers=1, dropout=0.0)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(100):
        optimiser.zero_grad()
        scores = 10 * net(first, second).vectors @ items.T
        torch.nn.functional.cross_entropy(scores, right).backward()
        optimiser.step()
    found = net.eval()(first, second).vectors @ items.T
    assert torch.equal(found.argmax(1), right)
