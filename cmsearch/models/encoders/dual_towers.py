"""The towers that a training begins with, by name: with weights that there are, or random ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
import transformers
from torch import nn

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief
from cmsearch.models import hub
from cmsearch.models.checkpoints import (
    HUB_SECONDS,
    Purpose,
    announce,
    checkpoint,
    fetch_files,
    size_to_fetch,
)
from cmsearch.models.encoders import lite_export
from cmsearch.models.encoders.dual_model import (
    TEXT_TYPES,
    TextTower,
    image_tower,
    text_tower,
    without_classifier,
)
from cmsearch.models.pretrained import load_model, load_tokenizer, loading

EMBEDDED_IMAGE, EMBEDDED_TEXT = "efficientnet-lite2", "all-MiniLM-L6-v2"
"""The towers whose weights come with the installation; see docs/encoders.md."""
_BERTS = {
    "bert-base-uncased": ("google-bert/bert-base-uncased", 12, 768),
    "bert-small": ("google/bert_uncased_L-4_H-512_A-8", 4, 512),
    "bert-mini": ("google/bert_uncased_L-4_H-256_A-4", 4, 256),
    "bert-tiny": ("google/bert_uncased_L-2_H-128_A-2", 2, 128),
}
"""BERT (Devlin et al. 2018) and its small forms (Turc et al. 2019), by repository, layers and size.

Their vocabulary is all-MiniLM-L6-v2's, so that those with random weights need no network.
"""
_RANDOM = "begin with random weights: --random-towers {}"
TEXT = Purpose(
    "The weights of {model} are not on this machine.", _RANDOM.format("text"), sees=False
)
IMAGE = Purpose("The weights of {model} are not on this machine.", _RANDOM.format("image"))


@dataclass(frozen=True, slots=True)
class Seeing:
    """An image tower with what a `Recipe` says of it."""

    tower: nn.Module
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text tower with what a `Recipe` says of it, and its tokenizer as JSON."""

    tower: TextTower
    spec: Mapping[str, Any]
    tokenizer: str


def seeing(name: str, *, random: bool, size: int | None) -> Seeing:
    """The image tower of a name of timm, of `torchvision:NAME`, of the embedded one, or of a path.

    A path is of a folder with `config.json` and `model.safetensors` as timm publishes models.
    `size` is the side of pictures in pixels, by default that of the tower's own weights; `random`
    lets the weights be. Raises `ModelError`.
    """
    if name == EMBEDDED_IMAGE:
        return _embedded(random, size)
    if name.startswith("torchvision:"):
        return _of_torchvision(name.removeprefix("torchvision:"), random, size)
    if name.startswith(("/", "~", ".")):
        return _of_folder(Path(name).expanduser(), random, size)
    spec = _timm_spec(name, {}, size)
    tower = image_tower(spec) if random else _pretrained(name, spec)
    return Seeing(tower, spec)


def reading(name: str, *, random: bool, context: int) -> Reading:
    """The text tower of a repository of the model hub, of the embedded one, or of a folder's path.

    It takes `context` tokens, or fewer where it was made for fewer. A `random` one has to have its
    configuration and tokenizer here: in a folder, or by one of the names of BERT that are known.
    Raises `ModelError`.
    """
    if name == EMBEDDED_TEXT:
        folder = lite_export.text_weights().parent
    elif random and name in _BERTS:
        return _bert(*_BERTS[name][1:], context)
    elif random and not name.startswith(("/", "~", ".")):
        raise ModelUnavailableError(
            f"Only the configurations of {', '.join(sorted(_BERTS))} and {EMBEDDED_TEXT} are known "
            f"by name. For another text tower with random weights, give a folder with config.json "
            "and a tokenizer by its path."
        )
    elif random:
        folder = Path(name).expanduser()
    else:
        repository = _BERTS[name][0] if name in _BERTS else name
        local = repository.startswith(("/", "~", "."))
        model = str(Path(repository).expanduser().resolve()) if local else repository
        folder = checkpoint(model, TEXT_TYPES, download=True, purpose=TEXT)
    return _of_transformers(folder, name, random, context)


def _of_transformers(folder: Path, name: str, random: bool, context: int) -> Reading:
    with loading(name):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        tokenizer = load_tokenizer(folder)
        if random:
            tower = text_tower(config.to_dict())
        else:
            own = transformers.MODEL_MAPPING[type(config)]
            tower = TextTower(load_model(own, folder, name, spare="pooler"))
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or tokenizer.padding_side != "right":
        raise ModelError(f"The tokenizer of {name} is not one of the library tokenizers.")
    length = min(context, int(tokenizer.model_max_length), _positions(config))
    spec = {
        "library": "transformers",
        "name": Path(name).name,
        "config": json.loads(config.to_json_string(use_diff=False)),
        "context_length": length,
        "pad": int(tokenizer.pad_token_id or 0),
    }
    return Reading(tower, spec, backend.to_str())


