"""Models of transformers give the vectors that transformers itself gives."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cmsearch.errors import ModelError, ModelUnavailableError, StoreMismatchError
from cmsearch.models.encoders.exports import exported
from cmsearch.models.encoders.naflex import resized
from cmsearch.models.encoders.pixels import patch_grid, prepare_image
from cmsearch.models.encoders.towers import TowersEncoder
from cmsearch.models.encoders.towers_export import TorchRuntime
from cmsearch.models.encoders.towers_onnx import OnnxRuntime, folder_name
from cmsearch.models.encoders.transformers import load
from cmsearch.models.encoders.transformers_export import TransformersReference
from cmsearch.protocols import Encoder
from cmsearch.types import Modality, Role
from tests import graphless
from tests.checkpoints import write_checkpoint
from tests.commands import python
from tests.conftest import checkpoint

TEXTS = ["a photo of a cat", "Two DOGS; a beach.", "köln & é", "写真", "8:25 — DON'T", "x" * 15]
SQUARE = {"height": 64, "width": 64}
KINDS = ("clip", "siglip", "gemma", "naflex")


@pytest.fixture(scope="module")
def folders() -> dict[str, Path]:
    """A model of each kind."""
    return {kind: checkpoint(kind) for kind in KINDS}


@pytest.fixture(autouse=True)
def no_progress() -> Iterator[None]:
    """The bars that transformers shows would be mixed with what pytest says."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(1)
    sizes = ((300, 451), (64, 64), (33, 90), (1000, 170), (65, 64), (7, 5))
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


def expected(folder: Path, texts: list[str]) -> dict[Modality, np.ndarray[Any, Any]]:
    """What transformers' own processors and model give."""
    model = transformers.AutoModel.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    length = min(tokenizer.model_max_length, model.config.text_config.max_position_embeddings)
    tokens = tokenizer(texts, padding="max_length", max_length=length, return_tensors="pt")
    with torch.no_grad():
        found = {
            Modality.IMAGE: model.get_image_features(
                **processor(images=pictures(), return_tensors="pt")
            ),
            Modality.TEXT: model.get_text_features(**tokens),
        }
    return {
        modality: torch.nn.functional.normalize(one.pooler_output, dim=-1).numpy()
        for modality, one in found.items()
    }


def worst_difference(encoder: Encoder, folder: Path, *, lower: bool = False) -> float:
    """Between an encoder and transformers, which gets the texts lowered if `lower`."""
    theirs = expected(folder, [text.lower() if lower else text for text in TEXTS])
    contents = {Modality.IMAGE: pictures(), Modality.TEXT: TEXTS}
    assert all(encoder.split(text) == [text] for text in TEXTS)
    return max(
        float(np.abs(encode(encoder, some, modality) - theirs[modality]).max())
        for modality, some in contents.items()
    )


def encode(encoder: Encoder, some: list[Any], modality: Modality) -> np.ndarray[Any, Any]:
    batch = [encoder.prepare(one, modality) for one in some]
    return encoder.encode(batch, modality, Role.QUERY).vectors


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_model_equals_transformers(folders: dict[str, Path], kind: str) -> None:
    encoder = load(str(folders[kind]))
    assert encoder.capabilities.runtime == "onnxruntime"
    assert worst_difference(encoder, folders[kind], lower=kind == "gemma") < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_torch_on_a_device_equals_transformers(folders: dict[str, Path], kind: str) -> None:
    reference = TransformersReference(str(folders[kind]), download=False)
    encoder = TowersEncoder(reference.space, TorchRuntime(reference, "cpu"))
    assert worst_difference(encoder, folders[kind], lower=kind == "gemma") < 1e-4


@pytest.mark.parametrize("kind", ["siglip", "gemma", "naflex"])
def test_siglip_reads_lower_case(folders: dict[str, Path], kind: str) -> None:
    encoder = load(str(folders[kind]))
    upper, lower = encode(encoder, ["A Cat", "a cat"], Modality.TEXT)
    assert (upper == lower).all()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("clip", {"size": {"shortest_edge": 75}, "do_normalize": False}),
        ("clip", {"size": SQUARE, "do_center_crop": False, "resample": 2}),
        ("siglip", {"do_rescale": False, "image_mean": [9] * 3, "image_std": [99] * 3}),
        ("siglip", {"resample": 1, "rescale_factor": 1 / 127}),
        ("naflex", {"max_num_patches": 33}),
    ],
)
def test_other_preprocessing_equals_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, changes: dict[str, Any]
) -> None:
    graphless.run_in_torch(monkeypatch, tmp_path / "cache")
    folder = tmp_path / "model"
    folder.mkdir()
    encoder = load(str(write_checkpoint(folder, kind, **changes)))
    assert encoder.capabilities.runtime == "onnxruntime"
    assert worst_difference(encoder, folder) < 1e-4


