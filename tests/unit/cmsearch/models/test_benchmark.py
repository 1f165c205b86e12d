"""Models are measured in each way in which they run here, and what can't be is told."""

from __future__ import annotations

import json
from functools import partial

import pytest
from click.testing import CliRunner

from cmsearch.commands.models import models
from cmsearch.models import benchmark


def test_each_way_has_its_rates(fake_model: str) -> None:
    told: list[tuple[str, int, int]] = []
    floats, integers, *_ = benchmark.rates(
        [fake_model], lambda *event: told.append(event), seconds=0.01
    )
    assert (floats.device, floats.precision) == ("cpu", "fp32") and not floats.error
    assert floats.images and floats.queries and floats.images > 0 and floats.queries > 0
    assert "no precisions" in integers.error and integers.images is None
    assert told[0][1] == 0 and told[-1][1] == told[-1][2] == len(benchmark.ways())


def test_the_command_prints_them(fake_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "rates", partial(benchmark.rates, seconds=0.01))
    found = CliRunner().invoke(models, ["--bench", fake_model, "--format", "json"])
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert rows[0]["images"] > 0 and rows[1]["error"]
    table = CliRunner().invoke(models, ["--bench", fake_model]).stdout
    assert "IMAGES/S" in table and "no precisions" in table
    assert CliRunner().invoke(models, ["lite", "clip"]).exit_code == 2
