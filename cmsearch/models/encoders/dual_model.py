"""A dual encoder in torch: an image tower and a text tower, and a head on each into one space."""

# Tested by tests/unit/cmsearch/models/encoders/test_dual.py

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import timm
import torch
import torchvision
import transformers
from torch import Tensor, nn
from torch.nn.functional import normalize

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief
from cmsearch.models.encoders.cells import cell_means
from cmsearch.models.encoders.dual_file import Recipe
from cmsearch.models.encoders.towers_export import Pixels

TEXT_TYPES = (
    *("albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "ernie"),
    *("modernbert", "mpnet", "nomic_bert", "roberta", "roformer", "xlm-roberta"),
)
"""Encoders of text, whose last states become one vector by their mean."""
_OPTIONS = frozenset({"exportable", "img_size"})
DROPOUT = 0.1


class Head(nn.Module):
    """Pooled features `(…, size)` projected to `(…, dim)`: linear, with a residual block."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.linear = nn.Linear(size, dim)
        self.block = nn.Sequential(nn.GELU(), nn.Linear(dim, dim), nn.Dropout(DROPOUT))

    def forward(self, features: Tensor) -> Tensor:
        """Project features `(n, size)` to `(n, dim)`."""
        projected: Tensor = self.linear(self.norm(features))
        found: Tensor = projected + self.block(projected)
        return found


class TextTower(nn.Module):
    """Ids and their mask `(n, t)` to the mean of the last states `(n, size)`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        own: Any = model
        if getattr(own, "pooler", None) is not None:
            own.pooler = None  # its vector isn't used, and its weights would never learn
        self.model = own
        self.size = int(own.config.hidden_size)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Give the mean state `(n, size)` of the tokens of each text."""
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(states.dtype)
        mean: Tensor = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        return mean


class DualModel(nn.Module):
    """Both towers with their heads. `scale` is the logarithm of the inverse temperature, `bias`
    that of the sigmoid loss; searching needs neither.
    """

    def __init__(self, image: nn.Module, text: TextTower, recipe: Recipe) -> None:
        super().__init__()
        self.pixels = Pixels(recipe.image["mean"], recipe.image["std"])
        self.image = image
        self.text = text
        dim = recipe.heads["dim"]
        self.image_head = Head(feature_size(image, recipe.image["size"]), dim)
        self.text_head = Head(text.size, dim)
        self.scale = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(()))

    def image_features(self, pixels: Tensor) -> Tensor:
        """The image tower's `(n, f)` for pictures of bytes `(n, height, width, 3)`."""
        found: Tensor = self.image(*self.pixels(pixels))
        return found

    def vectors_and_cells(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The projected `(n, dim)` of pictures, and those `(n, 9, dim)` of their cells."""
        tower: Any = self.image
        maps = tower.forward_features(*self.pixels(pixels))
        grid = torch.tensor([maps.shape[2:]], device=maps.device)
        cells = cell_means(maps.flatten(2).transpose(1, 2), grid)
        pooled = tower.forward_head(cells.flatten(0, 1)[..., None, None])
        cell_vectors = self.image_head(pooled).unflatten(0, cells.shape[:2])
        return self.image_head(tower.forward_head(maps)), cell_vectors

    @torch.no_grad()
    def has_cells(self, size: tuple[int, int]) -> bool:
        """Whether what the image tower makes of a map's mean is what it makes of the map."""
        tower: Any = self.image
        if not hasattr(tower, "forward_features") or not hasattr(tower, "forward_head"):
            return False
        random = torch.Generator().manual_seed(0)
        pictures = torch.rand(2, 3, *size, generator=random)
        maps = tower.forward_features(pictures)
        if not isinstance(maps, Tensor) or maps.ndim != 4:
            return False
        try:
            found = tower.forward_head(maps.mean((2, 3), keepdim=True))
        except RuntimeError:  # another order of the axes
            return False
        whole = tower(pictures)
        return found.shape == whole.shape and torch.allclose(found, whole, atol=1e-4, rtol=1e-4)


def built(recipe: Recipe) -> DualModel:
    """The model of a recipe with random weights; raises `ModelError`."""
    return DualModel(image_tower(recipe.image), text_tower(recipe.text["config"]), recipe).eval()


def restored(recipe: Recipe, weights: Mapping[str, Tensor], name: str) -> DualModel:
    """The model of a recipe with its weights; raises `ModelError`."""
    with torch.random.fork_rng(devices=[]):
        model = built(recipe)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelUnavailableError(
            f"The weights in {name} are not those of the towers that it names: {brief(error)}"
        ) from error
    return model.eval()


def image_tower(spec: Mapping[str, Any]) -> nn.Module:
    """An image tower with random weights, which gives `(n, f)`; raises `ModelError`."""
    name, options = str(spec["name"]), dict(spec.get("options", {}))
    if not set(options) <= _OPTIONS:
        raise ModelUnavailableError(f"The image tower has unknown options: {sorted(options)}.")
    if spec["library"] == "torchvision":
        return without_classifier(_torchvision(name))
    if spec["library"] != "timm" or not timm.is_model(name):
        raise UnknownModelError(
            f"There is no image tower {name!r}. It is a name of timm, such as resnet18, or "
            "torchvision:NAME."
        )
    try:
        tower: nn.Module = timm.create_model(name, num_classes=0, **options)
    except Exception as error:  # each architecture checks its own options
        raise ModelError(f"The image tower {name} can't be built: {brief(error)}") from error
    return tower


def without_classifier(model: nn.Module) -> nn.Module:
    """A model of torchvision that gives what its last linear layer, its classifier, was given."""
    name = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]
    model.set_submodule(name, nn.Identity())
    return model


def _torchvision(name: str) -> nn.Module:
    if name not in torchvision.models.list_models(torchvision.models):
        raise UnknownModelError(f"torchvision has no image model {name!r}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of changed initialisations
        model: nn.Module = torchvision.models.get_model(name, weights=None)
    return model


def text_tower(config: Mapping[str, Any]) -> TextTower:
    """A text tower with random weights by transformers' configuration; raises `ModelError`."""
    kind = str(config.get("model_type"))
    if kind not in TEXT_TYPES:
        raise ModelError(
            f"A text tower can't be of type {kind!r}; it can be {', '.join(TEXT_TYPES)}."
        )
    try:
        own = transformers.CONFIG_MAPPING[kind].from_dict(dict(config))
        model = transformers.MODEL_MAPPING[type(own)]._from_config(own)
    except Exception as error:  # each type checks its own configuration
        raise ModelError(f"The text tower can't be built: {brief(error)}") from error
    return TextTower(model)


@torch.no_grad()
def feature_size(tower: nn.Module, size: tuple[int, int]) -> int:
    """The features that an image tower gives for pictures of a size; raises `ModelError`."""
    training = tower.training
    try:
        found = tower.eval()(torch.zeros(1, 3, *size))
    except Exception as error:  # whatever a picture of this size leads it to
        raise ModelError(
            f"The image tower takes no {size[1]} x {size[0]} pixels: {brief(error)}"
        ) from error
    finally:
        tower.train(training)
    if not isinstance(found, Tensor) or found.ndim != 2:
        raise ModelError("The image tower doesn't give one vector for a picture.")
    return int(found.shape[1])


def unit(vectors: Tensor) -> Tensor:
    """Vectors as 32-bit floats of unit length."""
    return normalize(vectors.float(), dim=-1)
