"""The losses are those of the papers, written out pair by pair."""

from __future__ import annotations

from math import exp, log, log1p

import numpy as np
import pytest
import torch
from torch import Tensor

from cmsearch.learning.training.losses import clip_loss, same, siglip_loss


@pytest.fixture
def vectors() -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    one, other = (torch.nn.functional.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    return one, other


def test_clip_is_the_mean_cross_entropy_of_rows_and_columns(vectors: tuple[Tensor, Tensor]) -> None:
    images, texts = vectors
    logits = (7.0 * images @ texts.T).tolist()
    rows = [log(sum(map(exp, row))) - row[place] for place, row in enumerate(logits)]
    columns = [
        log(sum(exp(row[place]) for row in logits)) - logits[place][place] for place in range(5)
    ]
    found = clip_loss(images, texts, torch.eye(5, dtype=torch.bool), torch.tensor(7.0))
    assert found.item() == pytest.approx((sum(rows) / 5 + sum(columns) / 5) / 2, rel=1e-5)


def test_clip_shares_the_target_among_what_is_right(vectors: tuple[Tensor, Tensor]) -> None:
    images, texts = vectors
    positives = same([0, 0, 1, 2, 3], [0, 1, 2, 3, 4], torch.device("cpu"))
    logits = (3.0 * images @ texts.T).numpy().astype(float)
    by_rows = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    by_columns = logits - np.log(np.exp(logits).sum(0, keepdims=True))
    # Pictures 0 and 1 are one, so that either's captions are right for both.
    rows = [by_rows[0, :2].mean(), by_rows[1, :2].mean(), *np.diag(by_rows)[2:]]
    columns = [by_columns[:2, 0].mean(), by_columns[:2, 1].mean(), *np.diag(by_columns)[2:]]
    found = clip_loss(images, texts, positives, torch.tensor(3.0))
    assert found.item() == pytest.approx(-(np.mean(rows) + np.mean(columns)) / 2, rel=1e-5)


def test_siglip_is_a_binary_loss_of_each_pair(vectors: tuple[Tensor, Tensor]) -> None:
    images, texts = vectors
    scale, bias = 10.0, -4.0
    logits = (scale * images @ texts.T + bias).tolist()
    terms = [
        log1p(exp(-logit if row == column else logit))
        for row, line in enumerate(logits)
        for column, logit in enumerate(line)
    ]
    found = siglip_loss(
        images, texts, torch.eye(5, dtype=torch.bool), torch.tensor(scale), torch.tensor(bias)
    )
    assert found.item() == pytest.approx(sum(terms) / 5, rel=1e-5)


def test_pairs_of_one_picture_or_one_caption_belong_together() -> None:
    found = same([1, 1, 2], [5, 6, 5], torch.device("cpu"))
    assert found.tolist() == [[True, True, True], [True, True, False], [True, False, True]]