def rewritten(folder: Path, to: Path, name: str, **changes: Any) -> Path:
    """A copy of a model with a changed configuration file."""
    shutil.copytree(folder, to)
    config = json.loads((to / name).read_text())
    (to / name).write_text(json.dumps(config | changes))
    return to


@pytest.mark.long
def test_masks_and_padding_on_the_left_are_as_the_tokenizer_says(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    folder = rewritten(
        folders["naflex"],
        tmp_path / "model",
        "tokenizer_config.json",
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left",
        model_max_length=20,
    )
    encoder = load(str(folder))
    assert encoder.capabilities.runtime == "onnxruntime"
    assert encoder.space.recipe != load(str(folders["naflex"])).space.recipe
    assert worst_difference(encoder, folder) < 1e-4


def test_the_sizes_of_old_configurations_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]
) -> None:
    graphless.run_in_torch(monkeypatch, tmp_path / "cache")
    changes = {"size": 64, "crop_size": 64, "feature_extractor_type": "CLIPFeatureExtractor"}
    name = "preprocessor_config.json"
    folder = rewritten(folders["clip"], tmp_path / "model", name, **changes)
    encoder = load(str(folder))
    assert encoder.capabilities.runtime == "onnxruntime"
    assert worst_difference(encoder, folder) < 1e-4


def test_weights_of_half_precision_are_computed_with_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]
) -> None:
    graphless.run_in_torch(monkeypatch, tmp_path / "cache")
    folder = tmp_path / "model"
    shutil.copytree(folders["siglip"], folder)
    half = transformers.AutoModel.from_pretrained(folder).half()
    half.save_pretrained(folder)
    assert load(str(folder)).capabilities.runtime == "onnxruntime"
    half.float().save_pretrained(folder)
    assert worst_difference(load(str(folder)), folder) < 1e-4


def test_what_cannot_be_exported_runs_in_torch_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size = {"shortest_edge": 64, "longest_edge": 2000}
    write_checkpoint(tmp_path, "clip", size=size)
    with caplog.at_level(logging.WARNING, "cmsearch"):
        encoder = load(str(tmp_path))
    assert encoder.capabilities.runtime == "torch cpu"
    assert "left to transformers" in caplog.text
    assert "runs in torch" in caplog.text
    assert worst_difference(encoder, tmp_path) < 1e-4


def test_threads_share_a_tokenizer_in_torch(folders: dict[str, Path]) -> None:
    reference = TransformersReference(str(folders["clip"]), download=False)
    encoder = TowersEncoder(reference.space, TorchRuntime(reference, "cpu"))

    def tokens(number: int) -> list[int]:
        encoder.split("a cat " * number)
        found: list[int] = encoder.prepare(f"a cat {number}", Modality.TEXT).inputs[0].tolist()
        return found

    alone = [tokens(number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tokens, range(40))) == alone


