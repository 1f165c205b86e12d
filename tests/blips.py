"""Small BLIPs with random weights, as save_pretrained writes them."""

from __future__ import annotations

import logging
from pathlib import Path

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
SENTENCE = "a photo of the cat and two dogs that run on wide beach in köln at night"
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(SENTENCE.split())]


def write_blip(folder: Path, *, vision: dict[str, int] | None = None) -> Path:
    """Write one whose answers differ from picture to picture; returns the folder.

    `vision` changes the configuration of the tower that sees.
    """
    import torch
    import transformers

    torch.manual_seed(0)
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    # With the spread that the configurations have by default every score would be about the same.
    own = {**SIZES, "initializer_range": 0.3}
    config = transformers.BlipConfig(
        text_config={
            **own,
            "vocab_size": len(PIECES),
            "max_position_embeddings": 24,
            "encoder_hidden_size": 64,
            "pad_token_id": 0,
            "bos_token_id": 2,
            "sep_token_id": 3,
        },
        vision_config={**own, "image_size": 64, "patch_size": 16, **(vision or {})},
        image_text_hidden_size=32,
        initializer_range=0.3,
    )
    tokenizer = transformers.BertTokenizer(vocab={one: at for at, one in enumerate(PIECES)})
    square = {"height": 64, "width": 64}
    try:
        transformers.BlipForImageTextRetrieval(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformers.BlipImageProcessorPil(size=square).save_pretrained(folder)
    finally:
        logger.setLevel(level)
    return folder
