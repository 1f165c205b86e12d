"""Training a dual encoder from pairs to a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from cmsearch.common.version import __version__
from cmsearch.errors import QueryError
from cmsearch.learning.metrics import Gold
from cmsearch.learning.training import pairs as parting
from cmsearch.learning.training.curve import draw
from cmsearch.learning.training.inputs import Inputs, Tell, inputs, vectors
from cmsearch.learning.training.pairs import Parts
from cmsearch.learning.training.pictures import Read, kept
from cmsearch.learning.training.recall import measures, ranks
from cmsearch.learning.training.saving import Checkpoints, State
from cmsearch.learning.training.settings import Settings
from cmsearch.learning.training.trainer import Trainer, begin
from cmsearch.models.devices import best_device, move_to
from cmsearch.models.encoders import dual_file, dual_towers
from cmsearch.models.encoders.dual_export import image_spec
from cmsearch.models.encoders.dual_file import Recipe
from cmsearch.models.encoders.dual_model import DualModel
from cmsearch.models.encoders.towers_export import digest
from cmsearch.types import Skipped

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training writes, and what it does about what is there.

    Beside `out` lies, until it is done, a folder with the checkpoint and the decoded pictures.
    """

    out: Path
    resume: bool = False
    overwrite: bool = False
    seconds: float = CHECKPOINT_SECONDS
    """Between two checkpoints, at least."""

    @property
    def folder(self) -> Path:
        """The folder of the checkpoints."""
        return self.out.with_name(f"{self.out.name}.training")

    @property
    def curve(self) -> Path:
        """The file of the drawn curve."""
        return self.out.with_suffix(".png")

    def check(self) -> None:
        """Raise `QueryError` where something would be lost that nobody said may be."""
        if self.out.suffix != ".safetensors" or self.out.is_dir():
            raise QueryError(f"{self.out} can't be the model: name a file NAME.safetensors.")
        for place in (self.out, self.curve, self.folder):
            if place.is_symlink():
                raise QueryError(f"{place} is a link, and is left alone. Give another name.")
        if self.overwrite and self.resume:
            raise QueryError("A training is resumed or begun anew: give --resume or --overwrite.")
        if not self.overwrite and not self.resume and self.folder.exists():
            raise QueryError(
                f"A training of {self.out} was interrupted: go on with --resume, or begin anew "
                "with --overwrite."
            )
        for place in (self.out, *(() if self.resume else (self.curve,))):
            if place.exists() and not self.overwrite:
                raise QueryError(f"{place} is there already. Train anew with --overwrite.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training wrote, the card that is in it, and the pictures that were left out."""

    model: Path
    curve: Path
    card: dict[str, Any]
    skipped: tuple[Skipped, ...]


def train(
    pairs: Sequence[Gold],
    read: Read,
    settings: Settings,
    place: Place,
    *,
    device: str | None = None,
    licence: str | None = None,
    tell: Tell = lambda stage, done, total: None,
) -> Outcome:
    """Train on pairs of captions and of pictures that `read` decodes, and write the best epoch.

    A training that is interrupted and resumed gives the file that it would have given, on a CPU
    to the last bit with the same number of threads. Raises `QueryError`, `ModelError`.
    """
    settings.check()
    place.check()
    parting.parted(pairs, settings.held_out, settings.seed)  # before anything is decoded
    if place.overwrite:
        shutil.rmtree(place.folder, ignore_errors=True)
    torch.manual_seed(settings.seed)
    model, recipe = _begun(settings)
    names = sorted({pair.image for pair in pairs})
    spec = image_spec(recipe)
    pictures, skipped = kept(names, read, spec, place.folder, resume=place.resume, tell=tell)
    good = [pair for pair in pairs if pair.image in set(pictures[0])]
    parts = parting.parted(good, settings.held_out, settings.seed)
    saved = Checkpoints(place.folder, _identity(settings, good, model), place.seconds)
    move_to(model, device or best_device())
    data = inputs(model, recipe, good, pictures, settings.freeze, tell)
    trainer = Trainer(model, data, parts, settings, saved)
    state = trainer.run(tell, lambda state: draw(state, place.curve))
    card = _card(settings, parts, state, _measured(model, data, parts), licence)
    dual_file.write(place.out, replace(recipe, card=card), model.state_dict())
    draw(state, place.curve)
    shutil.rmtree(place.folder, ignore_errors=True)
    return Outcome(place.out, place.curve, card, tuple(skipped))


def _begun(settings: Settings) -> tuple[DualModel, Recipe]:
    """The model before its first step, on the CPU."""
    random = settings.random
    seen = dual_towers.seeing(settings.image, random="image" in random, size=settings.size)
    read = dual_towers.reading(settings.text, random="text" in random, context=settings.context)
    recipe = Recipe(seen.spec, read.spec, {"dim": settings.dim}, read.tokenizer)
    model = DualModel(seen.tower, read.tower, recipe).eval()
    begin(model, settings)
    return model, recipe


def _identity(settings: Settings, pairs: Sequence[Gold], model: DualModel) -> str:
    parts = [settings.fingerprint(), parting.digest(pairs), digest(model), torch.__version__]
    return json.dumps(parts, sort_keys=True)


def _measured(model: DualModel, data: Inputs, parts: Parts) -> dict[str, Any]:
    """Recall among what had no part in training, by direction and name."""
    found = measures(ranks(*vectors(model, data, parts.measure), parts.measure))
    return {
        direction: {name: asdict(one) for name, one in of.items()}
        for direction, of in found.items()
    }


def _card(
    settings: Settings, parts: Parts, state: State, recall: dict[str, Any], licence: str | None
) -> dict[str, Any]:
    """What the model is; without a date, so that the same training gives the same file."""
    pieces = (("learn", parts.learn), ("choose", parts.choose), ("measure", parts.measure))
    epochs = len(state.recalls)
    steps = state.step // max(1, epochs)
    losses = [state.losses[one * steps : (one + 1) * steps] for one in range(epochs)]
    return {
        "written_by": f"cmsearch {__version__}",
        "licence": licence or "not stated",
        "data": {
            name: {"pictures": len({pair.image for pair in some}), "pairs": len(some)}
            for name, some in pieces
        },
        "recall": recall,
        "settings": settings.fingerprint(),
        "best_epoch": state.best_epoch,
        "losses": [sum(one) / len(one) for one in losses],
        "held_out_recall": state.recalls,
    }
