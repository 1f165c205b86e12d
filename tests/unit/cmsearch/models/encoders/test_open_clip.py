"""open_clip's models give the vectors that open_clip itself gives."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from unicodedata import category

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from cmsearch.errors import (
    ModelError,
    ModelUnavailableError,
    StoreMismatchError,
    UnknownModelError,
)
from cmsearch.models.choices import MODELS, Model
from cmsearch.models.encoders.open_clip import load
from cmsearch.models.encoders.open_clip_export import OpenClipReference, _bpe, _options
from cmsearch.models.encoders.towers import TowersEncoder
from cmsearch.models.encoders.towers_export import TorchRuntime
from cmsearch.models.encoders.towers_onnx import clean
from cmsearch.protocols import Encoder
from cmsearch.types import Modality, Role
from scripts.bench.model_rows import counted, differences
from tests.commands import python
from tests.conftest import write_clip

TEXTS = ["a photo of a cat", "Grüße & Ångström", "写真", "it's 8:25 — DON'T", "x" * 30]
SIMPLE = open_clip.SimpleTokenizer()
BPE = _bpe(SIMPLE)


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(1)
    sizes = ((300, 451), (64, 64), (33, 90), (1000, 70))
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


def worst_difference(encoder: Encoder, name: str) -> float:
    """Between an encoder and open_clip's own encode_image and encode_text."""
    model, preprocess = open_clip.create_model_from_pretrained(name)
    tokenizer = open_clip.get_tokenizer(name)
    with torch.no_grad():
        images = torch.stack([preprocess(picture) for picture in pictures()])
        expected = [
            model.encode_image(images, normalize=True).numpy(),
            model.encode_text(tokenizer(TEXTS), normalize=True).numpy(),
        ]
    contents = {Modality.IMAGE: pictures(), Modality.TEXT: TEXTS}
    found = [
        encoder.encode([encoder.prepare(one, modality) for one in some], modality, Role.QUERY)
        for modality, some in contents.items()
    ]
    return max(
        float(np.abs(ours.vectors - theirs).max())
        for ours, theirs in zip(found, expected, strict=True)
    )


def test_a_small_model_equals_open_clip(tiny_clip: Path) -> None:
    encoder = load(f"local-dir:{tiny_clip}")
    assert encoder.capabilities.runtime == "onnxruntime"
    assert worst_difference(encoder, f"local-dir:{tiny_clip}") < 1e-4


@pytest.mark.long
def test_vit_b_32_in_full_width_equals_open_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two layers instead of twelve: the others take as long to export, and are alike."""
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))  # 250 MB, not to be kept
    config = open_clip.get_model_config("ViT-B-32")
    assert config["vision_cfg"]["layers"] == config["text_cfg"]["layers"] == 12
    config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 2
    folder = write_clip(tmp_path, config)
    encoder = load(f"local-dir:{folder}")
    assert encoder.capabilities.runtime == "onnxruntime"
    assert encoder.space.dim == 512
    assert worst_difference(encoder, f"local-dir:{folder}") < 1e-4


def test_torch_on_a_device_equals_open_clip(tiny_clip: Path) -> None:
    reference = OpenClipReference(f"local-dir:{tiny_clip}", download=False)
    encoder = TowersEncoder(reference.space, TorchRuntime(reference, "cpu"))
    assert worst_difference(encoder, f"local-dir:{tiny_clip}") < 1e-4


def test_an_unknown_device_is_an_error(tiny_clip: Path) -> None:
    with pytest.raises(ModelError, match="warp9"):
        load(f"local-dir:{tiny_clip}", device="warp9")


def test_a_checkpoint_file_is_loaded_by_its_path(
    tmp_path: Path, tiny_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((tiny_clip / "open_clip_config.json").read_text())["model_cfg"]
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", config)
    model = open_clip.create_model("tiny")
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    reference = OpenClipReference(f"tiny/{tmp_path / 'weights.pt'}", download=False)
    assert torch.equal(reference.model.visual.conv1.weight, model.visual.conv1.weight)


def test_what_cannot_be_exported_runs_in_torch_and_says_so(
    tmp_path: Path, tiny_clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_clip, folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["preprocess_cfg"] = {"resize_mode": "longest"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with caplog.at_level(logging.WARNING, "cmsearch"):
        encoder = load(f"local-dir:{folder}")
    assert encoder.capabilities.runtime == "torch cpu"
    assert "runs in torch" in caplog.text
    assert worst_difference(encoder, f"local-dir:{folder}") < 1e-4


def test_changed_weights_are_noticed(tmp_path: Path, tiny_clip: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(tiny_clip, folder)
    before = OpenClipReference(f"local-dir:{folder}", download=False).space
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["logit_scale"] += 1
    save_file(weights, folder / "open_clip_model.safetensors")
    after = OpenClipReference(f"local-dir:{folder}", download=False).space
    assert after.weights != before.weights
    with pytest.raises(StoreMismatchError, match="not those"):
        load(f"local-dir:{folder}", space=before)


def test_an_exported_model_is_searched_with_neither_torch_nor_open_clip(tiny_clip: Path) -> None:
    space = load(f"local-dir:{tiny_clip}").space
    code = f"""
