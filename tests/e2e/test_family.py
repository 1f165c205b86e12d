"""A small form of scripts/bench/family.py: what a family asks of its folder, with lite."""

from __future__ import annotations

from pathlib import Path

import pytest

import cmsearch
from cmsearch import Engine, Ranking
from cmsearch.commands.asking import doubt_about
from indexer import Indexer
from scripts.bench.family import answered, ask, questions
from scripts.family import ALBUMS, ROLL, TEXTS, make

LEFT_OUT = ("WhatsApp Images", "Signal", "Downloads")
NAMED = ("name", "day", "folder", "text")


@pytest.mark.xdist_group("lite")
def test_a_family_finds_what_it_asks_for(tmp_path: Path) -> None:
    folder = tmp_path / "family"
    albums = [album for album in ALBUMS if album.folder not in LEFT_OUT]
    scenes = make(folder, most=1, albums=albums, media={})
    report = Indexer(folder, model="lite").run()
    assert not report.skipped
    with cmsearch.open(folder) as engine:
        asked = [one for one in questions() if is_there(one, folder)]
        wrong = [
            one for one in asked if not answered(one, ask(engine, one), scenes, engine.store.root)
        ]
        assert [one["query"] for one in wrong if one["by"] in NAMED] == []
        looked = [one for one in asked if one["by"] == "look"]
        assert len(looked) == 20
        assert sum(one["by"] == "look" for one in wrong) <= 4
        check_documents(engine)


def is_there(question: dict[str, object], folder: Path) -> bool:
    paths = question.get("paths", ["*"])
    assert isinstance(paths, list)
    return any(any(folder.glob(glob)) for glob in paths)


def check_documents(engine: Engine) -> None:
    """Few texts among more pictures are found by what they say, and by nothing else."""
    for query in ("birthday party", "a dog on the beach", "😀", "asdfgh"):
        hits = engine.search(query, k=3)
        assert hits[0].modality == "image" or doubt_about(hits)
        texts = engine.search(query, target="text", k=1)
        assert texts[0].relevance is not None and texts[0].relevance < 0.5
    for name, text in TEXTS.items():
        words = " ".join(text.split()[:6])
        hit = engine.search(words, k=1, ranking=Ranking(match="picture"))[0]
        assert hit.path.name == Path(name).name and hit.relevance is not None
        assert hit.relevance > 0.9
    assert engine.search("IMG_0007.JPG", k=1)[0].path.parent.name == ROLL
