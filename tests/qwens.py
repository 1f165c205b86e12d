"""Small models of Qwen3-VL with random weights, laid out as Qwen's repositories are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MEDIA = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
ENDS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_WIDTH = 32
_PARTS = """\
{%- macro said(content) -%}{%- for part in content -%}\
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>\
{%- elif part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>\
{%- else -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endmacro -%}
"""
_EMBEDS = """\
{{- '<|im_start|>system\n' -}}
{%- if messages[0].role == 'system' -%}{{ said(messages[0].content) }}\
{%- else -%}{{ "Represent the user's input." }}{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- for message in messages if message.role != 'system' -%}\
{{ '<|im_start|>' + message.role + '\n' + said(message.content) + '<|im_end|>\n' }}{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}
"""
_JUDGES = """\
{{- '<|im_start|>system\nJudge whether the Document meets the Query: "yes" or "no".<|im_end|>\n' -}}
{{- '<|im_start|>user\n' -}}
{%- for message in messages if message.role in ('query', 'document') -%}\
{{ '<' + message.role | capitalize + '>:' + said(message.content) + '\n' }}{%- endfor -%}
{{- '<|im_end|>\n<|im_start|>assistant\n' -}}
"""
_LIBRARY = "sentence_transformers"


def write_embedding(folder: Path) -> Path:
    """Write a small Qwen3-VL-Embedding: the last token's state of a whole conversation."""
    _write(folder, _EMBEDS)
    _write_modules(
        folder,
        "SentenceTransformer",
        {
            "transformer_task": "feature-extraction",
            "module_output_name": "token_embeddings",
            "processing_kwargs": {"chat_template": {"add_generation_prompt": True}},
        },
        "last_hidden_state",
        {
            f"{_LIBRARY}.sentence_transformer.modules.Pooling": {
                "embedding_dimension": _WIDTH,
                "pooling_mode": "lasttoken",
            },
            f"{_LIBRARY}.base.modules.Normalize": {},
        },
    )
    return folder


def write_reranker(folder: Path) -> Path:
    """Write a small Qwen3-VL-Reranker: how much likelier it would say yes than no."""
    tokenizer = _write(folder, _JUDGES)
    yes, no = (tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))
    _write_modules(
        folder,
        "CrossEncoder",
        {"transformer_task": "any-to-any", "module_output_name": "causal_logits"},
        "logits",
        {
            f"{_LIBRARY}.cross_encoder.modules.LogitScore": {
                "true_token_id": yes,
                "false_token_id": no,
            }
        },
    )
    return folder


def _write(folder: Path, template: str) -> Any:
    """Write the model, its tokenizer and its processor; gives the tokenizer."""
    import torch
    import transformers

    torch.manual_seed(0)
    tokenizer = _tokenizer()
    names = {name: tokenizer.convert_tokens_to_ids(name) for name in (*MEDIA, *ENDS)}
    layers = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    text = {
        **layers, "vocab_size": len(tokenizer), "hidden_size": _WIDTH, "intermediate_size": 48,
        "num_hidden_layers": 2, "max_position_embeddings": 1024,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]},
        "pad_token_id": names["<|endoftext|>"], "eos_token_id": names["<|im_end|>"],
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 16,
        "out_hidden_size": _WIDTH, "num_position_embeddings": 16, "deepstack_visual_indexes": [0],
    }  # fmt: skip
    config = transformers.Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=names["<|image_pad|>"],
        video_token_id=names["<|video_pad|>"],
        vision_start_token_id=names["<|vision_start|>"],
        vision_end_token_id=names["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = transformers.Qwen3VLForConditionalGeneration(config)
    for weights in model.parameters():  # so large that what is seen moves what is said
        weights.data.mul_(4 if weights.dim() > 1 else 1)
    model.save_pretrained(folder)
    size = {"shortest_edge": 32 * 32, "longest_edge": 96 * 96}
    transformers.Qwen3VLProcessor(
        transformers.Qwen2VLImageProcessor(patch_size=16, size=size),
        tokenizer,
        transformers.Qwen3VLVideoProcessor(patch_size=16, size=size),
        chat_template=_PARTS + template,
    ).save_pretrained(folder)
    return tokenizer


def _tokenizer() -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    letters = sorted(ByteLevel.alphabet())
    merges = [("a", "t"), ("c", "at"), ("Ġ", "d"), ("y", "e"), ("ye", "s"), ("n", "o")]
    vocabulary = {piece: number for number, piece in enumerate([*letters, *map("".join, merges)])}
    kinds = ("vision_bos", "vision_eos", "image", "video")
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        pad_token=ENDS[0],
        eos_token=ENDS[2],
        model_max_length=1024,
        extra_special_tokens={f"{kind}_token": one for kind, one in zip(kinds, MEDIA, strict=True)},
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [ENDS[1]]})
    return tokenizer


def _write_modules(
    folder: Path, kind: str, form: dict[str, Any], output: str, others: dict[str, dict[str, Any]]
) -> None:
    """Write what the library reads beside the model: its modules in order, and how it is called."""
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"model_type": kind}))
    types = [f"{_LIBRARY}.base.modules.Transformer", *others]
    paths = ["", *(f"{at}_{one.rpartition('.')[2]}" for at, one in enumerate(others, 1))]
    listed = [
        {"idx": at, "name": str(at), "path": path, "type": kind}
        for at, (kind, path) in enumerate(zip(types, paths, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    for path, own in zip(paths[1:], others.values(), strict=True):
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(own))
    how = {"method": "forward", "method_output_name": output}
    taken: dict[str, Any] = dict.fromkeys(("text", "image", "video"), how)
    taken["message"] = {**how, "format": "structured"}
    config = json.dumps({**form, "modality_config": taken})
    (folder / "sentence_bert_config.json").write_text(config)
