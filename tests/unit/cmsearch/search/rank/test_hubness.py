"""Nearest-neighbour normalisation against a loop written from its paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.models.encoders.words import PROMPT
from cmsearch.protocols import Banked, Encoder
from cmsearch.search.query import background_captions as bank
from cmsearch.search.rank.banks import ENOUGH, Banks
from cmsearch.search.rank.hubness import nearest_neighbour_bias
from cmsearch.store.catalog import files
from cmsearch.store.store import Store
from cmsearch.types import EncodedQuery, FloatArray, Modality, Role
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.fakes import DIM, FakeEncoder


def unit(random: np.random.Generator, count: int, dim: int = 12) -> FloatArray:
    rows = random.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def bias_of(item: FloatArray, bank: FloatArray, k: int) -> float:
    """The mean of the k highest scores of a gallery item over the reference queries.

    b(r) = 1/k Σ s(q_j, r) over the k queries q_j of the bank with the highest s(q_j, r) (Chowdhury
    et al. 2024, section 3).
    """
    scores = sorted((float(np.dot(item, query)) for query in bank), reverse=True)
    return sum(scores[:k]) / len(scores[:k])


@given(st.integers(0, 2**32 - 1), st.integers(1, 15), st.integers(1, 20), st.integers(1, 25))
def test_biases_are_those_of_the_paper(seed: int, items: int, queries: int, k: int) -> None:
    """Also where there are fewer queries in the bank than k."""
    random = np.random.default_rng(seed)
    gallery, bank = unit(random, items), unit(random, queries)
    found = nearest_neighbour_bias(gallery, bank, k)
    assert found.shape == (items,)
    assert found == pytest.approx([bias_of(item, bank, k) for item in gallery], abs=1e-5)


@pytest.mark.parametrize("strength", [0.5, 0.75, 1.0])
def test_corrected_rankings_are_those_of_the_paper(strength: float) -> None:
    """s(q, r) - α b(r), for each query of its own the whole gallery in order."""
    random = np.random.default_rng(3)
    gallery, bank, queries = unit(random, 40), unit(random, 30), unit(random, 10)
    corrected = queries @ gallery.T - strength * nearest_neighbour_bias(gallery, bank, 4)
    for query, row in zip(queries, corrected, strict=True):
        scores = [float(np.dot(query, one)) - strength * bias_of(one, bank, 4) for one in gallery]
        assert row == pytest.approx(scores, abs=1e-5)
        expected = sorted(range(len(gallery)), key=lambda place: -scores[place])
        assert np.argsort(-row, kind="stable").tolist() == expected


def test_a_hub_gives_way() -> None:
    """What every query of the bank finds first is found by none of them once it is corrected."""
    own = np.eye(8, dtype=np.float32)
    hub = np.full(8, 1 / np.sqrt(8), np.float32)
    gallery = np.concatenate([0.3 * own, hub[None]])
    before = own @ gallery.T
    after = before - nearest_neighbour_bias(gallery, own, 4)
    assert set(before.argmax(1)) == {8}
    assert after.argmax(1).tolist() == list(range(8))


def test_without_a_bank_there_is_no_bias() -> None:
    random = np.random.default_rng(0)
    empty = np.zeros((0, 12), np.float32)
    assert nearest_neighbour_bias(unit(random, 3), empty, 4).tolist() == [0, 0, 0]
    assert nearest_neighbour_bias(empty, unit(random, 3), 4).shape == (0,)


# --- the bank ---


class Knowing(FakeEncoder):
    """A fake encoder that knows what pictures are like."""

    def bank(self, modality: Modality) -> FloatArray:
        rows = 5 if modality is Modality.IMAGE else 0
        return np.eye(DIM, dtype=np.float32)[:rows]


@pytest.fixture
def store(tmp_path: Path, fake_model: str) -> Iterator[Store]:
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", (60 * number, 0, 255 - 60 * number))
    write_files(tmp_path, {"0.txt": "red house\n", "1.txt": "blue sea\n"})
    Indexer(tmp_path, model=fake_model).run()
    with Store(tmp_path / ".cmsearch") as found:
        yield found


def drawn(store: Store, encoder: Encoder, modality: Modality, digest: str = "") -> FloatArray:
    query = EncodedQuery(modality, "", np.zeros(DIM, np.float32), digest=digest)
    return Banks(store).without(store.view(), encoder, query)


def test_a_small_store_takes_the_encoders_own_bank_besides(store: Store) -> None:
    assert isinstance(Knowing(), Banked) and not isinstance(FakeEncoder(), Banked)
    assert len(drawn(store, FakeEncoder(), Modality.IMAGE)) == 4
    found = drawn(store, Knowing(), Modality.IMAGE)
    assert len(found) == 4 + 5
    assert found[4:].tolist() == np.eye(DIM)[:5].tolist()


def test_for_a_text_it_takes_the_captions_that_come_with_cmsearch(store: Store) -> None:
    for encoder in (FakeEncoder(), Knowing()):
        found = drawn(store, encoder, Modality.TEXT)
        assert len(found) == 2 + bank.SIZE
        assert found[2:] == pytest.approx(bank.encoded(FakeEncoder()), abs=1e-3)


def test_what_texts_have_in_common_is_the_mean_of_the_captions(store: Store) -> None:
    banks, view = Banks(store), store.view()
    expected = bank.encoded(FakeEncoder()).mean(0)
    assert banks.usual(view, FakeEncoder()) == pytest.approx(expected, abs=1e-3)
    with store.catalog.writing() as writer:
        writer.put_bank(view.space_id, np.zeros((0, DIM), np.float32))
    assert not Banks(store).usual(view, FakeEncoder()).any()


def test_the_prompt_is_the_vector_of_its_text(store: Store) -> None:
    encoder = FakeEncoder()
    text = encoder.encode([encoder.prepare(PROMPT, Modality.TEXT)], Modality.TEXT, Role.QUERY)
    banks = Banks(store)
    for _ in range(2):
        assert banks.prompt(encoder).tolist() == text.vectors[0].tolist()


def test_a_query_is_not_in_its_own_bank(store: Store) -> None:
    digest = files.assets(store.catalog)["2.png"].digest
    assert digest is not None
    assert len(drawn(store, FakeEncoder(), Modality.IMAGE, digest)) == 3


def test_a_store_with_enough_items_takes_nothing_else(store: Store, fake_model: str) -> None:
    for number in range(ENOUGH):
        write_picture(store.root / f"more-{number}.png", (0, 3 * number, 0))
    Indexer(store.root, model=fake_model).run()
    assert len(drawn(store, Knowing(), Modality.IMAGE)) == 4 + ENOUGH


def test_the_bank_follows_what_is_indexed(store: Store, fake_model: str) -> None:
    banks = Banks(store)
    query = EncodedQuery(Modality.IMAGE, "", np.zeros(DIM, np.float32))
    assert len(banks.without(store.view(), FakeEncoder(), query)) == 4
    (store.root / "3.png").unlink()
    Indexer(store.root, model=fake_model).run()
    assert len(banks.without(store.view(), FakeEncoder(), query)) == 3
