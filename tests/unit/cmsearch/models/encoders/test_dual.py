"""A dual encoder gives what its towers and heads give; files that are none are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from cmsearch.commands.models import models
from cmsearch.errors import ModelError, ModelUnavailableError, StoreMismatchError, UnknownModelError
from cmsearch.models.encoders import dual_file
from cmsearch.models.encoders.dual import load
from cmsearch.models.encoders.dual_export import DualReference
from cmsearch.models.encoders.dual_file import Recipe, Tokens
from cmsearch.models.encoders.dual_model import built, image_tower, restored
from cmsearch.models.encoders.towers_onnx import OnnxRuntime
from cmsearch.models.loading import load_encoder
from cmsearch.types import Modality, Role
from tests.commands import python
from tests.duals import SIDE, recipe, write_dual

TEXTS = ["a red square", "Blue on grey 7", ""]


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(2)
    sizes = ((40, 90), (32, 32), (7, 120))
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


@torch.no_grad()
def test_vectors_are_those_of_towers_and_heads(tiny_dual: Path) -> None:
    own = dual_file.read_recipe(tiny_dual)
    model = restored(own, dual_file.read_weights(tiny_dual), "it")
    encoder = load(str(tiny_dual), device="cpu")
    assert isinstance(encoder._runtime, OnnxRuntime)
    squashed = [one.resize((SIDE, SIDE), Image.Resampling.BICUBIC) for one in pictures()]
    pixels = torch.from_numpy(np.stack([np.asarray(one) for one in squashed]))
    scaled = (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    seen = torch.nn.functional.normalize(model.image_head(model.image(scaled)), dim=1)
    batch = [encoder.prepare(one, Modality.IMAGE) for one in pictures()]
    found = encoder.encode(batch, Modality.IMAGE, Role.DOCUMENT)
    assert np.abs(found.vectors - seen.numpy()).max() < 1e-5
    assert found.tokens is not None and found.tokens.shape == (3, 10, 16)
    for text in TEXTS:
        ids = torch.tensor([Tokens(own).tokenizer.encode(text).ids])
        states = model.text.model(ids).last_hidden_state.mean(1)
        expected = torch.nn.functional.normalize(model.text_head(states), dim=1)
        own_inputs = [encoder.prepare(text, Modality.TEXT)]
        vector = encoder.encode(own_inputs, Modality.TEXT, Role.QUERY).vectors
        assert np.abs(vector - expected.numpy()).max() < 1e-5


@torch.no_grad()
def test_the_cells_of_an_even_picture_are_the_picture(tiny_dual: Path) -> None:
    """Where a map is the same everywhere, its means are too."""
    reference = DualReference(str(tiny_dual))
    tower: Any = reference.model.image
    maps = torch.randn(1, tower.num_features, 1, 1).expand(1, -1, 6, 6)
    tower.forward_features = lambda pixels: maps
    whole, cells = reference.model.vectors_and_cells(torch.zeros(1, 8, 8, 3, dtype=torch.uint8))
    assert torch.allclose(cells[0], whole.expand(9, -1), atol=1e-5)


def test_towers_that_pool_otherwise_have_no_cells() -> None:
    spec = recipe(name="test_vit", size=[160, 160])
    assert not built(spec).has_cells((160, 160))
    assert built(recipe()).has_cells((SIDE, SIDE))


def test_a_folder_and_its_file_have_equal_vectors(tiny_dual: Path) -> None:
    one, other = (DualReference(str(place)) for place in (tiny_dual, tiny_dual.parent))
    assert one.space.weights == other.space.weights
    assert one.space.model != other.space.model


def test_other_weights_are_another_space(tiny_dual: Path, tmp_path: Path) -> None:
    path = write_dual(tmp_path / "model.safetensors", mean=[0.1, 0.2, 0.3])
    own = DualReference(str(path)).space
    assert own.weights != DualReference(str(tiny_dual)).space.weights
    with pytest.raises(StoreMismatchError):
        load(str(path), space=replace(own, weights="0"))


def test_what_was_exported_needs_neither_torch_nor_the_file(tiny_dual: Path) -> None:
    space = load(str(tiny_dual), device="cpu").space
    code = (
        "import sys; from cmsearch.models.encoders.dual import load; from cmsearch.types import *\n"
        f"encoder = load({str(tiny_dual)!r}, space={space!r})\n"
        "encoder.encode([encoder.prepare('a red square', Modality.TEXT)], "
        "Modality.TEXT, Role.QUERY)\n"
        "print(sorted({'torch', 'timm', 'transformers', 'safetensors'} & set(sys.modules)))"
    )
    assert python(code).strip() == "[]"


def test_writing_gives_the_same_bytes(tiny_dual: Path, tmp_path: Path) -> None:
    own, weights = dual_file.read_recipe(tiny_dual), dual_file.read_weights(tiny_dual)
    dual_file.write(tmp_path / "again.safetensors", own, dict(reversed(weights.items())))
    assert (tmp_path / "again.safetensors").read_bytes() == tiny_dual.read_bytes()


def test_two_towers_are_no_model_yet() -> None:
    with pytest.raises(ModelUnavailableError, match="cmsearch train FOLDER --model dual:resnet18"):
        load_encoder("dual:resnet18+bert-base-uncased")


@pytest.mark.parametrize("name", ["dual:", "dual:name", "dual:a b+c", "dual:+", "dual"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(UnknownModelError):
        load_encoder(name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="There is no file"):
        load_encoder(f"dual:{tmp_path}")


Change = Callable[[Recipe], Recipe]
HOSTILE: dict[str, Change] = {
    "library": lambda own: replace(own, image={**own.image, "library": "os"}),
    "tower": lambda own: replace(own, image={**own.image, "name": "hf_hub:evil/model"}),
    "local": lambda own: replace(own, image={**own.image, "name": "../../model"}),
    "option": lambda own: replace(own, image={**own.image, "options": {"checkpoint_path": "x"}}),
    "unknown": lambda own: replace(own, image={**own.image, "name": "resnet1"}),
    "other": lambda own: replace(own, image={**own.image, "name": "test_resnet"}),
    "size": lambda own: replace(own, image={**own.image, "size": [10**9, 10**9]}),
    "fraction": lambda own: replace(own, image={**own.image, "size": [32.5, 32]}),
    "deviation": lambda own: replace(own, image={**own.image, "std": [0, 1, 1]}),
    "resample": lambda own: replace(own, image={**own.image, "interpolation": "__class__"}),
    "kind": lambda own: replace(own, text={**own.text, "config": {"model_type": "gpt2"}}),
    "code": lambda own: replace(
        own, text={**own.text, "config": {"model_type": "x", "auto_map": {"AutoModel": "a--b.C"}}}
    ),
    "huge": lambda own: replace(own, text=_config(own, vocab_size=10**12)),
    "deep": lambda own: replace(own, text=_config(own, num_hidden_layers=10**6)),
    "shape": lambda own: replace(own, text=_config(own, hidden_size=64)),
    "heads": lambda own: replace(own, heads={"dim": 17}),
    "no heads": lambda own: replace(own, heads={}),
    "tokenizer": lambda own: replace(own, tokenizer="{}"),
    "ids": lambda own: replace(own, tokenizer=own.tokenizer.replace('"[SEP]":3', '"[SEP]":3000')),
    "pad": lambda own: replace(own, text={**own.text, "pad": 10**5}),
    "context": lambda own: replace(own, text={**own.text, "context_length": 10**5}),
    "positions": lambda own: replace(own, text={**own.text, "context_length": 100}),
}


def _config(own: Recipe, **changes: Any) -> dict[str, Any]:
    return {**own.text, "config": {**own.text["config"], **changes}}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_description_is_refused(tiny_dual: Path, tmp_path: Path, change: Change) -> None:
    path = tmp_path / "model.safetensors"
    own = change(dual_file.read_recipe(tiny_dual))
    dual_file.write(path, own, dual_file.read_weights(tiny_dual))
    with pytest.raises(ModelError) as caught:
        load(str(path), device="cpu")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("cut", [0, 4, 100, 30_000])
def test_a_damaged_file_is_refused(tiny_dual: Path, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(tiny_dual.read_bytes()[:cut])
    with pytest.raises(ModelUnavailableError):
        load(str(path))


def test_safetensors_of_something_else_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    for metadata in (None, {"format": "pt"}, {dual_file.FORMAT: "[]"}, {dual_file.FORMAT: "{"}):
        save_file({"a": torch.zeros(1)}, path, metadata)
        with pytest.raises(ModelUnavailableError, match="not a dual encoder"):
            load(str(path))


def test_a_missing_weight_is_noticed(tiny_dual: Path, tmp_path: Path) -> None:
    weights = dual_file.read_weights(tiny_dual)
    del weights["text_head.linear.bias"]
    own = dual_file.read_recipe(tiny_dual)
    dual_file.write(tmp_path / "model.safetensors", own, weights)
    with pytest.raises(ModelUnavailableError, match=r"text_head\.linear\.bias|not those"):
        load(str(tmp_path))


def test_towers_of_torchvision_lose_their_classifier() -> None:
    for name, size in (("resnet18", 512), ("mobilenet_v3_small", 1024)):
        tower = image_tower({"library": "torchvision", "name": name}).eval()
        with torch.no_grad():
            assert tower(torch.zeros(2, 3, 32, 32)).shape == (2, size)


def test_the_card_is_in_the_file(tiny_dual: Path) -> None:
    assert dual_file.read_recipe(tiny_dual).card == {"licence": "none"}
    shown = CliRunner().invoke(models, [f"dual:{tiny_dual}"])
    assert json.loads(shown.output) == {"licence": "none"}
    refused = CliRunner().invoke(models, ["lite"])
    assert isinstance(refused.exception, UnknownModelError)