def _positions(config: Any) -> int:
    """The longest text that a tower has positions for; RoBERTa's begin after that of padding."""
    most = getattr(config, "max_position_embeddings", None) or 512
    return int(most) - (2 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0)


def _bert(layers: int, size: int, context: int) -> Reading:
    config = transformers.BertConfig(
        hidden_size=size,
        num_hidden_layers=layers,
        num_attention_heads=size // 64,
        intermediate_size=4 * size,
    )
    found = _of_transformers(
        lite_export.tokenizer_file().parent, EMBEDDED_TEXT, True, min(context, 512)
    )
    spec = {
        **found.spec,
        "name": "bert",
        "config": json.loads(config.to_json_string(use_diff=False)),
    }
    return Reading(text_tower(config.to_dict()), spec, found.tokenizer)


def _embedded(random: bool, size: int | None) -> Seeing:
    spec = _timm_spec("tf_efficientnet_lite2", {"exportable": True}, size)
    if random:
        return Seeing(image_tower(spec), spec)
    tower: Any = timm.create_model(spec["name"], **spec["options"])
    lite_export.load_vision(tower)
    tower.reset_classifier(0)
    return Seeing(tower, spec)


def _timm_spec(name: str, options: Mapping[str, Any], size: int | None) -> dict[str, Any]:
    if not timm.is_model(name):
        raise UnknownModelError(
            f"timm has no image tower {name!r}. There is {EMBEDDED_IMAGE}, whose weights are "
            "embedded, resnet18 and what else timm.list_models() names, torchvision:NAME, or a "
            "path that begins with /, ./ or ~/."
        )
    found = timm.get_pretrained_cfg(name)
    config: dict[str, Any] = found.to_dict() if found is not None else {}
    own = tuple(config.get("input_size", (3, 224, 224)))[1:]
    side = (size, size) if size else own
    if config.get("fixed_input_size") and side != own:
        options = {**options, "img_size": list(side)}
    return {
        "library": "timm",
        "name": name.partition(".")[0],
        "options": dict(options),
        "size": list(side),
        "interpolation": _known(config.get("interpolation", "bicubic")),
        "mean": list(config.get("mean", (0.485, 0.456, 0.406))),
        "std": list(config.get("std", (0.229, 0.224, 0.225))),
    }


def _known(interpolation: str) -> str:
    return interpolation if interpolation in ("bilinear", "bicubic", "lanczos") else "bicubic"


def _pretrained(name: str, spec: Mapping[str, Any]) -> nn.Module:
    """A tower of timm with its own weights, fetched if they aren't here."""
    config = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id if config is not None else None
    if not repository:
        raise ModelUnavailableError(
            f"timm publishes no weights of {name}; {_RANDOM.format('image')}."
        )
    if hub.cached_folder(repository, "model.safetensors") is None:
        size = size_to_fetch(
            name, True, lambda: hub.megabytes(repository, HUB_SECONDS, "model.safetensors"), IMAGE
        )
        announce(name, size)
        fetch_files(repository, ("config.json", "model.safetensors"))
    with loading(name), hub.nothing_asked():
        tower: nn.Module = timm.create_model(
            name, pretrained=True, num_classes=0, **spec["options"]
        )
    return tower


def _of_folder(folder: Path, random: bool, size: int | None) -> Seeing:
    """A model of timm as it is published: safetensors only."""
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        published = dict(config.get("pretrained_cfg", {}))
        spec = _timm_spec(str(config["architecture"]), {}, size)
        spec |= {key: list(published[key]) for key in ("mean", "std") if key in published}
        spec |= {"interpolation": _known(published.get("interpolation", spec["interpolation"]))}
        if size is None and "input_size" in published:
            spec |= {"size": list(published["input_size"])[1:]}
        tower = image_tower(spec)
        if not random:
            _fill(tower, load_file(folder / "model.safetensors"))
    except ModelError:
        raise
    except Exception as error:  # of the system, of JSON, and safetensors' own
        raise ModelUnavailableError(
            f"{folder} is no image tower: {brief(error)} It has to have config.json and "
            "model.safetensors as timm publishes them."
        ) from error
    return Seeing(tower, spec)


def _fill(tower: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Load weights of which the classifier's have no place; raises `ValueError` if some lack."""
    if missing := tower.load_state_dict(weights, strict=False).missing_keys:
        raise ValueError(f"{len(missing)} weights are missing, such as {missing[0]}")


def _of_torchvision(name: str, random: bool, size: int | None) -> Seeing:
    spec = {
        "library": "torchvision",
        "name": name,
        "options": {},
        "size": [size or 224, size or 224],
        "interpolation": "bilinear",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    tower = image_tower(spec)
    if random:
        return Seeing(tower, spec)
    try:
        return Seeing(
            without_classifier(torchvision.models.get_model(name, weights="DEFAULT")), spec
        )
    except Exception as error:  # of the network, and of what it gave
        raise ModelUnavailableError(
            f"The weights of torchvision's {name} are not on this machine and can't be fetched: "
            f"{brief(error)} Or {_RANDOM.format('image')}."
        ) from error
