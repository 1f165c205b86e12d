"""Exports without a graph, for tests of all else that an exported model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from cmsearch.models.encoders import towers_export
from cmsearch.models.encoders.onnx import Sessions


def run_in_torch(patch: pytest.MonkeyPatch, cache: Path) -> None:
    """Let towers that are exported into `cache` be run by torch, as what would become the graph.

    Making a graph takes seconds, and depends on little but the kind of the model: of each kind one
    is made and compared, and what else can differ, as how pictures are prepared, is tested so.
    """
    towers: dict[str, torch.nn.Module] = {}

    def export(module: torch.nn.Module, _: tuple[torch.Tensor, ...], path: Path) -> None:
        towers[path.stem] = module.eval()

    @torch.no_grad()
    def run(_: Sessions, name: str, *inputs: Any) -> list[Any]:
        return [one.numpy() for one in towers[name](*map(torch.from_numpy, inputs))]

    patch.setenv("CMSEARCH_CACHE", str(cache))
    patch.setattr(towers_export, "export", export)
    patch.setattr(Sessions, "run", run)
