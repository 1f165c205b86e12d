"""Indexing rate of `lite` against a plain torch loop and against the machine's limit.

    python scripts/bench/index_rate.py FOLDER [--megapixels 12 --count 160]

The torch loop is what one would write first: open, torchvision's transforms, stack, and timm's
model on all cores, for batches of 1 and of 32; it writes nothing. The limit is cores / (CPU
seconds of preparing and encoding one image, each measured alone on one thread). The folder's
pictures are copied until there are `--count`; with `--megapixels` they are enlarged to that size
as JPEGs. Everything is taken in turn, several times, and the medians compared. On a machine that is
busy with other things times say little: the share of the indexer's own processor time that is not
preparing and encoding is what the rate can't exceed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torchvision import transforms

from cmsearch.media.images import ImageReader, decode
from cmsearch.models.encoders import lite, lite_export
from cmsearch.models.encoders.lite_recipe import IMAGE_SIZE
from cmsearch.models.encoders.onnx import cpu_count
from cmsearch.types import Modality, Role
from indexer import Indexer

BATCHES = (1, 32)
SHARE = "prepare + encode of all"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megapixels", type=float)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        files = _pictures(arguments, Path(place, "pictures"))
        model = lite_export.towers()[0].backbone
        rounds = [_round(files, model) for _ in range(arguments.rounds + 1)][1:]  # one to warm up
    for name in rounds[0]:
        if name == SHARE:
            print(f"{name:24} {statistics.median(found[name] for found in rounds):7.3f}")
            continue
        rate = statistics.median(found[name] for found in rounds)
        ratio = statistics.median(found["indexer"] / found[name] for found in rounds)
        print(f"{name:24} {rate:7.1f} images/s   indexer / this {ratio:5.2f}")


def _pictures(arguments: argparse.Namespace, place: Path) -> list[Path]:
    """The folder's pictures, linked or enlarged into a folder of their own."""
    place.mkdir()
    sources = sorted(
        path
        for path in arguments.folder.rglob("*")
        if path.suffix.lower() in ImageReader.suffixes and ".cmsearch" not in path.parts
    )
    files: list[Path] = []
    for number, source in zip(range(arguments.count), itertools.cycle(sources), strict=False):
        target = place / f"{number}{source.suffix}"
        if number >= len(sources):
            target.write_bytes(files[number - len(sources)].read_bytes())
        elif arguments.megapixels:
            _enlarge(source, target, arguments.megapixels)
        else:
            target.write_bytes(source.read_bytes())
        files.append(target)
    return files


def _enlarge(source: Path, target: Path, megapixels: float) -> None:
    image = Image.open(source).convert("RGB")
    scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    size = round(image.width * scale), round(image.height * scale)
    image.resize(size, Image.Resampling.BICUBIC).save(target, "JPEG", quality=90)


def _round(files: list[Path], model: torch.nn.Module) -> dict[str, float]:
    loops = {f"torch loop, batches of {size}": _loop_rate(files, model, size) for size in BATCHES}
    rate, cpu = _indexer_rate(files)
    limit, each = _limit(files)
    return {"indexer": rate, **loops, "machine's limit": limit, SHARE: each * len(files) / cpu}


def _indexer_rate(files: list[Path]) -> tuple[float, float]:
    """Images a second of `Indexer.run`, from the scan to the publication, the model loaded; and its
    processor seconds.
    """
    with tempfile.TemporaryDirectory() as store:
        start, cpu = time.perf_counter(), time.process_time()
        report = Indexer(files[0].parent, store=store, model="lite").run()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert report.added == len(files)
    loading = "load the model"
    return len(files) / (seconds - report.seconds[loading]), cpu - report.cpu[loading]


def _loop_rate(files: list[Path], model: torch.nn.Module, size: int) -> float:
    torch.set_num_threads(cpu_count())
    side = (IMAGE_SIZE, IMAGE_SIZE)
    transform = transforms.Compose(
        [
            transforms.Resize(side, transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    start = time.perf_counter()
    with torch.inference_mode():
        for place in range(0, len(files), size):
            images = [Image.open(path).convert("RGB") for path in files[place : place + size]]
            model(torch.stack([transform(image) for image in images]))
    return len(files) / (time.perf_counter() - start)


def _limit(files: list[Path]) -> tuple[float, float]:
    """Images a second that the processors allow, and the processor seconds of each."""
    encoder = lite.load("")
    size = encoder.capabilities.image_size
    start = time.thread_time()
    prepared = [encoder.prepare(decode(path.read_bytes(), size), Modality.IMAGE) for path in files]
    step = encoder.capabilities.batch_size
    encoder.encode(prepared[:1], Modality.IMAGE, Role.DOCUMENT)
    middle = time.thread_time()
    for place in range(0, len(prepared), step):
        encoder.encode(prepared[place : place + step], Modality.IMAGE, Role.DOCUMENT)
    end = time.thread_time()
    preparing, encoding = (middle - start) / len(files), (end - middle) / len(files)
    print(f"  prepare {preparing * 1000:.1f} ms, encode {encoding * 1000:.1f} ms of CPU an image")
    return cpu_count() / (preparing + encoding), preparing + encoding


if __name__ == "__main__":
    main()
