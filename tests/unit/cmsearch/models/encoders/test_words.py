"""Words become tokens: which of them, how heavy, and with which vectors."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.models.encoders import words
from cmsearch.models.encoders.open_clip import load
from cmsearch.models.encoders.towers import TowersEncoder
from cmsearch.models.encoders.words import WordTokens, content_words
from cmsearch.types import Encoding, FloatArray, Modality, Role


class Lengths:
    """Gives each word the vector (its length, 1), and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, some: Sequence[str]) -> FloatArray:
        self.asked += some
        return np.array([(len(word), 1) for word in some], np.float32)


@pytest.fixture(scope="module")
def encoder(tiny_clip: Path) -> TowersEncoder:
    return load(f"local-dir:{tiny_clip}")


def encode(encoder: TowersEncoder, texts: list[str], role: Role) -> Encoding:
    return encoder.encode(
        [encoder.prepare(one, Modality.TEXT) for one in texts], Modality.TEXT, role
    )


def test_words_are_those_of_content_each_once_and_in_order() -> None:
    assert content_words("The dogs, the DOGS and a hot-dog: it's 8:25!") == [
        *("dogs", "DOGS", "hot-dog", "8", "25"),
    ]
    assert content_words("Don’t walk under_ladders") == ["walk", "ladders"]
    assert content_words("Grüße 写真 кошка") == ["Grüße", "写真", "кошка"]
    assert content_words("of the, and … .") == []


def test_the_heaviest_words_are_kept_in_their_order() -> None:
    texts = [[("a", 1.0), ("bbb", 3.0), ("cc", 2.0), ("dddd", 2.0)], [("bbb", 3.0)], []]
    tokens, weights = WordTokens(Lengths(), 2).of(texts, 2)
    assert tokens[..., 0].tolist() == [[3, 2], [3, 0], [0, 0]]
    assert weights.tolist() == [[3, 2], [3, 0], [0, 0]]


def test_words_that_were_encoded_are_known() -> None:
    tokens = WordTokens(Lengths(), 2)
    tokens.of([[("a", 1.0), ("bbb", 3.0)]], 1)
    assert tokens.knows([[("bbb", 1.0)], [("a", 1.0), ("bbb", 2.0)], []], 1)
    assert not tokens.knows([[("bbb", 1.0)], [("a", 1.0)]], 1)


def test_words_that_weigh_nothing_are_not_encoded() -> None:
    lengths = Lengths()
    tokens, weights = WordTokens(lengths, 2).of([[("a", 0.0)]], 10)
    assert lengths.asked == []
    assert tokens.shape == (1, 1, 2)
    assert weights.tolist() == [[0]]


def test_a_word_is_encoded_once_as_long_as_it_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "_KNOWN", 2)
    lengths = Lengths()
    tokens = WordTokens(lengths, 2)
    for text in (["a", "bb", "a"], ["bb", "ccc"], ["bb", "a"]):
        tokens.of([[(word, 1.0) for word in text]], 10)
    assert lengths.asked == ["a", "bb", "ccc", "a"]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=20))
def test_threads_get_the_vectors_of_their_own_words(texts: list[list[str]]) -> None:
    tokens = WordTokens(lambda some: np.array([[ord(word)] for word in some], np.float32), 1)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(tokens.of, [[(word, 1.0) for word in text]], 9) for text in texts]
    for text, job in zip(texts, jobs, strict=True):
        assert job.result()[0][0, : len(text), 0].tolist() == [ord(word) for word in text]


def test_a_words_token_is_the_vector_of_its_prompt(encoder: TowersEncoder) -> None:
    found = encode(encoder, ["two zebras on the beach", "..."], Role.DOCUMENT)
    prompts = [f"a photo of a {word}" for word in ("two", "zebras", "beach")]
    vectors = encode(encoder, prompts, Role.QUERY).vectors
    assert found.tokens is not None
    assert found.weights is not None
    assert np.abs(found.tokens[0] - vectors).max() < 1e-5
    two, zebras, beach = found.weights[0]
    assert 0 < two < beach < zebras
    assert (found.weights[1] == 0).all()


def test_documents_have_ten_words_and_queries_none_for_their_cost(encoder: TowersEncoder) -> None:
    text = "red fox owl cat dog cow pig hen bee ant elk yak"
    weights = encode(encoder, [text], Role.DOCUMENT).weights
    assert weights is not None
    assert weights.shape == (1, 10)
    assert encode(encoder, [text], Role.QUERY).tokens is None


def test_words_that_say_nothing_or_do_not_fit_weigh_nothing(encoder: TowersEncoder) -> None:
    weights = encode(encoder, [f"photo {'qxz' * 30}"], Role.DOCUMENT).weights
    assert weights is not None
    assert not weights.any()
