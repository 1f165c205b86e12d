"""Small ONNX graphs with random weights, and sessions of them on providers that aren't here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.models.encoders.exports import Export
from cmsearch.models.encoders.forms import Exports
from cmsearch.models.encoders.onnx import CPU, session
from cmsearch.models.encoders.probes import Batches
from cmsearch.models.encoders.providers import Machine
from cmsearch.types import Space

SPACE = Space("graphs", "small", "0", "made v1", 8)
WIDTH, SIDE = 32, 12


def write_graphs(folder: Path) -> None:
    """Write `image.onnx`, of three convolutions, and `text.onnx`, of four products of matrices."""
    random = np.random.default_rng(0)
    _write(folder / "image.onnx", ["batch", 3, SIDE, SIDE], _convolutions(random))
    _write(folder / "text.onnx", ["batch", WIDTH], _products(random))
    (folder / "tokenizer.json").write_text("{}")


def batches(export: Export | None = None) -> Batches:
    """What the graphs are tried with."""
    random = np.random.default_rng(1)
    shapes = {"image": (4, 3, SIDE, SIDE), "text": (4, WIDTH)}
    return {
        name: [(random.random(shape, np.float32),) for _ in range(4)]
        for name, shape in shapes.items()
    }


EXPORTS = Exports(SPACE, lambda space: f"graphs{space.recipe[-8:]}", write_graphs, batches)


class Clock:
    """Goes on by what calls are said to take."""

    seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds


CLOCK = Clock()


class Provided:
    """A session on the processor that says that it runs on another provider.

    `wrong` is added to each vector, and `seconds` is how long each call takes by `CLOCK`.
    """

    def __init__(
        self, path: Path, provider: str, wrong: float = 0.0, seconds: float = 0.001
    ) -> None:
        self._session, self._provider = session(path), provider
        self._wrong, self._seconds = wrong, seconds

    def get_providers(self) -> list[str]:
        return [self._provider, CPU]

    def get_modelmeta(self) -> Any:
        return self._session.get_modelmeta()

    def run(self, names: Sequence[str] | None, feeds: Any) -> list[NDArray[Any]]:
        CLOCK.seconds += self._seconds
        first, *rest = self._session.run(names, feeds)
        first[:, 0] += self._wrong
        return [first, *rest]


def machine(opened: Callable[[Path, str], Any], *available: str, version: str = "1") -> Machine:
    """A machine that has providers, and the processor."""
    return Machine([*available, CPU], version, "made", opened)


def _write(path: Path, shape: list[Any], made: tuple[list[Any], list[Any]]) -> None:
    import onnx
    from onnx import TensorProto, helper

    nodes, weights = made
    nodes.append(helper.make_node("LpNormalization", ["sum"], ["vectors"], "unit", axis=-1, p=2))
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("input_0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", SPACE.dim])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _tensor(name: str, array: NDArray[Any]) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(array.astype(np.float32), name)


def _convolutions(random: np.random.Generator) -> tuple[list[Any], list[Any]]:
    from onnx import helper

    nodes, weights, value, channels = [], [], "input_0", 3
    for at in range(3):
        weights.append(_tensor(f"w{at}", random.normal(size=(WIDTH, channels, 3, 3)) / 5))
        nodes.append(helper.make_node("Conv", [value, f"w{at}"], [f"c{at}"], f"conv{at}"))
        nodes.append(helper.make_node("Relu", [f"c{at}"], [f"r{at}"], f"relu{at}"))
        value, channels = f"r{at}", WIDTH
    weights.append(_tensor("last", random.normal(size=(WIDTH, SPACE.dim))))
    nodes += [
        helper.make_node("GlobalAveragePool", [value], ["pool"], "pool"),
        helper.make_node("Flatten", ["pool"], ["flat"], "flat"),
        helper.make_node("MatMul", ["flat", "last"], ["sum"], "last"),
    ]
    return nodes, weights


def _products(random: np.random.Generator) -> tuple[list[Any], list[Any]]:
    from onnx import helper

    sizes = [WIDTH, WIDTH, 2 * WIDTH, WIDTH, SPACE.dim]
    weights = [_tensor(f"m{at}", random.normal(size=(sizes[at], sizes[at + 1]))) for at in range(4)]
    names = ["input_0", "a", "b", "c", "sum"]
    nodes = [
        helper.make_node("MatMul", [names[at], f"m{at}"], [names[at + 1]], f"product{at}")
        for at in range(4)
    ]
    return nodes, weights
