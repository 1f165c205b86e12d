"""Tokens of pictures are what a direct computation with the model's own weights gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from timm.models.vision_transformer import _create_vision_transformer
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from cmsearch.models.encoders.cells import cell_means
from cmsearch.models.encoders.open_clip import load as load_open_clip
from cmsearch.models.encoders.open_clip_export import OpenClipReference
from cmsearch.models.encoders.towers import TowersEncoder
from cmsearch.models.encoders.towers_export import Reference, TorchRuntime
from cmsearch.models.encoders.transformers import load as load_transformers
from cmsearch.models.encoders.transformers_export import TransformersReference
from cmsearch.protocols import Encoder
from cmsearch.types import Encoding, Modality, Role
from tests.conftest import checkpoint, write_clip

VISION = {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32}
TEXT = {"context_length": 24, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}


def tiny_siglip_trunk(pretrained: bool = False, **options: Any) -> nn.Module:
    """A tower of timm in SigLIP's form: no class token, and an attention that pools."""
    shape = {"img_size": 64, "patch_size": 16, "embed_dim": 48, "depth": 2, "num_heads": 2}
    form = {"class_token": False, "global_pool": "map"}
    name = "vit_base_patch16_siglip_224"
    return _create_vision_transformer(name, pretrained=False, **{**shape, **form, **options})


timm.models.register_model(tiny_siglip_trunk)


def pictures() -> list[Image.Image]:
    random = np.random.default_rng(1)
    sizes = ((300, 451), (64, 64), (33, 90), (90, 33))
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


def encode(encoder: Encoder) -> Encoding:
    batch = [encoder.prepare(picture, Modality.IMAGE) for picture in pictures()]
    return encoder.encode(batch, Modality.IMAGE, Role.DOCUMENT)


def blocks(patches: Tensor, rows: int, columns: int) -> Tensor:
    """Means of 3 x 3 cells `(9, size)`: of a grid whose patches are cut into 3 x 3, of blocks."""
    fine = patches[: rows * columns].view(rows, columns, -1)
    fine = fine.repeat_interleave(3, 0).repeat_interleave(3, 1)
    return fine.view(3, rows, 3, columns, -1).mean((1, 3)).flatten(0, 1)


def check(encoder: Encoder, cells: Tensor) -> None:
    """The tokens are the `cells (n, 9, dim)` and the vector, all of unit length and weight 1."""
    found = encode(encoder)
    assert found.tokens is not None
    assert found.weights is not None
    assert np.abs(found.tokens[:, :9] - normalize(cells, dim=-1).numpy()).max() < 1e-4
    assert (found.tokens[:, 9] == found.vectors).all()
    assert (found.weights == np.ones((len(pictures()), 10))).all()


def input_of(module: nn.Module, run: Callable[[], Any]) -> Tensor:
    """What goes into a part of a model as it runs."""
    seen: list[Tensor] = []
    hook = module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        run()
    hook.remove()
    return seen[0]


def in_torch(reference: Reference) -> TowersEncoder:
    return TowersEncoder(reference.space, TorchRuntime(reference, "cpu"))


@torch.no_grad()
def open_clips_cells(name: str) -> Tensor:
    """MaskCLIP's last block: in place of attention the values, and the projection of its output."""
    model, preprocess = open_clip.create_model_from_pretrained(name)
    visual = model.visual
    last = visual.transformer.resblocks[-1]
    images = torch.stack([preprocess(picture) for picture in pictures()])
    states = input_of(last, lambda: visual(images))[:, 1:]
    _, _, weight = last.attn.in_proj_weight.chunk(3)
    _, _, bias = last.attn.in_proj_bias.chunk(3)
    states = states + last.attn.out_proj(linear(last.ln_1(states), weight, bias))
    states = states + last.mlp(last.ln_2(states))
    return torch.stack([blocks(one, 4, 4) for one in visual.ln_post(states) @ visual.proj])


def test_cells_of_open_clip_are_maskclips(tiny_clip: Path) -> None:
    name = f"local-dir:{tiny_clip}"
    expected = open_clips_cells(name)
    encoder = load_open_clip(name)
    assert encoder.capabilities.runtime == "onnxruntime"
    check(encoder, expected)
    check(in_torch(OpenClipReference(name, download=False)), expected)


@torch.no_grad()
@pytest.mark.parametrize("after", [True, False])
def test_where_the_vector_is_a_mean_of_patches_so_are_the_cells(
    tmp_path: Path, after: bool
) -> None:
    vision = VISION | {"pool_type": "avg", "final_ln_after_pool": after}
    config = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": TEXT}
    name = f"local-dir:{write_clip(tmp_path, config)}"
    model, preprocess = open_clip.create_model_from_pretrained(name)
    visual = model.visual
    images = torch.stack([preprocess(picture) for picture in pictures()])
    states = visual.transformer(visual._embeds(images))[:, 1:]
    states = states if after else visual.ln_post(states)
    cells = torch.stack([blocks(one, 4, 4) for one in states])
    cells = visual.ln_post(cells) if after else cells
    check(in_torch(OpenClipReference(name, download=False)), cells @ visual.proj)


