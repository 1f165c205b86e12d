"""The loop that trains a dual encoder, from a seed, to the same weights however often it stops."""

# Tested by tests/unit/cmsearch/learning/training/test_train.py

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cmsearch.errors import ModelError
from cmsearch.learning.training.inputs import Inputs, Tell, read, see, vectors
from cmsearch.learning.training.losses import (
    CLIP_START,
    HIGHEST_SCALE,
    SIGLIP_START,
    clip_loss,
    same,
    siglip_loss,
)
from cmsearch.learning.training.pairs import Parts
from cmsearch.learning.training.recall import mean_recall, ranks
from cmsearch.learning.training.saving import Checkpoints, State
from cmsearch.learning.training.settings import Settings, share_of_rate
from cmsearch.models.encoders.dual_model import DualModel

MOST_NORM = 1.0
"""Gradients that are longer are shortened to this."""

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Batch:
    """The numbers of n pictures and of their captions."""

    pictures: Sequence[int]
    captions: Sequence[int]


class Trainer:
    """Trains a `model` on its device; `after_epoch` is called with the state after each."""

    def __init__(
        self, model: DualModel, data: Inputs, parts: Parts, settings: Settings, saved: Checkpoints
    ) -> None:
        self.model = model
        self._data = data
        self._parts = parts
        self._settings = settings
        self._saved = saved
        self._device = next(model.parameters()).device
        self._optimiser = optimiser(model, settings)
        self._batches = max(1, len(parts.learn) // settings.batch)
        self.state = State()

    def run(self, tell: Tell, after_epoch: Callable[[State], object]) -> State:
        """Train until the held-out recall no longer rises, or to the last epoch.

        The model then has the weights of the best epoch. Raises `ModelError`.
        """
        self._resume()
        state, settings = self.state, self._settings
        steps = settings.epochs * self._batches
        while state.step < steps and not self._is_over():
            self._step(steps)
            tell("train", state.step, steps)
            if state.step % self._batches == 0:
                self._close_epoch()
                after_epoch(state)
            if self._saved.is_due():
                self._save()
        self._save()
        self.model.load_state_dict(state.best, strict=False)  # without the frozen towers'
        self.model.eval()
        return state

    def _is_over(self) -> bool:
        recalls = self.state.recalls
        return len(recalls) - self.state.best_epoch >= self._settings.patience

    def _step(self, steps: int) -> None:
        settings, state = self._settings, self.state
        batch = self._batch(state.step)
        share = share_of_rate(state.step, steps, settings.warm_up)
        for group in self._optimiser.param_groups:
            group["lr"] = group["highest"] * share
        learn(self.model, settings.freeze)
        self._optimiser.zero_grad()
        loss = backward(self.model, self._data, batch, settings, state.step)
        if not math.isfinite(loss):
            raise ModelError(
                f"The loss is {loss} at step {state.step + 1}. Begin anew with a lower --rate "
                "or --tower-rate."
            )
        nn.utils.clip_grad_norm_(self.model.parameters(), MOST_NORM)
        self._optimiser.step()
        with torch.no_grad():
            self.model.scale.clamp_(max=math.log(HIGHEST_SCALE))
        state.losses.append(loss)
        state.step += 1

    def _batch(self, step: int) -> Batch:
        """The pairs of a step: each epoch has its own order, and leaves what is over."""
        epoch, place = divmod(step, self._batches)
        order = np.random.default_rng([self._settings.seed, epoch])
        chosen = order.permutation(len(self._parts.learn))
        size = self._settings.batch
        some = chosen[place * size : (place + 1) * size].tolist()
        pictures, captions = self._data.numbers([self._parts.learn[one] for one in some])
        return Batch(pictures, captions)

    def _close_epoch(self) -> None:
        state = self.state
        self.model.eval()
        found = ranks(*vectors(self.model, self._data, self._parts.choose), self._parts.choose)
        state.recalls.append(mean_recall(found))
        if state.best_epoch == len(state.recalls):
            state.best = {name: one.cpu().clone() for name, one in self._weights().items()}
        log.info(
            "epoch %d of %d: loss %.4f, held-out recall %.1f %%",
            len(state.recalls),
            self._settings.epochs,
            np.mean(state.losses[-self._batches :]),
            100 * state.recalls[-1],
        )

    def _save(self) -> None:
        self._saved.save(self.state, self._weights(), self._optimiser.state_dict())

    def _weights(self) -> dict[str, Tensor]:
        """All that changes: those of frozen towers are as they were."""
        frozen = tuple(f"{name}." for name in self._settings.freeze)
        found = self.model.state_dict()
        return {name: one for name, one in found.items() if not name.startswith(frozen)}

    def _resume(self) -> None:
        found = self._saved.load()
        if found is None:
            return
        self.state, weights, moments = found
        self.model.load_state_dict(weights, strict=False)
        self._optimiser.load_state_dict(moments)
        log.info("Resuming after %d steps.", self.state.step)


def optimiser(model: DualModel, settings: Settings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019): decay on matrices alone, a rate for each tower."""
    groups = []
    for prefix, rate in (
        ("image.", settings.rate_of("image")),
        ("text.", settings.rate_of("text")),
        ("", settings.rate),
    ):
        own = [
            one
            for name, one in model.named_parameters()
            if one.requires_grad
            and (name.startswith(prefix) if prefix else not name.startswith(("image.", "text.")))
        ]
        for decay, some in (
            (settings.decay, [one for one in own if one.ndim > 1]),
            (0.0, [one for one in own if one.ndim <= 1]),
        ):
            groups.append({"params": some, "weight_decay": decay, "highest": rate})
    return torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), eps=1e-6)


def begin(model: DualModel, settings: Settings) -> None:
    """Set the scale and bias that a loss begins with, and freeze what is to be frozen."""
    scale, bias = SIGLIP_START if settings.loss == "siglip" else (1 / CLIP_START, 0.0)
    with torch.no_grad():
        model.scale.fill_(math.log(scale))
        model.bias.fill_(bias)
    model.bias.requires_grad_(settings.loss == "siglip")
    for name in settings.freeze:
        model.get_submodule(name).requires_grad_(False)


def learn(model: DualModel, frozen: frozenset[str]) -> None:
    """Bring a model into the mode of training, all but its frozen towers."""
    model.train()
    for name in frozen:
        model.get_submodule(name).eval()


def backward(model: DualModel, data: Inputs, batch: Batch, settings: Settings, step: int) -> float:
    """Add the gradients of a batch's loss, and give the loss.

    A batch that is larger than `settings.micro` is encoded in parts, twice: once for the vectors,
    from which the loss of the whole batch has gradients, and once to carry these into the weights
    (GradCache: Gao et al. 2021, arXiv 2101.06983). So the negatives are those of the whole batch,
    and the memory is that of a part; batch normalisation sees parts.
    """
    device = next(model.parameters()).device
    micro = settings.micro or len(batch.pictures)
    places = _slices(len(batch.pictures), max(2, micro))
    seed = settings.seed * 1_000_003 + step

    def encode(part: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(seed * 1_009 + part)  # the same neurons drop out both times
        own = places[part]
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            images = see(model, data.picture_batch([batch.pictures[one] for one in own], device))
            texts = read(model, data.caption_batch([batch.captions[one] for one in own], device))
        return images, texts

    def loss_of(images: Tensor, texts: Tensor) -> Tensor:
        positives = same(batch.pictures, batch.captions, device)
        if settings.loss == "siglip":
            return siglip_loss(images, texts, positives, model.scale.exp(), model.bias)
        return clip_loss(images, texts, positives, model.scale.exp())

    if len(places) == 1:
        loss = loss_of(*encode(0))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
    with torch.no_grad():
        parts = [encode(part) for part in range(len(places))]
    images, texts = (torch.cat(column).requires_grad_() for column in zip(*parts, strict=True))
    loss = loss_of(images, texts)
    loss.backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert texts.grad is not None
    for part, own in enumerate(places):
        again = encode(part)
        carried = (again[0] * images.grad[own]).sum() + (again[1] * texts.grad[own]).sum()
        carried.backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _slices(count: int, size: int) -> list[list[int]]:
    """The numbers up to `count` in parts of a size; batch normalisation needs two in the last."""
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    ends = [*starts[1:], count]
    return [list(range(start, end)) for start, end in zip(starts, ends, strict=True)]
