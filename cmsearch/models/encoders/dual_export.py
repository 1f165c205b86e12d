"""The reference of `dual` in torch: reading a trained file, running it, exporting it."""

# Tested by tests/unit/cmsearch/models/encoders/test_dual.py

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cmsearch.common.files import create_file
from cmsearch.errors import ModelUnavailableError, brief
from cmsearch.models.encoders import dual_file, towers_export
from cmsearch.models.encoders.dual_file import Recipe, Tokens, place
from cmsearch.models.encoders.dual_model import restored
from cmsearch.models.encoders.pixels import prepare_image
from cmsearch.models.encoders.towers_export import AsIs, Tower, digest
from cmsearch.models.pretrained import loading
from cmsearch.types import Modality, Space


class DualReference:
    """A trained pair of towers; raises `ModelUnavailableError`."""

    def __init__(self, model: str) -> None:
        path = place(model)
        self.name = model
        self.recipe = dual_file.read_recipe(path)
        weights = dual_file.read_weights(path)
        with loading(model):
            self.model = restored(self.recipe, weights, str(path))
        self.tokens = Tokens(self.recipe)
        height, width = self.recipe.image["size"]
        self.image_size = max(height, width)
        self.has_tokens = self.model.has_cells((height, width))
        self.space = _space(model, self.recipe, digest(self.model))
        self._probe()

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures."""
        return image_spec(self.recipe)

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        return self.tokens.count(text) <= int(self.recipe.text["context_length"])

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        """Bring one content into the model's form."""
        if modality is Modality.IMAGE:
            return (torch.tensor(prepare_image(content, self.image_spec())[0]),)
        return tuple(map(torch.tensor, self.tokens.row(content)))

    def features(self, inputs: Sequence[Tensor], modality: Modality) -> tuple[Tensor, ...]:
        """Give the vectors of a batch, and those of the cells of pictures."""
        if modality is Modality.TEXT:
            return (self.model.text_head(self.model.text(*inputs)),)
        if self.has_tokens:
            return self.model.vectors_and_cells(*inputs)
        return (self.model.image_head(self.model.image_features(*inputs)),)

    def export(self, folder: Path) -> None:
        """Write the towers into a folder."""
        create_file(folder / "tokenizer.json", self.recipe.tokenizer.encode())
        text = {
            "clean": "",
            "context_length": self.recipe.text["context_length"],
            "pad": self.recipe.text["pad"],
            "pad_left": False,
            "mask": True,
            "special": True,
            "before": [],
            "after": [],
            "zeroed": None,
        }
        towers = {
            modality: Tower(self.model, AsIs(), partial(self.features, modality=modality))
            for modality in (Modality.IMAGE, Modality.TEXT)
        }
        towers_export.write(self, towers, {"image": self.image_spec(), "text": text}, folder)

    @torch.no_grad()
    def _probe(self) -> None:
        """Read one text: a tokenizer may have ids that the tower doesn't."""
        try:
            highest = max([*self.tokens.tokenizer.get_vocab().values(), self.recipe.text["pad"]])
            if highest >= self.model.text.model.config.vocab_size:
                raise ValueError(f"the tokenizer has the id {highest}, which the tower has not")
            self.features([one[None] for one in self.prepare("a", Modality.TEXT)], Modality.TEXT)
        except Exception as error:  # whatever torch makes of it
            raise ModelUnavailableError(f"{self.name} can't be run: {brief(error)}") from error


def image_spec(recipe: Recipe) -> dict[str, Any]:
    """How `prepare_image` prepares pictures: squashed, so that nothing is cropped away."""
    own = recipe.image
    size = list(own["size"])
    return {
        "resize": "squash",
        "size": size,
        "interpolation": own["interpolation"],
        "crop": "round",
    }


def _space(model: str, recipe: Recipe, weights: str) -> Space:
    height, width = recipe.image["size"]
    tokenizer = hashlib.sha256(recipe.tokenizer.encode()).hexdigest()[:8]
    recipe_name = (
        f"squash{height}x{width}-{recipe.image['interpolation']} "
        f"text{recipe.text['context_length']}-{tokenizer} v1"
    )
    return Space("dual", model, weights, recipe_name, int(recipe.heads["dim"]))
