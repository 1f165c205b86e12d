"""`sentence-transformers`: any model of that library that takes texts, and pictures or sound.

This module imports neither torch nor the library; `st_model` does, and only where such a model is
loaded.
"""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

from typing import TYPE_CHECKING

from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.models.checkpoints import ENCODER
from cmsearch.models.sentence_folders import folder_of, with_dim
from cmsearch.types import Modality, Space

if TYPE_CHECKING:
    from cmsearch.models.encoders.st_model import SentenceEncoder

NAME = "sentence-transformers"


def load(
    model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
) -> SentenceEncoder:
    """The encoder of a repository `ORG/NAME` of the model hub, or of the folder of a path.

    `@256` at the end takes the first 256 numbers of a Matryoshka model. `device` is torch's name of
    one; None takes a GPU where there is one. Raises `ModelError`, and `StoreMismatchError` where
    the weights, or how they are used, aren't those of `space`.
    """
    name, dim = with_dim(model)
    folder = folder_of(name, download=download, purpose=ENCODER)
    from cmsearch.models.encoders.st_model import SentenceEncoder

    encoder = SentenceEncoder(model, folder, dim=dim, device=device)
    if space is not None and space != encoder.space:
        raise StoreMismatchError(
            f"The weights of {model}, or its configuration, are not those that the index was made "
            f"with. Index again with them: `cmsearch index FOLDER --model {NAME}:{model}`."
        )
    taken = encoder.capabilities.modalities
    if Modality.TEXT not in taken or not taken & {Modality.IMAGE, Modality.SOUND}:
        raise ModelError(
            f"{name} takes {_listed(taken)} alone. Take a model that takes texts and pictures, or "
            "for --sound texts and sound; `cmsearch models` lists some."
        )
    return encoder


def _listed(taken: frozenset[Modality]) -> str:
    return " and ".join(sorted(taken)) or "nothing that can be searched"
