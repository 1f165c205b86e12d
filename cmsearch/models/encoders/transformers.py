"""`transformers`: CLIP, SigLIP, SigLIP 2 and CLAP models in the form of the library transformers.

They run through ONNX Runtime on the CPU, in torch on a GPU. This module imports neither torch nor
transformers; `transformers_export` is the reference, and makes the export. CLAP, which is for
sound, is `clap`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmsearch.models.checkpoints import checkpoint, model_type
from cmsearch.models.encoders import clap
from cmsearch.models.encoders.clap_form import TYPE
from cmsearch.models.encoders.providers import for_torch
from cmsearch.models.encoders.towers import load_towers
from cmsearch.protocols import Encoder
from cmsearch.types import Space

if TYPE_CHECKING:
    from cmsearch.models.encoders.towers_export import Reference

TYPES = ("clip", "siglip", "siglip2", TYPE)


def load(
    model: str,
    *,
    device: str | None = None,
    space: Space | None = None,
    download: bool = False,
    precision: str | None = None,
) -> Encoder:
    """The encoder of a repository `ORG/NAME` of the model hub, or of the folder of a path.

    `device` is torch's name of one or that of a provider of ONNX Runtime; None takes a GPU to index
    with where there is one. Where a store's `space` was exported before, neither torch nor the
    weights are needed.
    """
    if _is_clap(model, space, download):
        return clap.load(model, device=for_torch(device), space=space, download=download)
    return load_towers(
        _reference, model, device=device, space=space, download=download, precision=precision
    )


def _is_clap(model: str, space: Space | None, download: bool) -> bool:
    """Whether a model is for sound, by the recipe of its space or by its config.json."""
    if space is not None:
        return space.recipe.startswith(f"{TYPE} ")
    return model_type(checkpoint(model, TYPES, download=download)) == TYPE


def _reference(model: str, download: bool) -> Reference:
    from cmsearch.models.encoders import transformers_export

    return transformers_export.TransformersReference(model, download=download)
