"""Small towers with random weights, and dual encoders of them."""

from __future__ import annotations

import json
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

from cmsearch.learning.metrics import Gold
from cmsearch.models.encoders.dual_file import Recipe

WORDS = ["red", "green", "blue", "a", "photo", "of", "square", "of", "on", "white", "grey", "black"]
SIDE = 32
TOWER = "test_efficientnet"
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (90, 90, 90)}
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def tokenizer() -> Any:
    """One of the `tokenizers` library that knows a few words, and letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = [*ascii_lowercase, *digits, *"ü&é.-"]
    pieces = dict.fromkeys([*_SPECIAL, *WORDS, *letters, *(f"##{one}" for one in letters)])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def bert() -> Any:
    """The configuration of a text tower for it."""
    import transformers

    return transformers.BertConfig(
        vocab_size=len(tokenizer().get_vocab()),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=24,
    )


def recipe(**image: Any) -> Recipe:
    return Recipe(
        image={
            "library": "timm",
            "name": TOWER,
            "options": {},
            "size": [SIDE, SIDE],
            "interpolation": "bicubic",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            **image,
        },
        text={
            "library": "transformers",
            "name": "bert",
            "config": bert().to_dict(),
            "context_length": 24,
            "pad": 0,
        },
        heads={"dim": 16},
        tokenizer=tokenizer().to_str(),
        card={"licence": "none"},
    )


def write_dual(path: Path, **image: Any) -> Path:
    """Write a model with random weights; returns its path."""
    import torch

    from cmsearch.models.encoders import dual_file
    from cmsearch.models.encoders.dual_model import built

    torch.manual_seed(0)
    own = recipe(**image)
    dual_file.write(path, own, built(own).state_dict())
    return path


def write_text_tower(folder: Path, *, weights: bool = True) -> Path:
    """Write a text tower as save_pretrained does, or only its configuration and tokenizer."""
    import torch
    import transformers

    torch.manual_seed(0)
    own = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(), pad_token="[PAD]", model_max_length=24
    )
    own.save_pretrained(folder)
    bert().save_pretrained(folder)
    if weights:
        transformers.BertModel(bert()).save_pretrained(folder)
    return folder


def write_image_tower(folder: Path) -> Path:
    """Write an image tower as timm publishes one."""
    import timm
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    torch.manual_seed(5)
    save_file(timm.create_model(TOWER).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": TOWER}))
    return folder


def coloured(name: str, size: int) -> Any:
    """A picture that is named by its colour, as `red-3`, a little lighter with the number."""
    from PIL import Image

    colour, _, number = name.partition("-")
    ground = Image.new("RGB", (SIDE, SIDE), (255, 255, 255 - int(number)))
    ground.paste(COLOURS[colour], (4, 4, 20 + int(number), 20 + int(number) % 7))
    return ground


def coloured_pairs(count: int) -> list[Gold]:
    """Pairs about pictures of `coloured`, each with a caption of its own."""
    named = [(list(COLOURS)[one % 4], one // 4) for one in range(count)]
    return [Gold(f"{name}-{one}", f"a {name} square {one}") for name, one in named]
