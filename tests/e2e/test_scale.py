"""A small form of scripts/bench/scale.py: each of its steps on a few hundred vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.bench import peers, scale, scale_store
from scripts.bench.worlds import World

ROWS = 400


def test_each_step_measures_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "QUERIES", 6)
    monkeypatch.setattr(scale_store, "SECONDS", 0.05)
    monkeypatch.setattr(scale_store, "RENAMED", 5)
    scale.write_vectors(tmp_path, ROWS)
    found = {name: step(tmp_path, ROWS) for name, step in scale.STEPS.items() if name != "peers"}
    assert found["search"]["text recall@10"] == found["search"]["photo recall@100"] == 1.0
    assert {name.split()[0] for name in found["changes"]} == {"add", "delete", "rename"}
    assert {"plain", "default", "one trip", "peak MB"} <= found["engine"].keys()


def test_peers_are_compared_with_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS is there; those that aren't are passed over with a line."""
    monkeypatch.setattr(peers, "PEERS", {"FAISS": peers._faiss, "none": _missing})
    rows, texts = next(World(32).photos(ROWS)), World(32).texts(5)
    truth = np.argsort(-texts @ rows.T, axis=1)[:, :10]
    found = dict(peers.measured(rows, texts, truth))
    assert found["FAISS"]["recall"] >= peers.WANTED
    assert found["none"] == {"passed over": "a_library isn't installed"}


def _missing(vectors: object) -> peers.Search:
    raise ImportError(name="a_library")


def test_synthetic_vectors_are_as_hard_as_real_ones() -> None:
    """The local dimension (Levina and Bickel) of photographs is 10, and that of texts 37."""
    world = World()
    photos = np.concatenate(list(world.photos(4_770)))
    assert 9 <= local_dimension(photos[:50], photos) <= 12
    assert 30 <= local_dimension(world.texts(50), photos) <= 45


def local_dimension(queries: np.ndarray, rows: np.ndarray, k: int = 100) -> float:
    distances = np.sort(np.sqrt(np.maximum(2 - 2 * queries @ rows.T, 0)), axis=1)
    nearest = [own[own > 1e-3][:k] for own in distances]
    return float(np.median([1 / np.mean(np.log(own[-1] / own[:-1])) for own in nearest]))
