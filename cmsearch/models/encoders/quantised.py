"""An exported model in integers of 8 bits, made from its export in floats.

Networks of convolutions are quantised statically, with the ranges that their values had on made
pictures; what multiplies matrices is quantised at run time (Jacob et al. 2018, arXiv 1712.05877).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch.common.files import create_file, read_file
from cmsearch.errors import ModelError, brief
from cmsearch.models.encoders.exports import Export
from cmsearch.models.encoders.onnx import ALONE, named, run, session
from cmsearch.models.encoders.probes import Batch, Batches
from cmsearch.models.quiet import quiet

if TYPE_CHECKING:
    import onnx

COSINES = "precision.json"
"""By the name of each graph, the mean cosine of its vectors with those in floats."""
_LARGEST = 2**28
_CONVOLVED = ("Conv", "Clip", "Relu", "Add")
_MULTIPLIED = ("MatMul", "Gemm")


def write(source: Export, folder: Path, batches: Batches) -> None:
    """Write the graphs of an export in 8 bits, with what else is in it, and how near they come.

    Every other batch calibrates, and the rest is compared. Raises `ModelError`.
    """
    cosines = {}
    for name in source.names:
        graph = name.removesuffix(".onnx")
        if name == graph and ".onnx." not in name:
            create_file(folder / name, read_file(source.file(name), _LARGEST))
        elif name != graph:
            _quantise(source.file(name), folder / name, batches[graph][::2])
            cosines[graph] = _cosine(source.file(name), folder / name, batches[graph][1::2])
    create_file(folder / COSINES, json.dumps(cosines).encode())


def cosines(export: Export) -> Mapping[str, float]:
    """What was measured when an export in 8 bits was written."""
    found: dict[str, float] = json.loads(export.file(COSINES).read_text())
    return found


def _quantise(source: Path, target: Path, batches: Sequence[Batch]) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    graph = onnx.load(source, load_external_data=False).graph
    convolutions = [at for at, node in enumerate(graph.node) if node.op_type == "Conv"]
    options: dict[str, Any] = {
        "per_channel": True,
        "weight_type": QuantType.QInt8,
        "use_external_data_format": source.with_name(f"{source.name}.data").exists(),
    }
    try:
        with quiet(""):
            if len(convolutions) > 1:  # a transformer cuts patches by a single one
                quantize_static(
                    source,
                    target,
                    _reader(batches),
                    quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QUInt8,
                    op_types_to_quantize=list(_CONVOLVED),
                    nodes_to_exclude=_after(graph.node, convolutions[-1]),
                    **options,
                )
            else:  # of 7 bits, whose products no processor's 16 bits are too few for
                quantize_dynamic(
                    source,
                    target,
                    op_types_to_quantize=list(_MULTIPLIED),
                    nodes_to_exclude=_exact(graph),
                    reduce_range=True,
                    **options,
                )
                _run_alone(target)
    except Exception as error:  # whatever a graph leads the library to
        raise ModelError(f"The model can't be brought to int8: {brief(error)}") from error


def _run_alone(path: Path) -> None:
    """Let a graph say that it is run with one content at a time: the ranges that are found at run
    time are those of all numbers of a batch, so that a vector would depend on what is beside it.
    """
    import onnx

    graph = onnx.load(path, load_external_data=False)
    graph.metadata_props.add(key=ALONE, value="1")
    onnx.save(graph, path)


def _after(nodes: Sequence[onnx.NodeProto], last: int) -> list[str]:
    """What follows the last convolution but its own bound: means, and probabilities of a thousand
    classes, of which most would be nothing in 8 bits.
    """
    made = set(nodes[last].output)
    return [
        node.name
        for node in nodes[last + 1 :]
        if node.op_type not in ("Clip", "Relu") or not made & set(node.input)
    ]


def _exact(graph: onnx.GraphProto) -> list[str]:
    """The products that stay in floats: the last one, which makes the vector and costs nothing
    beside the others, and those that narrow at least by half, as after the widening in each block
    of a transformer: a few of their inputs are far larger than all others (Bondarenko et al. 2021,
    arXiv 2109.12948).
    """
    sizes = {one.name: list(one.dims) for one in graph.initializer}
    products = [node for node in graph.node if node.op_type in _MULTIPLIED]
    found = [node.name for node in products[-1:]]
    for node in products:
        rows, columns = next(
            (sizes[one] for one in node.input if len(sizes.get(one, ())) == 2), (0, 0)
        )
        turned = any(one.name == "transB" and one.i for one in node.attribute)
        inputs, outputs = (columns, rows) if turned else (rows, columns)
        if inputs >= 2 * outputs > 0:
            found.append(node.name)
    return found


def _reader(batches: Sequence[Batch]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """What the library takes inputs from, one batch after the other."""

        def __init__(self, left: Iterator[Mapping[str, Any]]) -> None:
            self._left = left

        def get_next(self) -> Mapping[str, Any] | None:
            """Give the next inputs by their names, or None."""
            return next(self._left, None)

    return Reader(named(batch) for batch in batches)


def _cosine(floats: Path, integers: Path, batches: Sequence[Batch]) -> float:
    """The mean cosine of what two graphs give first."""
    one, other = (session(path) for path in (floats, integers))
    found = [(run(one, batch)[0] * run(other, batch)[0]).sum(-1) for batch in batches]
    return round(float(np.concatenate(found).mean()), 4)
