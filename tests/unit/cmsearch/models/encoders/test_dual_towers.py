"""Towers by name: with the weights that are here, random ones only where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import transformers
from PIL import Image

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError
from cmsearch.models.encoders import lite, lite_export
from cmsearch.models.encoders.dual_file import Recipe, Tokens
from cmsearch.models.encoders.dual_towers import EMBEDDED_IMAGE, EMBEDDED_TEXT, reading, seeing
from cmsearch.models.encoders.lite_recipe import IMAGE_SIZE
from tests.duals import TOWER, write_image_tower, write_text_tower


@torch.no_grad()
def test_the_embedded_image_tower_sees_as_lite_does() -> None:
    found = seeing(EMBEDDED_IMAGE, random=False, size=None)
    assert found.spec["size"] == [IMAGE_SIZE, IMAGE_SIZE]
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(0, 256, (300, 200, 3), np.uint8))
    pixels = torch.tensor(lite.prepare_image(picture))[None].permute(0, 3, 1, 2) / 255
    scaled = (pixels - torch.tensor(found.spec["mean"]).view(1, 3, 1, 1)) / 0.5
    reference = timm.create_model("tf_efficientnet_lite2", exportable=True)
    lite_export.load_vision(reference)
    expected = reference.eval().forward_features(scaled).mean((2, 3))
    assert torch.allclose(found.tower.eval()(scaled), expected, atol=1e-4)
    assert found.spec["mean"] == found.spec["std"] == [0.5] * 3


@torch.no_grad()
def test_the_embedded_text_tower_reads_as_lite_does() -> None:
    found = reading(EMBEDDED_TEXT, random=False, context=32)
    recipe = Recipe({}, found.spec, {}, found.tokenizer)
    row, mask = (torch.from_numpy(one)[None] for one in Tokens(recipe).row("a dog on a beach"))
    vector = torch.nn.functional.normalize(found.tower.eval()(row, mask), dim=1)
    reference = lite_export.TextTower().eval()  # which centres by 0 and whitens by nothing
    assert torch.allclose(vector, reference(row, mask), atol=1e-5)


def test_bert_with_random_weights_has_its_shape_and_vocabulary() -> None:
    found = reading("bert-tiny", random=True, context=1000)
    assert found.tower.size == 128
    assert found.spec["context_length"] == 512
    tokens = Tokens(Recipe({}, found.spec, {}, found.tokenizer))
    assert tokens.tokenizer.encode("a dog").ids == [101, 1037, 3899, 102]


def test_the_preset_has_the_shape_of_bert_base() -> None:
    with torch.device("meta"):
        found = reading("bert-base-uncased", random=True, context=64)
    config = transformers.BertConfig()
    assert found.spec["config"]["hidden_size"] == config.hidden_size == 768
    assert found.spec["config"]["num_hidden_layers"] == config.num_hidden_layers == 12
    count = sum(one.numel() for one in found.tower.parameters())
    assert count == 108_891_648  # BERT-base, without the pooler's 590,592


@torch.no_grad()
def test_folders_are_loaded_with_their_weights(tmp_path: Path) -> None:
    image = seeing(str(write_image_tower(tmp_path / "image")), random=False, size=None)
    torch.manual_seed(5)
    expected = timm.create_model(TOWER)
    expected.reset_classifier(0)
    pictures = torch.rand(2, 3, 64, 64)
    assert torch.allclose(image.tower.eval()(pictures), expected.eval()(pictures), atol=1e-6)
    text = write_text_tower(tmp_path / "text")
    one, other = (reading(str(text), random=random, context=64) for random in (False, True))
    assert one.spec == other.spec
    assert one.spec["context_length"] == 24
    stored = transformers.BertModel.from_pretrained(text).state_dict()
    weights = one.tower.model.state_dict()
    assert weights
    assert all(torch.equal(tensor, stored[name]) for name, tensor in weights.items())
    changed = other.tower.model.state_dict()["embeddings.word_embeddings.weight"]
    assert not torch.equal(changed, stored["embeddings.word_embeddings.weight"])


def test_a_configuration_is_enough_for_random_weights(tmp_path: Path) -> None:
    folder = write_text_tower(tmp_path, weights=False)
    assert reading(str(folder), random=True, context=16).tower.size == 32
    with pytest.raises(ModelUnavailableError, match=r"model\.safetensors"):
        reading(str(folder), random=False, context=16)


@pytest.mark.parametrize("name", ["resnet18", "torchvision:resnet18"])
def test_towers_of_either_library_see(name: str) -> None:
    found = seeing(name, random=True, size=64)
    assert found.spec["size"] == [64, 64]
    with torch.no_grad():
        assert found.tower.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 512)


def test_a_tower_of_one_size_is_told_another() -> None:
    found = seeing("test_vit", random=True, size=96)
    assert found.spec["options"] == {"img_size": [96, 96]}


@pytest.mark.parametrize(
    ("name", "error"),
    [("nothing18", UnknownModelError), ("torchvision:nothing", UnknownModelError),
     ("./nothing", ModelUnavailableError), ("torchvision:fcn_resnet50", UnknownModelError)],
)  # fmt: skip
def test_unknown_image_towers(name: str, error: type[ModelError]) -> None:
    with pytest.raises(error):
        seeing(name, random=True, size=64)


def test_weights_are_never_made_up() -> None:
    """The hub is out of reach in tests."""
    with pytest.raises(ModelUnavailableError, match="--random-towers image"):
        seeing("resnet18", random=False, size=64)
    for name in ("bert-base-uncased", "org/name"):
        with pytest.raises(ModelUnavailableError, match="--random-towers text"):
            reading(name, random=False, context=64)
    with pytest.raises(ModelUnavailableError, match=r"config\.json and a tokenizer"):
        reading("org/name", random=True, context=64)


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    folder = write_image_tower(tmp_path / "image")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelUnavailableError, match="no image tower"):
        seeing(str(folder), random=False, size=None)
    (folder / "config.json").write_text(json.dumps({"architecture": ["resnet18"]}))
    with pytest.raises(ModelError):
        seeing(str(folder), random=True, size=None)


def test_a_decoder_is_no_text_tower(tmp_path: Path) -> None:
    folder = write_text_tower(tmp_path)
    transformers.GPT2Config().save_pretrained(folder)
    for random in (True, False):
        with pytest.raises(ModelError, match="gpt2"):
            reading(str(folder), random=random, context=16)
