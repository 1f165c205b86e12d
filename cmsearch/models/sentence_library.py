"""Loading models with the library sentence-transformers: no code of theirs, no words of its own.

To import the library takes ten seconds, so that is done where such a model is loaded.
"""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cmsearch.errors import ModelError, ModelUnavailableError, brief
from cmsearch.models.quiet import quiet

_OLDEST = 6
_LOADING = "transformers.modeling_utils"
"""The logger by which transformers says that it made weights up."""


def load(kind: str, model: str, folder: Path, device: str, spare: str | None = None) -> Any:
    """A model of the library's class `kind`, from a folder that was checked.

    On CUDA it computes in bfloat16. Weights whose names have `spare` in them may be missing. Raises
    `ModelUnavailableError`, also for weights that are missing otherwise, and `ModelError` for a
    device that isn't here or that torch doesn't know.
    """
    import torch

    of = getattr(_library(), kind)
    try:
        on_gpu = torch.device(device).type == "cuda"
    except RuntimeError as error:
        raise ModelError(
            f"The device {device!r} can't be used: models of sentence-transformers run in torch. "
            "Name cpu, cuda or mps, or leave --device out."
        ) from error
    dtype = torch.bfloat16 if on_gpu else torch.float32
    with _loading(model, device, spare):
        return of(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": dtype},
        ).eval()


silent = partial(quiet, "sentence_transformers", "transformers")
"""No warnings and records of the libraries while they compute."""


def _library() -> Any:
    """The library, in a version that asks a model for its modalities."""
    try:
        found = version("sentence-transformers")
        if int(found.partition(".")[0]) < _OLDEST:
            raise ModelUnavailableError(_NEEDED.format(f"version {found} is here"))
        with silent():
            import sentence_transformers
    except (PackageNotFoundError, ImportError, ValueError) as error:
        raise ModelUnavailableError(_NEEDED.format("it can't be imported")) from error
    return sentence_transformers


_NEEDED = (
    f"This model needs the library sentence-transformers from version {_OLDEST} on, and {{}}. "
    "Install the extra: pip install 'cmsearch[st]'."
)


class _MadeUp(logging.Handler):
    """Notes which weights aren't in the files, as transformers lists them."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        lines = (line.split("|") for line in record.getMessage().splitlines())
        self.missing += [row[0].strip() for row in lines if "MISSING" in "".join(row[1:2])]


@contextmanager
def _loading(model: str, device: str, spare: str | None) -> Iterator[None]:
    """Silence while a model is loaded; what the libraries raise becomes `ModelError`.

    Weights whose names have `spare` in them may be missing.
    """
    from cmsearch.models.pretrained import no_progress

    logger, made_up = logging.getLogger(_LOADING), _MadeUp()
    before = logger.level, logger.propagate
    logger.addHandler(made_up)
    try:
        with quiet("", "huggingface_hub", "sentence_transformers", "transformers"), no_progress():
            logger.setLevel(logging.WARNING)
            logger.propagate = False
            yield
    except ModelError:
        raise
    except Exception as error:  # the libraries raise many kinds
        raise _translated(model, device, error) from error
    finally:
        logger.removeHandler(made_up)
        logger.setLevel(before[0])
        logger.propagate = before[1]
    missing = [one for one in made_up.missing if spare is None or spare not in one]
    if missing:
        raise ModelUnavailableError(
            f"The weights of {model} are incomplete: {missing[0]} is missing."
        )


def _translated(model: str, device: str, error: Exception) -> ModelError:
    """What a library raised, in our words."""
    if "trust_remote_code" in str(error):
        return ModelError(
            f"{model} needs code that its repository brings, and code from elsewhere is never run "
            "here. Take a model that the library knows by itself."
        )
    told = str(error).lower()
    of_device = any(word in told for word in ("cuda", "device", "nvidia"))
    if isinstance(error, RuntimeError | AssertionError) and of_device:
        return ModelError(f"The device {device!r} can't be used: {brief(error)}")
    return ModelUnavailableError(
        f"The model {model} can't be loaded: {brief(error)} It has to be as save_pretrained of "
        "sentence-transformers or of transformers writes it, with its tokenizer and processors."
    )
