"""What ONNX Runtime computes on is tried once, and refused where it gives other vectors."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import ModelError
from cmsearch.models.encoders import providers, timing
from cmsearch.models.encoders.exports import Export, published
from cmsearch.models.encoders.forms import form
from cmsearch.models.encoders.onnx import CPU, Sessions, session
from cmsearch.models.encoders.providers import DEVICES, choose, for_onnx, for_torch
from cmsearch.models.precision import AUTO, FP32, INT8, in_fp32, in_int8, precision_of, wanted
from tests.graphs import CLOCK, EXPORTS, SPACE, Provided, batches, machine, write_graphs

CUDA, DML, OPENVINO = (DEVICES[name] for name in ("cuda", "directml", "openvino"))


@pytest.fixture(autouse=True)
def _made_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials see how long calls are said to take, whatever else this machine does."""
    monkeypatch.setattr(timing, "time", CLOCK)


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    """The small graphs, in a cache of their own."""
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))
    return published("graphs", write_graphs)


class Opened:
    """Opens graphs on made providers, and counts; the processor is slow."""

    def __init__(self, **wrong: float) -> None:
        self.count = 0
        self._wrong = {DEVICES[name]: one for name, one in wrong.items()}

    def __call__(self, path: Path, provider: str) -> Any:
        self.count += 1
        if provider == CPU:
            return Provided(path, CPU, seconds=0.02)
        return Provided(path, provider, self._wrong.get(provider, 0.0))


def test_with_the_processor_alone_nothing_is_tried(export: Export) -> None:
    opened = Opened()
    assert choose(None, export, batches, machine(opened)) == CPU
    assert choose("cpu", export, batches, machine(opened, CUDA)) == CPU
    assert opened.count == 0


def test_the_fastest_is_taken_and_the_trial_is_kept(export: Export) -> None:
    opened = Opened()
    assert choose(None, export, batches, machine(opened, OPENVINO)) == OPENVINO
    count = opened.count
    assert choose(None, export, batches, machine(opened, OPENVINO)) == OPENVINO
    assert choose("openvino", export, batches, machine(opened, OPENVINO)) == OPENVINO
    assert opened.count == count  # what was measured is kept
    choose(None, export, batches, machine(opened, OPENVINO, version="2"))
    assert opened.count > count  # for this version, and these providers
    count = opened.count
    choose(None, export, batches, machine(opened, OPENVINO, CUDA))
    assert opened.count > count


@pytest.mark.parametrize("content", [b"", b"[]", b'{"rates": {}, "refused": {}}', b"[" * 10**5])
def test_a_damaged_record_is_made_anew(export: Export, tmp_path: Path, content: bytes) -> None:
    choose(None, export, batches, machine(Opened(), OPENVINO))
    (record,) = (tmp_path / "trials").iterdir()
    record.write_bytes(content)
    assert choose(None, export, batches, machine(Opened(), OPENVINO)) == OPENVINO
    assert record.read_bytes() != content


def test_other_vectors_are_refused_with_a_word(
    export: Export, caplog: pytest.LogCaptureFixture
) -> None:
    on = machine(Opened(cuda=0.5, directml=0.01), CUDA, DML)
    with caplog.at_level(logging.WARNING, "cmsearch"):
        assert choose(None, export, batches, on) == DML  # 0.01 is within what is allowed
    (told,) = caplog.messages
    assert CUDA in told and "from the processor's in cosine" in told
    with pytest.raises(ModelError, match="--device cuda can't be used: its vectors are"):
        choose("cuda", export, batches, on)


def test_what_fails_or_never_started_is_refused(export: Export) -> None:
    def opened(path: Path, provider: str) -> Any:
        if provider == CUDA:
            raise RuntimeError("out of memory\nwhere: here")
        return Provided(path, CPU)  # ONNX Runtime takes the processor, and only logs why

    on = machine(opened, CUDA, OPENVINO)
    assert choose(None, export, batches, on) == CPU
    with pytest.raises(ModelError, match=r"cuda can't be used: it fails: out of memory$"):
        choose("cuda", export, batches, on)
    with pytest.raises(ModelError, match="its libraries are not here"):
        choose("openvino", export, batches, on)


