"""`transformers`: CLIP, SigLIP and SigLIP 2 models in the form of the library transformers.

They run through ONNX Runtime on the CPU, in torch on a GPU. This module imports neither torch nor
transformers; `transformers_export` is the reference, and makes the export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmsearch.encoders.towers import TowersEncoder, load_towers
from cmsearch.types import Space

if TYPE_CHECKING:
    from cmsearch.encoders.towers_export import Reference


def load(
    model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
) -> TowersEncoder:
    """The encoder of a repository `ORG/NAME` of the model hub, or of the folder of a path.

    `device` is torch's name of one; None takes a GPU to index with where there is one. Where a
    store's `space` was exported before, neither torch nor the weights are needed.
    """
    return load_towers(_reference, model, device=device, space=space, download=download)


def _reference(model: str, download: bool) -> Reference:
    from cmsearch.encoders import transformers_export

    return transformers_export.TransformersReference(model, download=download)
