"""Images a second of image towers with random weights through torch's autocast, on a GPU.

    python -m scripts.bench.gpu
    python -m scripts.bench.gpu --tiny --device cpu

Each shape runs as the indexer runs it (`TorchRuntime.encode`: batches are stacked on the processor,
brought to the device, and their vectors back), and as the tower alone on pictures that are there.
The limit is what the card gets of the product of two large matrices in half precision, measured in
the same run, by the operations of a picture, which torch counts. Random weights take as long as
trained ones, and nothing is fetched.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cmsearch.models.devices import best_device
from cmsearch.models.encoders.towers_export import TorchRuntime
from cmsearch.types import Modality, Space

SHAPES = ("ViT-B-32", "ViT-B-16-SigLIP2")
BATCHES = (64, 256)
SIDE, SECONDS = 8192, 3.0


class Random:
    """A tower with random weights as `TorchRuntime` takes a model."""

    has_tokens = False

    def __init__(self, model: nn.Module, size: int, encode: Callable[[Tensor], Tensor]) -> None:
        self.model = model.eval()
        self.image_size = size
        self.space = Space("random", "", "", "", 0)
        self._encode = encode

    def image_spec(self) -> dict[str, Any]:
        return {}

    def fits(self, text: str) -> bool:
        return True

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        return (content,)

    def features(self, inputs: Sequence[Tensor], modality: Modality) -> tuple[Tensor, ...]:
        return (self._encode(*inputs),)

    def export(self, folder: Path) -> None:
        raise NotImplementedError


def main(given: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Print a line of JSON for the card and for each shape and batch, and give them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--tiny", action="store_true", help="a tower that any processor runs")
    arguments = parser.parse_args(given)
    device, seconds = torch.device(arguments.device), arguments.seconds
    peak = _peak(device, 256 if arguments.tiny else SIDE, seconds)
    rows: list[dict[str, Any]] = [{"device": _name(device), "peak_tflops": round(peak / 1e12, 3)}]
    print(json.dumps(rows[0]), flush=True)
    for name, reference in _towers(arguments.tiny):
        for batch in (2,) if arguments.tiny else BATCHES:
            row = {"shape": name, "batch": batch, **_measured(reference, device, batch, seconds)}
            row["limit"] = round(peak / row["flops"], 1)
            row["share"] = round(row["tower"] / row["limit"], 3)
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def _towers(tiny: bool) -> Iterator[tuple[str, Random]]:
    torch.manual_seed(0)
    if tiny:
        vit = timm.create_model("test_vit", num_classes=0)
        yield "test_vit", Random(vit, 160, vit)
        return
    for name in SHAPES:
        model = open_clip.create_model(name, pretrained=None, load_weights=False)
        size = model.visual.image_size
        side = size if isinstance(size, int) else size[0]
        yield name, Random(model, side, model.encode_image)


def _measured(
    reference: Random, device: torch.device, batch: int, seconds: float
) -> dict[str, Any]:
    """Pictures a second of the runtime and of the tower alone, and the operations of a picture."""
    runtime = TorchRuntime(reference, str(device))
    size = reference.image_size
    pictures = [(torch.rand(3, size, size),) for _ in range(batch)]
    there = torch.stack([one for (one,) in pictures]).to(device)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        reference.features((there[:1],), Modality.IMAGE)

    def tower() -> None:
        gpu = device.type == "cuda"
        with torch.inference_mode(), torch.autocast(device.type, enabled=gpu):
            reference.features((there,), Modality.IMAGE)

    whole = _times(lambda: runtime.encode(pictures, Modality.IMAGE), device, seconds)
    return {
        "flops": counter.get_total_flops(),
        "encode": round(batch * whole, 1),
        "tower": round(batch * _times(tower, device, seconds), 1),
    }


def _peak(device: torch.device, side: int, seconds: float) -> float:
    """Operations a second of the product of two matrices: a multiplication and an addition each."""
    kind = torch.float16 if device.type == "cuda" else torch.float32
    first, second = (torch.rand(side, side, device=device, dtype=kind) for _ in range(2))
    return 2 * side**3 * _times(lambda: first @ second, device, seconds)


def _times(run: Callable[[], object], device: torch.device, seconds: float) -> float:
    """How many times a second it runs, after it ran twice."""
    for _ in range(2):
        run()
    _wait(device)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds or not done:
        for _ in range(8):  # queued, so that the device doesn't wait for Python
            run()
        _wait(device)
        done += 8
    return done / (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


if __name__ == "__main__":
    main()