@torch.no_grad()
def test_cells_of_timms_siglip_are_what_the_pooling_head_makes_of_their_values(
    tmp_path: Path,
) -> None:
    vision = {
        "image_size": 64, "timm_model_name": "tiny_siglip_trunk", "timm_pool": "map",
        "timm_proj": "none",
    }  # fmt: skip
    config = {"embed_dim": 48, "vision_cfg": vision, "text_cfg": TEXT}
    name = f"local-dir:{write_clip(tmp_path, config)}"
    model, preprocess = open_clip.create_model_from_pretrained(name)
    images = torch.stack([preprocess(picture) for picture in pictures()])
    pool = model.visual.trunk.attn_pool
    states = input_of(pool, lambda: model.visual(images))
    values = pool.kv(states)[..., 48:]
    cells = pool.proj(torch.stack([blocks(one, 4, 4) for one in values]))
    expected = cells + pool.mlp(pool.norm(cells))
    encoder = load_open_clip(name)
    assert encoder.capabilities.runtime == "onnxruntime"
    check(encoder, expected)
    check(in_torch(OpenClipReference(name, download=False)), expected)


@torch.no_grad()
def test_cells_of_transformers_clip_are_maskclips() -> None:
    folder = checkpoint("clip")
    model = transformers.AutoModel.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(images=pictures(), return_tensors="pt")
    last = model.vision_model.encoder.layers[-1]
    states = input_of(last, lambda: model.get_image_features(**inputs))[:, 1:]
    attention = last.self_attn
    states = states + attention.out_proj(attention.v_proj(last.layer_norm1(states)))
    states = states + last.mlp(last.layer_norm2(states))
    patches = model.visual_projection(model.vision_model.post_layernorm(states))
    expected = torch.stack([blocks(one, 4, 4) for one in patches])
    encoder = load_transformers(str(folder))
    assert encoder.capabilities.runtime == "onnxruntime"
    check(encoder, expected)
    check(in_torch(TransformersReference(str(folder), download=False)), expected)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["siglip", "naflex"])
def test_cells_of_transformers_siglip_are_what_the_pooling_head_makes_of_their_values(
    kind: str,
) -> None:
    folder = checkpoint(kind)
    model = transformers.AutoModel.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(images=pictures(), return_tensors="pt")
    grids = inputs.get("spatial_shapes", torch.full((len(pictures()), 2), 4)).tolist()
    head = model.vision_model.head
    states = input_of(head, lambda: model.get_image_features(**inputs))
    _, _, weight = head.attention.in_proj_weight.chunk(3)
    _, _, bias = head.attention.in_proj_bias.chunk(3)
    values = linear(states, weight, bias)
    cells = [blocks(one, *grid) for one, grid in zip(values, grids, strict=True)]
    outputs = head.attention.out_proj(torch.stack(cells))
    expected = outputs + head.mlp(head.layernorm(outputs))
    encoder = load_transformers(str(folder))
    assert encoder.capabilities.runtime == "onnxruntime"
    check(encoder, expected)
    check(in_torch(TransformersReference(str(folder), download=False)), expected)


@pytest.mark.parametrize(
    "vision",
    [
        {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16},  # a ResNet
        {**VISION, "attentional_pool": True, "attn_pooler_heads": 2},
        {"image_size": 160, "timm_model_name": "test_vit3", "timm_pool": "map"},  # with a register
    ],
)
def test_other_towers_give_no_tokens_and_work(tmp_path: Path, vision: dict[str, Any]) -> None:
    config = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": TEXT}
    name = f"local-dir:{write_clip(tmp_path, config)}"
    encoder = in_torch(OpenClipReference(name, download=False))
    texts = [encoder.prepare(text, Modality.TEXT) for text in ("a zebra", "snow")]
    for found in (encode(encoder), encoder.encode(texts, Modality.TEXT, Role.QUERY)):
        assert found.tokens is None
        assert found.weights is None
        assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1, abs=1e-5)


sides = st.integers(1, 20)


@given(sides, sides, st.integers(0, 5))
def test_cells_share_patches_by_area(rows: int, columns: int, filling: int) -> None:
    patches = torch.randn(rows * columns + filling, 2, generator=torch.Generator().manual_seed(0))
    (found,) = cell_means(patches[None], torch.tensor([[rows, columns]]))
    assert torch.allclose(found, blocks(patches, rows, columns), atol=1e-5)
