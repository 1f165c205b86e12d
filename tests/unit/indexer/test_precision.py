"""A store in int8 is a generation of its own, which stays until another precision is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import ModelError
from cmsearch.models import adapters
from cmsearch.models.loading import load_encoder
from cmsearch.models.precision import precision_of
from cmsearch.store.store import Store
from cmsearch.types import Generation
from indexer import Indexer
from tests.builders import write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for colour in ("red", "blue"):
        write_picture(tmp_path / f"{colour}.png", colour)
    return tmp_path


def serving(folder: Path) -> tuple[Generation, int]:
    """What serves, and how many generations there are."""
    with Store(folder / ".cmsearch") as store:
        own = store.catalog.generations()
        return next(one for one in own if one.space == store.space), len(own)


def test_a_precision_is_a_generation_that_stays(folder: Path) -> None:
    Indexer(folder, model="lite", precision="int8").run()
    served, count = serving(folder)
    assert precision_of(served.space) == "int8" and count == 1
    assert served.runtime.startswith("onnxruntime int8, cosine with fp32: pictures 0.99")
    with cmsearch.open(folder / ".cmsearch") as engine:
        assert len(engine.search("a red thing", target="image")) == 2
    for again in (
        Indexer(folder),
        Indexer(folder, model="lite"),
        Indexer(folder, precision="auto"),
    ):
        assert again.run().unchanged == 2
        assert serving(folder) == (served, 1)
    assert len(Indexer(folder, precision="fp32").plan().reencoded) == 2
    assert Indexer(folder, precision="fp32").run().reencoded == 2
    found, count = serving(folder)
    assert precision_of(found.space) == "fp32" and count == 2
    assert Indexer(folder).run().unchanged == 2
    assert serving(folder) == (found, 2)
    assert Indexer(folder, precision="int8").run().unchanged == 2
    assert serving(folder)[0].space == served.space  # nothing of it was encoded again


def test_an_encoder_without_precisions_says_so(folder: Path, fake_model: str) -> None:
    with pytest.raises(ModelError, match="can't be had in int8: its encoder has no precisions"):
        Indexer(folder, model=fake_model, precision="int8").run()
    assert not (folder / ".cmsearch").exists()
    Indexer(folder, model=fake_model, precision="auto").run()
    assert precision_of(serving(folder)[0].space) == "fp32"


def test_an_adapter_has_the_precision_that_it_was_learned_in(folder: Path, tmp_path: Path) -> None:
    base = load_encoder("lite").space
    path = tmp_path / "mine.safetensors"
    adapters.write(path, adapters.pack(adapters.unmoving(base, base.dim)))
    with pytest.raises(ModelError, match="learned in fp32, not in int8") as raised:
        Indexer(folder, model=str(path), precision="int8").run()
    assert "--model lite --precision int8" in str(raised.value)
    assert not (folder / ".cmsearch").exists()
    for precision in ("auto", "fp32"):
        Indexer(folder, model=str(path), precision=precision).run()
        assert precision_of(serving(folder)[0].space) == "fp32" and serving(folder)[1] == 1
    with pytest.raises(ModelError, match="learned in fp32, not in int8"):
        Indexer(folder, model=str(path), precision="int8").run()
