"""Small models of transformers with random weights, as save_pretrained writes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
ENDS = ["<|startoftext|>", "<|endoftext|>"]
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
SENTENCE = "a photo of the cat and two dogs that run on a wide beach in köln at night"


def write_checkpoint(folder: Path, kind: str, **changes: Any) -> Path:
    """Write a model of a `kind`: `clip`, `siglip`, `gemma` (SigLIP 2 in SigLIP's shape), `naflex`.

    `changes` are of the image processor's configuration. Returns the folder.
    """
    import torch
    import transformers

    torch.manual_seed(0)
    with _silent("transformers"):
        tokenizer = {"clip": _clip, "siglip": _siglip, "gemma": _gemma, "naflex": _gemma}[kind](
            folder, "Siglip2Tokenizer" if kind == "naflex" else "GemmaTokenizer"
        )
        text = {**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 24}
        vision = {**SIZES, "image_size": 64, "patch_size": 16}
        square = {"size": {"height": 64, "width": 64}}
        if kind == "clip":
            text |= {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
            config = transformers.CLIPConfig(
                text_config=text, vision_config=vision, projection_dim=32
            )
            model, processor = transformers.CLIPModel(config), transformers.CLIPImageProcessor
            options = {"size": {"shortest_edge": 64}, "crop_size": {"height": 64, "width": 64}}
        elif kind == "naflex":
            vision = {**SIZES, "patch_size": 16, "num_patches": 16}
            config = transformers.Siglip2Config(text_config=text, vision_config=vision)
            model, processor = transformers.Siglip2Model(config), transformers.Siglip2ImageProcessor
            options = {"patch_size": 16, "max_num_patches": 20}
        else:
            config = transformers.SiglipConfig(text_config=text, vision_config=vision)
            model, processor = transformers.SiglipModel(config), transformers.SiglipImageProcessor
            options = {**square, "resample": 2} if kind == "gemma" else square
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        processor(**{**options, **changes}).save_pretrained(folder)
    return folder


def write_clap(folder: Path, *, fused: bool = False, **changes: Any) -> Path:
    """Write a small CLAP; one that is `fused` also takes sounds of more than ten seconds.

    `changes` are of the feature extractor's configuration. Returns the folder.
    """
    import torch
    import transformers

    torch.manual_seed(0)
    with _silent("transformers"):
        tokenizer = _roberta()
        text = {**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 26}
        text |= {"pad_token_id": tokenizer.pad_token_id, "projection_hidden_act": "gelu"}
        audio = {
            "spec_size": 64,
            "num_mel_bins": 16,
            "window_size": 4,
            "hidden_size": 32,
            "patch_embeds_hidden_size": 16,
            "depths": [1, 1],
            "num_hidden_layers": 2,
            "num_attention_heads": [2, 2],
            "enable_fusion": fused,
        }
        config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
        transformers.ClapModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        extractor = transformers.ClapFeatureExtractor(
            **{
                "feature_size": 16,
                "hop_length": 4800,
                "truncation": "fusion" if fused else "rand_trunc",
                **changes,
            }
        )
        extractor.save_pretrained(folder)
    return folder


def write_gemma2(folder: Path) -> Path:
    """Write a small EmbeddingGemma 2, for texts, pictures, sound and film; returns the folder."""
    import torch
    import transformers

    torch.manual_seed(0)
    names = {
        **{f"{one}_token": f"<|{one}|>" for one in ("image", "audio")},
        **{f"{one}_token": f"<{one}>" for one in ("boi", "eoi", "boa", "eoa")},
    }
    with _silent("transformers"):
        tokenizer = _gemma(folder, "GemmaTokenizer", extra_special_tokens=names)
        tokenizer.add_special_tokens({"additional_special_tokens": ["<|video|>"]})
        tokenizer.model_max_length = 512
        ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}
        small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        inner = {**small, "intermediate_size": 24, "head_dim": 8}
        text = {
            **inner, "vocab_size": len(tokenizer), "num_key_value_heads": 1, "global_head_dim": 8,
            "hidden_size_per_layer_input": 8, "embedding_dim": 24, "sliding_window": 64,
            "pad_token_id": tokenizer.pad_token_id, "layer_types": ["full_attention"],
            "max_position_embeddings": 512,
        }  # fmt: skip
        vision = {"model_type": "gemma4_vision", **inner, "num_key_value_heads": 2}
        audio = {"model_type": "gemma4_audio", **small, "subsampling_conv_channels": [128, 4]}
        config = transformers.EmbeddingGemma2Config(
            text_config=text,
            vision_config={**vision, "position_embedding_size": 1024},
            audio_config={**audio, "output_proj_dims": 16},
            video_token_id=tokenizer.convert_tokens_to_ids("<|video|>"),
            eoa_token_index=ids.pop("eoa_token"),
            **{f"{name}_id": number for name, number in ids.items()},
        )
        transformers.EmbeddingGemma2Model(config).save_pretrained(folder)
        transformers.EmbeddingGemma2Processor(
            transformers.Gemma4AudioFeatureExtractor(),
            transformers.Gemma4ImageProcessor(max_soft_tokens=70),
            tokenizer,
            transformers.EmbeddingGemma2VideoProcessor(),
        ).save_pretrained(folder)
    return folder


def write_cross(folder: Path) -> Path:
    """Write a small model that scores two texts; returns the folder."""
    import torch
    import transformers

    torch.manual_seed(0)
    with _silent("transformers"):
        tokenizer = _roberta()
        config = transformers.RobertaConfig(
            **{**SIZES, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1},
            vocab_size=len(tokenizer),
            max_position_embeddings=130,
            pad_token_id=tokenizer.pad_token_id,
            num_labels=1,
        )
        transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _roberta() -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import RobertaTokenizerFast

    letters = sorted(ByteLevel.alphabet())
    merges = [("a", "t"), ("c", "at"), ("Ġ", "d"), ("Ġd", "o")]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters, *map("".join, merges)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return RobertaTokenizerFast(vocab=vocabulary, merges=merges, model_max_length=512)


def _clip(folder: Path, name: str) -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    merges = [("a", "t</w>"), ("c", "at</w>"), ("p", "h"), ("ph", "o"), ("t", "o</w>")]
    pieces = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges), *ENDS]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=24)


def _siglip(folder: Path, name: str) -> Any:
    import sentencepiece
    from transformers import SiglipTokenizer

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([SENTENCE, *SENTENCE.split()] * 5),
        model_prefix=str(folder / "spiece"),
        vocab_size=64,
        hard_vocab_limit=False,
        pad_id=-1,
        bos_id=-1,
        eos_id=1,
        unk_id=2,
        minloglevel=2,
    )
    return SiglipTokenizer(
        str(folder / "spiece.model"), model_input_names=["input_ids"], model_max_length=24
    )


def _gemma(folder: Path, name: str, **options: Any) -> Any:
    import transformers

    letters = sorted({*SENTENCE.replace(" ", "▁"), *"ABCDT.,"})
    merges = [("c", "a"), ("ca", "t"), ("▁", "c"), ("o", "f")]
    pieces = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    pieces += [one for one in map("".join, merges) if one not in pieces]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return getattr(transformers, name)(
        vocab=vocabulary,
        merges=merges,
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
        do_lower_case=True,
        **(options or {"model_input_names": ["input_ids"]}),
    )


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
