"""The two losses for pairs of unit vectors: a softmax over the batch, and a sigmoid for each pair.

In both, `positives (n, n)` says which texts (columns) belong to which pictures (rows). Where each
belongs to one, they are those of the papers; pairs of the same picture or caption count as right
too, since calling them wrong would teach the model to tell apart what is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

CLIP_START, SIGLIP_START = 0.07, (10.0, -10.0)
"""The temperature that CLIP's training begins with, and the scale and bias of SigLIP's."""
HIGHEST_SCALE = 100.0


def clip_loss(images: Tensor, texts: Tensor, positives: Tensor, scale: Tensor) -> Tensor:
    """The symmetric cross-entropy of CLIP (Radford et al. 2021, arXiv 2103.00020).

    With several positives the target is even over them (UniCL: Yang et al. 2022, arXiv 2204.03610).
    """
    logits = scale * images @ texts.T
    rows = positives.to(logits.dtype)
    by_image = rows / rows.sum(1, keepdim=True)
    by_text = rows.T / rows.T.sum(1, keepdim=True)
    of_images = -(by_image * logits.log_softmax(1)).sum(1).mean()
    of_texts = -(by_text * logits.T.log_softmax(1)).sum(1).mean()
    return (of_images + of_texts) / 2


def siglip_loss(
    images: Tensor, texts: Tensor, positives: Tensor, scale: Tensor, bias: Tensor
) -> Tensor:
    """The sigmoid loss of SigLIP (Zhai et al. 2023, arXiv 2303.15343), its sum a picture."""
    logits = scale * images @ texts.T + bias
    signs = 2 * positives.to(logits.dtype) - 1
    return -logsigmoid(signs * logits).sum() / len(images)


def same(pictures: Sequence[int], captions: Sequence[int], device: torch.device) -> Tensor:
    """Which of n pairs share their picture or their caption `(n, n)`."""
    one, other = (torch.tensor(list(ids), device=device) for ids in (pictures, captions))
    return (one[:, None] == one) | (other[:, None] == other)
