"""`dual`: two towers whose projection heads were trained here, by `cmsearch train`.

They run through ONNX Runtime on the CPU, in torch on a GPU. This module imports neither torch nor
the towers' libraries; `dual_export` is the reference, and makes the export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmsearch.models.encoders.towers import TowersEncoder, load_towers
from cmsearch.types import Space

if TYPE_CHECKING:
    from cmsearch.models.encoders.towers_export import Reference


def load(
    model: str,
    *,
    device: str | None = None,
    space: Space | None = None,
    download: bool = False,
    precision: str | None = None,
) -> TowersEncoder:
    """The encoder in the file of a path, or in `model.safetensors` of a folder.

    `device` is torch's name of one or that of a provider of ONNX Runtime; None takes a GPU to index
    with where there is one. Where a store's `space` was exported before, neither torch nor the file
    is needed. Raises `ModelUnavailableError`, for `IMAGE+TEXT` too: two towers are no model before
    they are trained.
    """
    return load_towers(
        _reference, model, device=device, space=space, download=download, precision=precision
    )


def _reference(model: str, download: bool) -> Reference:
    from cmsearch.models.encoders import dual_export

    return dual_export.DualReference(model)
