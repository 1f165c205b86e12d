"""What ONNX Runtime computes on: providers, tried once for each model before they are used.

One that gives other vectors than the processor is refused: half precision, and faults of drivers.
"""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cmsearch.common.files import read_file, replace_file
from cmsearch.common.processors import cpu_count
from cmsearch.errors import ModelError, brief
from cmsearch.models.encoders.exports import Export, cache_dir, export_key
from cmsearch.models.encoders.onnx import CPU, run, session
from cmsearch.models.encoders.probes import Batches
from cmsearch.models.encoders.timing import rates

if TYPE_CHECKING:
    import onnxruntime

DEVICES = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
}
"""The names of `--device`, and ONNX Runtime's of the providers."""
PACKAGES = {
    "cuda": "onnxruntime-gpu in the place of onnxruntime",
    "openvino": "onnxruntime-ep-openvino beside onnxruntime",
    "directml": "onnxruntime-directml in the place of onnxruntime",
    "migraphx": "onnxruntime-migraphx in the place of onnxruntime",
}
"""What has each provider; on a Mac onnxruntime has Core ML itself."""
PLUGINS = {"openvino": "onnxruntime_ep_openvino"}
"""Modules of packages that bring a provider to the onnxruntime that is installed."""
FARTHEST = 1e-2
"""The cosine distance from the processor's vectors above which a provider is refused."""
_LARGEST = 2**16

log = logging.getLogger("cmsearch")


class Machine(NamedTuple):
    """What ONNX Runtime has here: providers, its version, the processor, and what opens a graph."""

    available: Sequence[str]
    version: str
    processor: str
    opened: Callable[[Path, str], onnxruntime.InferenceSession]

    def opens(self, provider: str) -> Callable[[Path], onnxruntime.InferenceSession]:
        """What opens a graph on a provider."""
        return lambda path: self.opened(path, provider)


class Trial(NamedTuple):
    """By the names of providers what was measured: contents a second, and why some are refused."""

    rates: dict[str, float]
    refused: dict[str, str]


def here() -> Machine:
    """What is on this machine."""
    import onnxruntime

    _register()
    available = onnxruntime.get_available_providers()
    return Machine(available, onnxruntime.__version__, processor(), session)


def for_onnx(device: str | None, is_indexing: bool) -> str | None:
    """What `choose` is asked with for a `--device`: a query is encoded on the processor at once,
    and GPUs of torch are no matter of ONNX Runtime, unless it has a provider for them.
    """
    if device is None:
        return None if is_indexing else "cpu"
    if device not in DEVICES or (device == "cuda" and DEVICES[device] not in here().available):
        return "cpu"
    return device


def for_torch(device: str | None) -> str | None:
    """A `--device` as torch names it: None, the best there is, for those of ONNX Runtime alone."""
    return None if device in DEVICES and device not in ("cpu", "cuda") else device


def choose(device: str | None, export: Export, batches: Callable[[], Batches], on: Machine) -> str:
    """The provider for a `device`; for None the one that is fastest here, and gives the right
    vectors.

    Where only the processor is there, nothing is tried. Raises `ModelError` for a device that ONNX
    Runtime doesn't have here, or that is refused.
    """
    provider = DEVICES.get(device or "")
    if provider == CPU:
        return CPU
    if device and provider not in on.available:
        raise ModelError(_absent(device, on))
    there = [one for one in DEVICES.values() if one in on.available]
    if there == [CPU]:
        return CPU
    found = tried(export, batches, on._replace(available=there))
    if device and provider in found.refused:
        raise ModelError(f"--device {device} can't be used: {found.refused[provider]}")
    return provider or max(found.rates, key=lambda one: found.rates[one])


def tried(export: Export, batches: Callable[[], Batches], on: Machine) -> Trial:
    """What each provider can do with a model: measured once, and kept in the user's cache."""
    place = _place(on, export.folder.name, *sorted(on.available))
    kept = _kept(place)
    if kept is None or {*kept.rates, *kept.refused} != {*on.available} or CPU not in kept.rates:
        log.info("Trying what the model is fastest with here; this is done once.")
        kept = _try(export, batches(), on)
        _keep(place, kept)
        for provider, reason in kept.refused.items():
            log.warning("%s isn't used: %s", provider, reason)
    return kept