def test_changed_weights_are_noticed(tmp_path: Path, folders: dict[str, Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(folders["clip"], folder)
    before = TransformersReference(str(folder), download=False).space
    weights = load_file(folder / "model.safetensors")
    weights["logit_scale"] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    after = TransformersReference(str(folder), download=False).space
    assert after.weights != before.weights
    with pytest.raises(StoreMismatchError, match="not those"):
        load(str(folder), space=before)


def test_changed_preprocessing_is_noticed(tmp_path: Path, folders: dict[str, Path]) -> None:
    before = TransformersReference(str(folders["siglip"]), download=False).space
    name = "preprocessor_config.json"
    folder = rewritten(folders["siglip"], tmp_path / "model", name, image_mean=[0.4, 0.5, 0.5])
    after = TransformersReference(str(folder), download=False).space
    assert after.weights == before.weights
    assert after.recipe != before.recipe


def test_changed_tokens_are_noticed(tmp_path: Path, folders: dict[str, Path]) -> None:
    before = TransformersReference(str(folders["gemma"]), download=False).space
    name = "tokenizer_config.json"
    folder = rewritten(folders["gemma"], tmp_path / "model", name, do_lower_case=False)
    after = TransformersReference(str(folder), download=False).space
    assert after.weights == before.weights
    assert after.recipe != before.recipe


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_model_is_searched_without_its_library(
    folders: dict[str, Path], kind: str
) -> None:
    space = load(str(folders[kind])).space
    code = f"""
import sys
import numpy as np
from PIL import Image
from cmsearch.models.encoders.transformers import load
from cmsearch.types import Modality, Role, Space
encoder = load({str(folders[kind])!r}, space={space!r})
encoder.encode([encoder.prepare("a cat", Modality.TEXT)], Modality.TEXT, Role.QUERY)
image = Image.new("RGB", (90, 70))
encoder.encode([encoder.prepare(image, Modality.IMAGE)], Modality.IMAGE, Role.QUERY)
print(sorted({{"torch", "transformers", "sentencepiece", "huggingface_hub"}} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


def test_weights_that_lack_some_are_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(folders["clip"], folder)
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"incomplete.*visual_projection"):
        load(str(folder))


def test_a_model_whose_image_processor_is_unknown_is_an_error(
    tmp_path: Path, folders: dict[str, Path]
) -> None:
    name = "preprocessor_config.json"
    changes = {"image_processor_type": "NoSuchProcessor"}
    folder = rewritten(folders["clip"], tmp_path / "model", name, **changes)
    with pytest.raises(ModelUnavailableError, match=r"can't be loaded.*save_pretrained"):
        load(str(folder))


def test_a_tokenizer_that_cannot_pad_is_an_error(tmp_path: Path, folders: dict[str, Path]) -> None:
    folder = rewritten(folders["clip"], tmp_path / "model", "tokenizer_config.json", pad_token=None)
    with pytest.raises(ModelUnavailableError, match=r"can't be loaded.*pad"):
        load(str(folder))


def test_an_unknown_device_is_an_error(folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="warp9"):
        load(str(folders["clip"]), device="warp9")


sides = st.integers(1, 3000)


@given(sides, sides, st.sampled_from([14, 16]), st.sampled_from([1, 20, 256, 1024]))
def test_the_grid_of_patches_is_transformers(height: int, width: int, side: int, most: int) -> None:
    from transformers.models.siglip2.image_processing_siglip2 import (
        get_image_size_for_max_num_patches,
    )

    rows, columns = patch_grid((height, width), side, most)
    theirs = get_image_size_for_max_num_patches(height, width, side, most)
    assert (rows * side, columns * side) == theirs


@given(st.integers(1, 200), st.integers(1, 200))
def test_cropped_pixels_are_transformers(height: int, width: int) -> None:
    own = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 31}, crop_size={"height": 30, "width": 28}, do_normalize=False
    )
    random = np.random.default_rng(height)
    image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
    spec = {"resize": "shortest", "edge": 31, "size": [30, 28], "crop": "floor"}
    (found,) = prepare_image(image, {**spec, "interpolation": "bicubic"})
    theirs = own(image)["pixel_values"][0]
    assert np.allclose(found.transpose(2, 0, 1) / 255, theirs, atol=1e-6)


@given(st.integers(1, 40), st.integers(2, 40))
def test_position_embeddings_are_resized_as_torch_does(rows: int, columns: int) -> None:
    # One column is left out: there torch itself is wrong, unless the channels come last.
    positions = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    (found,) = resized(positions, torch.tensor([[rows, columns]]), rows * columns)
    theirs = torch.nn.functional.interpolate(
        positions.permute(2, 0, 1)[None], (rows, columns), mode="bilinear", antialias=True
    )
    assert torch.allclose(found, theirs[0].flatten(1).T, atol=1e-5)


assigned = st.characters(codec="utf-8", exclude_categories=["Cn", "Co", "Cs"])


@pytest.fixture(scope="module")
def tokenizers(folders: dict[str, Path]) -> dict[str, tuple[OnnxRuntime, TransformersReference]]:
    found = {}
    for kind in KINDS:
        reference = TransformersReference(str(folders[kind]), download=False)
        load(str(folders[kind]))
        place = exported(folder_name(reference.space), reference.export)
        assert place is not None
        found[kind] = OnnxRuntime(place.file), reference
    return found


@given(text=st.text(assigned, max_size=30))
def test_tokens_are_transformers(
    tokenizers: dict[str, tuple[OnnxRuntime, TransformersReference]], text: str
) -> None:
    for own, reference in tokenizers.values():
        assert own.fits(text) == reference.fits(text)
        if own.fits(text):
            found, theirs = (one.prepare(text, Modality.TEXT)[0] for one in (own, reference))
            assert found.tolist() == theirs.tolist()
