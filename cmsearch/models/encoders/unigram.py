"""A tokenizer that transformers runs with sentencepiece, as one of the `tokenizers` library."""

# Tested by tests/unit/cmsearch/models/encoders/test_transformers.py

from __future__ import annotations

from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from cmsearch.errors import ModelError


def unigram(own: Any) -> Tokenizer:
    """SigLIP's tokenizer, for text cleaned as `siglip`; raises `ModelError` for another."""
    from sentencepiece import sentencepiece_model_pb2 as protocol

    if type(own).__name__ != "SiglipTokenizer" or not own.do_lower_case:
        raise ModelError(f"The tokenizer {type(own).__name__} is left to transformers.")
    messages: Any = protocol  # made at run time, without types
    proto = messages.ModelProto.FromString(own.sp_model.serialized_model_proto())
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = Tokenizer(models.Unigram(pieces, proto.trainer_spec.unk_id, byte_fallback=False))
    steps: list[normalizers.Normalizer] = [normalizers.Replace(Regex(" {2,}"), " ")]
    if charsmap := proto.normalizer_spec.precompiled_charsmap:
        steps.insert(0, normalizers.Precompiled(charsmap))
    if proto.normalizer_spec.remove_extra_whitespaces:
        steps.append(normalizers.Strip())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {own.eos_token}", special_tokens=[(own.eos_token, own.eos_token_id)]
    )
    return tokenizer