import sys
from cmsearch.models.choices import MODELS, Model
from cmsearch.models.encoders.open_clip import load
from cmsearch.types import Modality, Role, Space
encoder = load({f"local-dir:{tiny_clip}"!r}, space={space!r})
encoder.encode([encoder.prepare("a cat", Modality.TEXT)], Modality.TEXT, Role.QUERY)
print(sorted({{"torch", "open_clip", "transformers"}} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


# The two libraries take characters that no version of Unicode assigns for different kinds.
assigned = st.characters(codec="utf-8", exclude_categories=["Cn", "Co", "Cs"])


@given(st.text(assigned, max_size=60))
def test_clips_tokens_are_open_clips(text: str) -> None:
    if "_of_text>" in text:
        return  # the names of CLIP's special tokens are read as such by open_clip only
    # What looks wrongly decoded is mended first, perhaps into what isn't assigned.
    assume("Cn" not in map(category, clean(text, "lower")))
    ids = BPE.encode(clean(text, "lower"), add_special_tokens=False).ids
    assert ids == SIMPLE.encode(text)


@given(st.text(max_size=60), st.sampled_from(["lower", "whitespace", "canonicalize"]))
def test_text_is_cleaned_as_open_clip_does(text: str, how: str) -> None:
    from open_clip.tokenizer import get_clean_fn

    assert clean(text, how) == get_clean_fn(how)(text)


def test_weights_trained_with_quick_gelu_get_a_model_with_it() -> None:
    assert _options("ViT-B-32/openai")[1]["force_quick_gelu"] is True
    assert _options("ViT-B-32/laion2b_s34b_b79k")[1]["force_quick_gelu"] is False


@pytest.mark.parametrize(
    "model", [one for one in MODELS if one.megabytes < 1000], ids=lambda model: model.name
)
def test_the_row_of_a_model_says_what_the_model_is(model: Model, tmp_path: Path) -> None:
    """Built without its numbers; `scripts/bench/model_rows.py` has all, and exports what fits."""
    assert differences(model, counted(model, tmp_path)) == []


def test_a_row_that_says_something_else_is_noticed(tmp_path: Path) -> None:
    (model,) = (one for one in MODELS if one.name == "open_clip:ViT-B-16/datacomp_xl_s13b_b90k")
    found = counted(model, tmp_path)
    others = (
        replace(model, dim=768),
        replace(model, parameters=150.0),
        replace(model, megabytes=605),
        replace(model, image_size=256),
    )
    assert all(len(differences(other, found)) == 1 for other in others)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ViT-B-31/openai", "ViT-B-32"),
        ("ViT-B-32/laion3b", "laion2b_s34b_b79k"),
        ("ViT-B-32//no/such/file.pt", "no such file"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(name: str, said: str) -> None:
    with pytest.raises(UnknownModelError, match=said):
        OpenClipReference(name, download=True)


def test_weights_that_cannot_be_had_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ModelUnavailableError, match="--model lite"):
        OpenClipReference("ViT-B-32/laion2b_s34b_b79k", download=True)
    with pytest.raises(ModelUnavailableError, match="cmsearch index"):
        OpenClipReference("ViT-B-32/laion2b_s34b_b79k", download=False)
    with pytest.raises(ModelUnavailableError, match="not found"):
        OpenClipReference("local-dir:/no/such/folder", download=True)
