"""Loading in torch what transformers' save_pretrained wrote: safetensors only, and no code."""

# Tested by tests/unit/cmsearch/models/test_checkpoints.py

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers

from cmsearch.errors import ModelError, ModelUnavailableError, brief
from cmsearch.models.quiet import quiet

_LOCAL = {"local_files_only": True, "trust_remote_code": False}


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Silence while a model is loaded; what transformers raises becomes `ModelUnavailableError`."""
    try:
        with quiet("", "huggingface_hub", "transformers"), no_progress():
            yield
    except ModelError:
        raise
    except Exception as error:  # transformers raises many kinds
        raise ModelUnavailableError(
            f"The model {name} can't be loaded: {brief(error)} It has to be as "
            "save_pretrained of transformers writes it, with tokenizer and image processor, or for "
            "sound feature extractor."
        ) from error


def load_model(kind: Any, folder: Path, name: str, spare: str | None = None) -> Any:
    """A model of transformers' class `kind`, in single precision and ready for inference.

    Raises `ModelUnavailableError` where weights are missing, which transformers would make up;
    those whose names have `spare` in them may be.
    """
    model, found = kind.from_pretrained(
        folder,
        use_safetensors=True,
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    lacking = {one for one in found["missing_keys"] if spare is None or spare not in one}
    if missing := sorted(lacking):
        raise ModelUnavailableError(
            f"The weights of {name} are incomplete: {len(missing)} are missing, such as "
            f"{missing[0]}."
        )
    return model.eval()


def load_image_processor(folder: Path) -> Any:
    """The image processor that uses Pillow."""
    # The first option says it to transformers 5, the second to 4.
    return transformers.AutoImageProcessor.from_pretrained(
        folder, backend="pil", use_fast=False, **_LOCAL
    )


def load_sound_processor(kind: Any, folder: Path) -> Any:
    """A feature extractor of transformers' class `kind`."""
    return kind.from_pretrained(folder, local_files_only=True)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder of transformers."""
    return transformers.AutoTokenizer.from_pretrained(folder, **_LOCAL)


@contextmanager
def no_progress() -> Iterator[None]:
    """No bars of transformers' own, for a while."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
