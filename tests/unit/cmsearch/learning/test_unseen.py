"""What was learned from captions is measured with others, or said to be known to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch.learning import unseen
from cmsearch.learning.evaluate import evaluate, evaluate_parts, given_or_own
from cmsearch.learning.examples import examples, source
from cmsearch.learning.fit_adapter import keep
from cmsearch.learning.ridge import Design, Learner
from cmsearch.models.adapters import Adapter
from cmsearch.models.plugins import encoders
from cmsearch.store.store import Store
from indexer import Indexer
from tests.builders import write_files
from tests.commands import called

COUNT = 32


def learn(folder: Path, share: float, **card: object) -> None:
    """Let an adapter serve that has learned the captions by heart."""
    with Store(folder / ".cmsearch") as store:
        own = source(store)
        found = examples(own)
        design = Design(found.pairs.inputs, found.pairs.dim)
        line = design.unfolded(Learner(found.pairs, design, 0).line((), 1e-4))
        keep(own, Adapter(own.base, *line, share, card), lambda event: None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random pictures with captions by chance: nothing in them can be learned for others."""
    folder, random = tmp_path_factory.mktemp("album"), np.random.default_rng(0)
    words = [f"w{number}" for number in range(12)]
    for number in range(COUNT):
        pixels = random.integers(0, 256, (3, 3, 3), np.uint8).repeat(6, 0).repeat(6, 1)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        text = " ".join(random.choice(words, 5))
        write_files(folder, {f"{number:02}.txt": f"{text} n{number}\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")
        Indexer(folder, model="fake:colours").run()
        learn(folder, 1.0, strength=1e-4)
    return folder


def test_each_part_is_asked_by_what_was_learned_from_the_others(
    folder: Path, fake_model: str
) -> None:
    before = (folder / ".cmsearch" / "catalog.db").read_bytes()
    with cmsearch.open(folder) as engine:
        pairs = given_or_own(engine, None)
        images = {pair.image for pair in pairs} | {"gone.png"}
        assert unseen.learned(engine) == ("adapter",) and unseen.can_relearn(engine)
        by_heart = evaluate(engine, pairs, timed=0)
        parts: list[frozenset[str]] = []

        def noted() -> Iterator[tuple[cmsearch.Engine, frozenset[str]]]:
            for one, own in unseen.by_folds(engine, images):
                parts.append(own)
                yield one, own

        honest = evaluate_parts(noted(), pairs, timed=0)
    assert set().union(*parts) == images and sum(map(len, parts)) == len(images)
    for known, unknown in zip(by_heart, honest, strict=True):
        assert (known.queries, len(known.gains)) == (unknown.queries, len(unknown.gains))
        assert known.measures["recall@1"].value > 0.5
        assert unknown.measures["recall@1"].value < 0.2  # chance is 1/32
    assert (folder / ".cmsearch" / "catalog.db").read_bytes() == before


def test_parts_give_the_same_as_all_at_once(folder: Path, fake_model: str) -> None:
    with cmsearch.open(folder) as engine:
        pairs = given_or_own(engine, None)
        images = sorted({pair.image for pair in pairs})
        whole = evaluate(engine, pairs, timed=0)
        some = [(engine, images[1::2]), (engine, ["x"]), (engine, images[::2])]
        parted = evaluate_parts(some, pairs, timed=0)
    assert [(one.ranks, one.gains, one.measures) for one in whole] == [
        (one.ranks, one.gains, one.measures) for one in parted
    ]


def test_eval_asks_by_folds_or_says_that_it_does_not(folder: Path, fake_model: str) -> None:
    done = called("eval", folder, "--format", "json")
    assert done.returncode == 0, done.stderr
    for line in map(json.loads, done.stdout.splitlines()):
        assert line["unseen"] is True and line["learned"] == ["adapter"]
        assert line["recall@1"]["value"] < 0.2
    table = called("eval", folder, "--captions", "hold-one-out").stdout
    assert "learned again without each fifth" in table and "0 of 32 pictures captioned" in table

    learn(folder, 0.99, strength=1e-4, data="32 pictures, names of folders among them")
    done = called("eval", folder, "--format", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["unseen"] is False and line["recall@1"]["value"] > 0.5 for line in lines)
    assert "aren't of unseen pictures" in called("eval", folder).stdout
