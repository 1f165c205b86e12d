"""Models in 8 bits stay near those in floats, and the made pictures are always the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from cmsearch.errors import ModelError
from cmsearch.models.encoders import quantised
from cmsearch.models.encoders.exports import published
from cmsearch.models.encoders.onnx import named, run, session, takes_one
from cmsearch.models.encoders.probes import pictures, stacked
from tests.graphs import batches, write_graphs


def test_pictures_are_always_the_same_and_look_natural() -> None:
    first, again = ([np.asarray(one) for one in pictures(2)] for _ in range(2))
    assert np.array_equal(first, again) and not np.array_equal(*first)
    spectrum = np.abs(np.fft.fft2(first[0].mean(-1)))
    assert spectrum[1:5, 1:5].mean() > 10 * spectrum[60:120, 60:120].mean()


def test_contents_become_batches() -> None:
    rows = [(np.full(3, number), np.zeros(1)) for number in range(6)]
    found = stacked(rows)
    assert [one[0].shape for one in found] == [(4, 3), (2, 3)]


def test_each_graph_is_quantised_in_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))
    export = published("graphs", write_graphs)
    folder = tmp_path / "own"
    folder.mkdir()
    quantised.write(export, folder, batches())
    image, text = (
        [node.op_type for node in onnx.load(folder / name).graph.node]
        for name in ("image.onnx", "text.onnx")
    )
    assert "QuantizeLinear" in image and "MatMul" in image  # the last product is in floats
    assert text.count("MatMulInteger") == 2 and text.count("MatMul") == 2  # what narrows too
    measured = json.loads((folder / quantised.COSINES).read_text())
    assert {*measured} == {"image", "text"} and min(measured.values()) > 0.99
    assert (folder / "tokenizer.json").is_file()


def test_a_vector_in_8_bits_does_not_depend_on_what_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranges that are found at run time are those of a whole batch."""
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))
    folder = tmp_path / "own"
    folder.mkdir()
    quantised.write(published("graphs", write_graphs), folder, batches())
    for name, at_once in (("image", True), ("text", False)):
        opened = session(folder / f"{name}.onnx")
        assert takes_one(opened) is not at_once
        (content,) = batches()[name][0]
        content[1:] *= 20
        (alone,) = run(opened, [content[:1]])
        (found,) = run(opened, [content])
        assert np.abs(found[0] - alone[0]).max() < 1e-6
        assert np.abs(found[1] - found[0]).max() > 1e-3
        (whole,) = opened.run(None, named([content]))
        assert bool(np.abs(whole[0] - alone[0]).max() < 1e-6) is at_once


def test_what_can_not_be_quantised_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))
    export = published("graphs", write_graphs)
    folder = tmp_path / "own"
    folder.mkdir()
    wrong = {"image": batches()["text"], "text": batches()["text"]}
    with pytest.raises(ModelError, match="can't be brought to int8"):
        quantised.write(export, folder, wrong)
