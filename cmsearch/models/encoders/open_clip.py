"""`open_clip`: every model of open_clip, through ONNX Runtime on the CPU, torch on a GPU.

This module imports neither torch nor open_clip: a model that was exported is run without them.
`open_clip_export` is the reference, and makes the export.
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
    """The encoder of `ARCHITECTURE/WEIGHTS`, `hf-hub:…` or `local-dir:…`.

    `device` is torch's name of one or that of a provider of ONNX Runtime; None takes a GPU to index
    with where there is one. Where a store's `space` was exported before, neither torch nor the
    weights are needed.
    """
    return load_towers(
        _reference, model, device=device, space=space, download=download, precision=precision
    )


def _reference(model: str, download: bool) -> Reference:
    from cmsearch.models.encoders import open_clip_export

    return open_clip_export.OpenClipReference(model, download=download)
