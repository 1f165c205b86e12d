"""Exporting torch modules to ONNX once, and running them without torch."""

# Tested by tests/unit/cmsearch/models/encoders/test_lite.py

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch.common.processors import cpu_count as cpu_count
from cmsearch.errors import ModelError
from cmsearch.models.quiet import quiet

if TYPE_CHECKING:
    import onnxruntime
    import torch

CPU = "CPUExecutionProvider"
"""ONNX Runtime's name of what computes on the processor, which is always there."""
ALONE = "one_at_a_time"
"""The name in a graph's metadata by which it says that it is run with one content at a time."""
_GPU = 1
"""ONNX Runtime's number of that kind of device; 0 is the processor, 2 an NPU."""
_INLINE_BYTES = 1_500_000_000
"""Weights above this lie beside the graph, which a single file of 2 GB can't hold."""


def export(
    module: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    path: Path,
    axes: tuple[str, ...] = ("batch",),
) -> None:
    """Write `module` as an ONNX graph whose inputs, named input_0 …, have free leading axes.

    Raises `ModelError` where torch can't export the module.
    """
    import torch

    free = {axis: torch.export.Dim(name) for axis, name in enumerate(axes)}
    size = sum(tensor.nbytes for tensor in module.state_dict().values())
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with quiet("torch.onnx", "onnxscript", "onnx_ir"):
            torch.onnx.export(
                module.eval(),
                example,
                path,
                dynamo=True,
                verbose=False,
                external_data=size > _INLINE_BYTES,
                input_names=[f"input_{i}" for i in range(len(example))],
                dynamic_shapes=tuple(free for _ in example),
            )
    except Exception as error:  # the exporter raises whatever its passes raise
        reason = str(error.__cause__ or error).strip().split("\n")[0].rstrip(".")
        raise ModelError(f"The model can't be exported to ONNX: {reason}.") from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)


class Sessions:
    """ONNX graphs, each opened at its first use, safe from threads.

    `file` gives the path of a file by its name, checked if it has to be; `opened` opens a graph.

    Each call runs on one thread: an encoder is kept busy by several calls at once, which costs no
    synchronisation within an operator.
    """

    def __init__(
        self,
        file: Callable[[str], Path],
        opened: Callable[[Path], onnxruntime.InferenceSession] | None = None,
    ) -> None:
        self._file = file
        self._opened = opened or session
        self._open: dict[str, onnxruntime.InferenceSession] = {}
        self._lock = threading.Lock()

    def run(self, name: str, *inputs: np.ndarray[Any, Any]) -> list[Any]:
        """The outputs of the graph `NAME.onnx` for its inputs in order."""
        return run(self.get(name), inputs)

    def takes_one(self, name: str) -> bool:
        """Whether the graph `NAME.onnx` is run with one content after the other."""
        return takes_one(self.get(name))

    def get(self, name: str) -> onnxruntime.InferenceSession:
        """The session of the graph `NAME.onnx`, opened at its first use."""
        with self._lock:
            if name not in self._open:
                with ThreadPoolExecutor(1) as checking:  # while the library is loaded
                    path = checking.submit(self._file, f"{name}.onnx")
                    import onnxruntime  # noqa: F401
                self._open[name] = self._opened(path.result())
            return self._open[name]


def run(opened: Any, inputs: Sequence[np.ndarray[Any, Any]]) -> list[Any]:
    """The outputs of a session for its inputs in order."""
    if len(inputs[0]) == 1 or not takes_one(opened):
        return list(opened.run(None, named(inputs)))
    rows = [
        opened.run(None, named([one[at : at + 1] for one in inputs]))
        for at in range(len(inputs[0]))
    ]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def takes_one(opened: Any) -> bool:
    """Whether a session's graph says that it is run with one content after the other, since others
    beside it would change what it gives.
    """
    return ALONE in opened.get_modelmeta().custom_metadata_map


def named(inputs: Sequence[np.ndarray[Any, Any]]) -> Mapping[str, Any]:
    """The inputs of a graph by their names."""
    return {f"input_{number}": array for number, array in enumerate(inputs)}


def session(path: Path, provider: str = CPU) -> onnxruntime.InferenceSession:
    """A graph that was exported, on what ONNX Runtime calls a provider; raises `ModelError`.

    This is the one place that opens one.
    """
    import onnxruntime

    # Where onnxruntime was imported before cmsearch, the variable that cmsearch sets came too late.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if provider == CPU:
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
    else:
        options.enable_mem_pattern = False  # DirectML asks for that
    try:
        if devices := _devices(provider):
            options.add_provider_for_devices(devices, {})
            return onnxruntime.InferenceSession(str(path), options)
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # onnxruntime has no public base class for its errors
        raise ModelError(
            f"The exported model {path} can't be opened ({error}). Delete {path.parent} "
            "and index again: it is made anew."
        ) from error


def _devices(provider: str) -> list[Any]:
    """The devices of a provider that another package brings, a GPU if it has one, else nothing."""
    import onnxruntime

    if provider == CPU or not hasattr(onnxruntime, "get_ep_devices"):
        return []
    found = [one for one in onnxruntime.get_ep_devices() if one.ep_name == provider]
    kinds = {int(one.device.type) for one in found}
    return [one for one in found if int(one.device.type) == (_GPU if _GPU in kinds else min(kinds))]
