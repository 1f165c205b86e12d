"""What has vectors alone is found and learned from, and can be completed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

import cmsearch
from cmsearch import Ranking
from cmsearch.errors import StoreError
from cmsearch.learning import examples
from cmsearch.store.catalog import schema
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.completing import forget_bare
from indexer.importing.importer import Importer, Wanted
from tests import imports
from tests.builders import flip_byte
from tests.fakes import FakeEncoder
from tests.processes import faked

MODEL = "fake:colours"


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """Pictures with captions that were imported."""
    names = imports.write_pictures(tmp_path / "pics", 32)
    source = imports.write_clip_retrieval(tmp_path / "from", tmp_path / "pics", names)
    Importer(source, tmp_path / "pics", wanted=Wanted(MODEL, was="pics")).run()
    return tmp_path / "pics"


def bare(folder: Path) -> int:
    """How many embeddings have no tokens."""
    table = schema.embeddings.c
    query = sa.select(sa.func.count()).where(table.tokens.is_(None))
    with Store(folder / DIRECTORY) as store:
        return int(store.catalog.scalar(query))


def test_items_without_tokens_are_found_ranked_and_explained(folder: Path) -> None:
    Indexer(folder).run()
    imports.write_pictures(folder, 38)  # six more, which have tokens
    Indexer(folder).run()
    assert bare(folder) == 64
    with cmsearch.open(folder) as engine:
        look = Ranking(rerank="attention", match="picture", fold=False)
        hits = engine.search("red green", target="image", k=50, ranking=look)
        assert len(hits) == 38
        said = {hit.path.stem: hit.stages.get("attention") for hit in hits}
        assert {name for name, value in said.items() if value is not None} == {
            f"picture {number}" for number in range(32, 38)
        }
    assert faked("explain", "red", folder / "0" / "picture 0.png", "--store", folder).stdout


def test_what_can_only_learn_from_tokens_says_what_to_do(folder: Path) -> None:
    said = faked("fit", folder, "--reranker", status=2).stderr
    assert b"index --complete" in said


def test_what_was_imported_can_be_completed(folder: Path, tmp_path: Path) -> None:
    assert bare(folder) == 64
    before = faked("search", "red thing", "--store", folder, "--format", "paths").stdout
    done = faked("index", folder, "--complete")
    assert b"64 reencoded" in done.stdout
    assert bare(folder) == 0
    assert faked("search", "red thing", "--store", folder, "--format", "paths").stdout == before
    again = faked("index", folder, "--complete")
    assert b"reencoded" not in again.stdout
    copy = shutil.copytree(folder, tmp_path / "copy", ignore=lambda *_: [DIRECTORY])
    Indexer(copy, model=MODEL).run()
    assert kept(folder) == kept(Path(copy))
    assert b"Everything agrees" in faked("doctor", "--store", folder).stdout


def kept(folder: Path) -> list[tuple[object, ...]]:
    table = schema.embeddings.c
    query = sa.select(schema.items.c.digest, table.vector, table.tokens, table.features)
    with Store(folder / DIRECTORY) as store:
        rows = store.catalog.rows(query.join(schema.items, schema.items.c.id == table.item))
        return sorted(tuple(row) for row in rows)


def test_what_is_away_stays_as_it_is(folder: Path) -> None:
    Indexer(folder).run()
    flip_byte(folder / "0" / "picture 0.png")
    (folder / "1" / "picture 1.png").unlink()
    assert list(forget_bare(folder / DIRECTORY)) == [30, 32]
    assert bare(folder) == 2


def test_of_an_encoder_without_tokens_nothing_is_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FakeEncoder.encode
    nothing = {"tokens": None, "weights": None, "features": None}
    monkeypatch.setattr(FakeEncoder, "encode", lambda *given: replace(whole(*given), **nothing))
    assert list(forget_bare(folder / DIRECTORY)) == []


def test_an_adapter_that_lacks_what_it_reads_says_what_to_do(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        own = examples.source(store)
        assert own.width == 0  # it learns from vectors alone
        adapted = schema.spaces.update().values(
            description=sa.func.replace(schema.spaces.c.description, "null", f'"{"0" * 64}"')
        )
        with store.catalog.connected() as connection:
            connection.execute(adapted)
            connection.commit()
    with Store(folder / DIRECTORY) as store, pytest.raises(StoreError, match="index --complete"):
        examples.source(store)
