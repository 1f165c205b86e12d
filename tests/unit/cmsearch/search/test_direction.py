"""A stage is a function and a row: what it says is evidence, which adds up, is shown, and sorts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine, Hit, Ranking
from cmsearch.search import direction
from cmsearch.search.rank.request import Column, StageRequest, missing
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Candidates, FloatArray, Modality
from tests.builders import caption, photo, put, serve
from tests.fakes import DIM, SPACE

PLAIN = Ranking(match="picture", fold=False)


def towards_red(cosine: float) -> FloatArray:
    """A vector with that cosine to the word red."""
    axes = np.eye(DIM, dtype=np.float32)
    vector: FloatArray = cosine * axes[0] + np.sqrt(1 - cosine**2) * axes[-1]
    return vector


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Iterator[Engine]:
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        number = serve(store.catalog, DIM, SPACE)
        for name, cosine in {"a.jpg": 0.75, "b.jpg": 0.5, "c.jpg": 0.25}.items():
            put(store.catalog, number, name, photo(towards_red(cosine), name))
        told = caption("red rose", towards_red(0.9), "c.jpg")
        put(store.catalog, number, "c.txt", told, kind="sidecar")
        store.publish()
    with cmsearch.open(tmp_path) as engine:
        yield engine


def liked(request: StageRequest, candidates: Candidates) -> Column:
    """All the code of a stage: half a point more for one picture, and none for the others."""
    return np.array([0.5 if item.path == "b.jpg" else 0.0 for item in candidates.items])


def found(engine: Engine, ranking: Ranking = PLAIN, k: int = 10) -> list[Hit]:
    return engine.search("red", target="image", k=k, ranking=ranking)


def test_a_stage_is_a_function_and_a_row(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [hit.source for hit in found(engine)] == ["a.jpg", "b.jpg", "c.jpg"]
    monkeypatch.setitem(direction.SECOND_STAGE, "liked", liked)  # type: ignore[arg-type]
    hits = found(engine)
    assert [hit.source for hit in hits] == ["b.jpg", "a.jpg", "c.jpg"]
    for hit in hits:
        assert set(hit.stages) == {"picture", "liked", "prior"}
        assert hit.score == pytest.approx(sum(hit.stages.values()), abs=2e-6)


def test_what_a_stage_adds_counts_as_cosines_do(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much more of a cosine is worth as much; sums are no wider than cosines alone are."""
    before = {hit.source: hit.stages["picture"] for hit in found(engine)}
    each = (before["a.jpg"] - before["c.jpg"]) / (0.75 - 0.25)
    monkeypatch.setitem(direction.SECOND_STAGE, "liked", liked)  # type: ignore[arg-type]
    after = {hit.source: hit.stages for hit in found(engine)}
    wide = np.std([0.75, 0.5 + 0.5, 0.25]) / np.std([0.75, 0.5, 0.25])
    liking = [after[name]["liked"] for name in ("b.jpg", "a.jpg", "c.jpg")]
    assert liking[0] - liking[1] == pytest.approx(each * 0.5 / wide, rel=0.01)
    assert liking[1] == liking[2]
    assert sum(liking) == pytest.approx(0, abs=1e-5)
    spread = after["a.jpg"]["picture"] - after["c.jpg"]["picture"]
    assert spread == pytest.approx(each * 0.5 / wide, rel=0.01)


def test_it_looks_at_the_best_and_at_what_no_way_else_brought(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By captions c.jpg is found as well; by its cosine it isn't among the best two."""
    monkeypatch.setitem(direction.SECOND_STAGE, "liked", liked)  # type: ignore[arg-type]
    assert "liked" not in found(engine, Ranking(match="picture", depth=1))[1].stages
    hits = {hit.source: hit for hit in found(engine, Ranking(depth=2), k=2)}
    assert "caption" in hits["c.jpg"].stages and "liked" not in hits["c.jpg"].stages
    assert "liked" in next(hit for hit in found(engine) if hit.source == "b.jpg").stages


def test_a_stage_that_says_nothing_changes_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [found(engine, ranking) for ranking in (PLAIN, Ranking(), Ranking("attention"))]

    def silent(request: StageRequest, candidates: Candidates) -> Column:
        return missing(candidates)

    monkeypatch.setitem(direction.SECOND_STAGE, "silent", silent)  # type: ignore[arg-type]
    after = [found(engine, ranking) for ranking in (PLAIN, Ranking(), Ranking("attention"))]
    assert after == before


def test_captions_are_a_way_and_then_a_column(engine: Engine) -> None:
    """What captions found has their evidence; of the others they have nothing to say."""
    hits = {hit.source: hit for hit in found(engine, Ranking(fold=False))}
    assert hits["c.jpg"].stages["caption"] > 0
    assert all("caption" not in hits[name].stages for name in ("a.jpg", "b.jpg"))
    assert Modality.TEXT not in {hit.modality for hit in hits.values()}