def gain(plain: Export, small: Export, batches: Callable[[], Batches], on: Machine) -> float:
    """How many times as fast the processor runs one export of a model as another; kept likewise."""
    place = _place(on, plain.folder.name, small.folder.name)
    kept = _kept(place)
    if kept is None or {*kept.rates} != {"plain", "small"}:
        own = batches()
        measured = _measured(own)
        runs = {
            name: _run(on.opened(export.file(f"{measured}.onnx"), CPU))
            for name, export in (("plain", plain), ("small", small))
        }
        kept = Trial(rates(runs, own[measured], dict.fromkeys(runs, cpu_count())), {})
        _keep(place, kept)
    return kept.rates["small"] / kept.rates["plain"]


def _place(on: Machine, *identity: str) -> Path:
    name = export_key(on.version, on.processor, *identity)
    return cache_dir() / "trials" / f"{name}.json"


def _kept(place: Path) -> Trial | None:
    with suppress(OSError, ValueError, TypeError, RecursionError):
        kept = Trial(**json.loads(read_file(place, _LARGEST)))
        numbers = all(isinstance(one, float) and one > 0 for one in kept.rates.values())
        return kept if numbers and all(map(str, kept.refused.values())) else None
    return None


def _keep(place: Path, found: Trial) -> None:
    with suppress(OSError):  # it is tried again the next time
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, json.dumps(found._asdict()).encode())


def _measured(batches: Batches) -> str:
    """The graph that is timed: pictures take most of the time of indexing."""
    return "image" if "image" in batches else next(iter(batches))


def _try(export: Export, batches: Batches, on: Machine) -> Trial:
    measured = _measured(batches)
    right = _vectors(export, batches, on.opens(CPU))
    runs: dict[str, Callable[..., Any]] = {}
    refused: dict[str, str] = {}
    for provider in on.available:
        opened = on.opens(provider)
        try:
            if reason := _wrong(right, _vectors(export, batches, opened), provider):
                refused[provider] = reason
                continue
            runs[provider] = _run(opened(export.file(f"{measured}.onnx")))
        except Exception as error:  # whatever a driver can do
            refused[provider] = f"it fails: {str(error).strip().split(chr(10))[0][:200]}"
    at_once = {provider: cpu_count() if provider == CPU else 1 for provider in runs}
    return Trial(rates(runs, batches[measured], at_once), refused)


def _run(opened: onnxruntime.InferenceSession) -> Callable[..., Any]:
    return lambda batch: run(opened, batch)


def _vectors(export: Export, batches: Batches, opened: Callable[[Path], Any]) -> Any:
    """The vectors of all batches, and the providers that run each graph."""
    found, providers = [], []
    for name, some in batches.items():
        graph = opened(export.file(f"{name}.onnx"))
        providers.append(graph.get_providers())
        found += [run(graph, batch)[0] for batch in some]
    return found, providers


def _wrong(right: Any, found: Any, provider: str) -> str:
    """Why what a provider gives can't be taken; nothing if it can."""
    if not all(provider in names for names in found[1]):
        return "its libraries are not here, and ONNX Runtime took the processor."
    for one, other in zip(right[0], found[0], strict=True):
        norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
        distance = float((1 - (one * other).sum(-1) / norms).max())
        if not distance <= FARTHEST:
            return (
                f"its vectors are {distance:.3g} from the processor's in cosine, where "
                f"{FARTHEST:g} is allowed."
            )
    return ""


def _absent(device: str, on: Machine) -> str:
    known = [name for name, one in DEVICES.items() if one in on.available]
    package = PACKAGES.get(device)
    advice = f" Install {package}." if package else ""
    return f"ONNX Runtime has no device {device!r} here; it has {', '.join(known)}.{advice}"


@cache
def _register() -> None:
    """Tell ONNX Runtime of the providers that other packages bring."""
    import onnxruntime

    for device, module in PLUGINS.items():
        if DEVICES[device] in onnxruntime.get_available_providers() or find_spec(module) is None:
            continue
        try:
            path = import_module(module).get_library_path()
            onnxruntime.register_execution_provider_library(device, path)
        except Exception as error:  # of an older onnxruntime, or for another one
            log.warning("%s can't be used: %s", module.replace("_", "-"), brief(error))


@cache
def processor() -> str:
    """What the processor calls itself, and how many of it may be used."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((one for one in lines if one.startswith("model name")), name)
    return f"{name.rpartition(':')[2].strip()} x {cpu_count()}"
