"""The measurement of GPUs runs anywhere in a small form."""

from __future__ import annotations

import json

import pytest

from scripts.bench import gpu


def test_a_tiny_tower_is_measured_against_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    card, row = gpu.main(["--tiny", "--device", "cpu", "--seconds", "0.01"])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [card, row]
    assert card["device"] == "cpu" and card["peak_tflops"] > 0
    assert row["flops"] > 1e6 and min(row["encode"], row["tower"], row["limit"]) > 0
    assert row["share"] == round(row["tower"] / row["limit"], 3)