def test_a_device_that_is_not_here_says_what_to_install(export: Export) -> None:
    with pytest.raises(ModelError, match=r"no device 'openvino' here; it has cpu\. Install onnxr"):
        choose("openvino", export, batches, machine(Opened()))
    with pytest.raises(ModelError, match=r"no device 'coreml' here; it has cpu, cuda\.$"):
        choose("coreml", export, batches, machine(Opened(), CUDA))


def test_devices_are_told_apart() -> None:
    assert for_onnx(None, is_indexing=False) == "cpu"  # a query isn't worth a GPU
    assert for_onnx(None, is_indexing=True) is None
    assert for_onnx("cuda:1", is_indexing=True) == "cpu"
    assert for_onnx("openvino", is_indexing=False) == "openvino"
    names = ("cuda", "cuda:1", "mps", "cpu", None)
    assert tuple(map(for_torch, names)) == names
    assert for_torch("directml") is None


def test_this_machine_has_its_processor() -> None:
    here = providers.here()
    assert CPU in here.available
    assert providers.processor()


def test_a_provider_runs_what_it_was_chosen_for(export: Export) -> None:
    own = form(EXPORTS, FP32, "openvino", machine(Opened(), OPENVINO))
    assert own.runtime == "onnxruntime on OpenVINO" and own.space == SPACE
    assert own.workers == 1 and own.batch_size(8) > 8
    inputs = batches()["text"][0]
    (found,) = Sessions(own.file, own.opened).run("text", *inputs)
    (right,) = Sessions(own.file).run("text", *inputs)
    assert np.array_equal(found, right)


def test_int8_is_another_space(export: Export, caplog: pytest.LogCaptureFixture) -> None:
    assert precision_of(SPACE) == FP32 and precision_of(in_int8(SPACE)) == INT8
    assert in_fp32(in_int8(in_int8(SPACE))) == SPACE != in_int8(SPACE)
    with caplog.at_level(logging.INFO, "cmsearch"):
        own = form(EXPORTS, INT8, "cpu")
    assert own.space == in_int8(SPACE)
    assert "mean cosine with fp32: pictures " in caplog.text
    assert own.runtime.startswith("onnxruntime int8, cosine with fp32: pictures ")
    assert own.file("tokenizer.json").read_text() == "{}"
    inputs = batches()["image"][0]
    found = Sessions(own.file).run("image", *inputs)[0]
    right = session(export.file("image.onnx")).run(None, {"input_0": inputs[0]})[0]
    assert (found * right).sum(1).min() > 0.98 and not np.array_equal(found, right)


def test_a_damaged_export_in_int8_is_made_anew(export: Export) -> None:
    path = form(EXPORTS, INT8, "cpu").file("image.onnx")
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert form(EXPORTS, INT8, "cpu").file("image.onnx").stat().st_size == len(content)


@pytest.mark.parametrize("slow", [FP32, INT8])
def test_int8_is_chosen_where_it_pays(
    export: Export, slow: str, caplog: pytest.LogCaptureFixture
) -> None:
    def opened(path: Path, provider: str) -> Any:
        is_slow = path.parent.name.endswith("int8-v2") == (slow == INT8)
        return Provided(path, provider, seconds=0.02 if is_slow else 0.001)

    with caplog.at_level(logging.INFO, "cmsearch"):
        own = form(EXPORTS, AUTO, "cpu", machine(opened))
    assert precision_of(own.space) == (INT8 if slow == FP32 else FP32)
    assert "times as fast here" in caplog.text


def test_a_precision_is_the_stores_or_what_was_asked() -> None:
    assert wanted(None, None) == FP32
    assert wanted("auto", None) == AUTO
    assert wanted("fp32", in_int8(SPACE)) == INT8
    with pytest.raises(ModelError, match="no precision 'int4'; it is one of fp32, int8, auto"):
        wanted("int4", None)
