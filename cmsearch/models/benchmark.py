"""Pictures and queries a second of models on this machine, by what they run on and in."""

# Tested by tests/unit/cmsearch/models/test_benchmark.py

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

from cmsearch.errors import ModelError
from cmsearch.models.encoders import providers
from cmsearch.models.encoders.probes import TEXTS, pictures
from cmsearch.models.loading import load_encoder
from cmsearch.models.names import canonical_name
from cmsearch.models.precision import FP32, INT8, precision_of
from cmsearch.protocols import Encoder
from cmsearch.types import Modality, Role

SECONDS = 1.0
PICTURES = 16


@dataclass(frozen=True, slots=True)
class Rate:
    """What one model does in one way; without rates, `error` says why."""

    model: str
    device: str
    precision: str
    runtime: str = ""
    images: float | None = None
    queries: float | None = None
    error: str = ""


def ways() -> list[tuple[str, str]]:
    """The devices and precisions that there are here: int8 is for the processor."""
    available = providers.here().available
    others = [name for name, one in providers.DEVICES.items() if name != "cpu" and one in available]
    return [("cpu", FP32), ("cpu", INT8), *((name, FP32) for name in others)]


def rates(
    names: Sequence[str], tell: Callable[[str, int, int], object], seconds: float = SECONDS
) -> Iterator[Rate]:
    """Measure each model in each way for so many seconds a rate; nothing is fetched."""
    work = [(canonical_name(name), *way) for name, way in product(names, ways())]
    for done, (name, device, precision) in enumerate(work):
        tell("measure", done, len(work))
        try:
            encoder = load_encoder(name, device=device, precision=precision)
        except ModelError as error:
            yield Rate(name, device, precision, error=str(error))
            continue
        form = encoder.capabilities
        yield Rate(
            name,
            device,
            precision_of(encoder.space),
            form.runtime,
            _images(encoder, seconds) if Modality.IMAGE in form.modalities else None,
            _queries(encoder, seconds),
        )
    tell("measure", len(work), len(work))


def _images(encoder: Encoder, seconds: float) -> float:
    """Pictures a second, prepared and encoded by as many threads as the encoder likes."""
    some, form = list(pictures(PICTURES)), encoder.capabilities

    def encode(_: int) -> int:
        batch = [
            encoder.prepare(some[at % PICTURES], Modality.IMAGE) for at in range(form.batch_size)
        ]
        return len(encoder.encode(batch, Modality.IMAGE, Role.DOCUMENT).vectors)

    with ThreadPoolExecutor(form.workers) as pool:
        return _rate(lambda: sum(pool.map(encode, range(form.workers))), seconds)


def _queries(encoder: Encoder, seconds: float) -> float:
    """Texts a second, one after the other, as people ask."""
    texts = cycle(TEXTS)

    def encode() -> int:
        prepared: Any = encoder.prepare(next(texts), Modality.TEXT)
        return len(encoder.encode([prepared], Modality.TEXT, Role.QUERY).vectors)

    return _rate(encode, seconds)


def _rate(run: Callable[[], int], seconds: float) -> float:
    run()  # the first one loads and makes room
    done, start = 0, time.perf_counter()
    while not done or time.perf_counter() - start < seconds:
        done += run()
    return round(done / (time.perf_counter() - start), 1)
