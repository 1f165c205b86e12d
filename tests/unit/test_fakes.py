"""The encoder that other tests rely on does what they rely on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from cmsearch.protocols import Encoder
from cmsearch.types import FloatArray, Modality, Role
from tests.fakes import CELLS, DIM, MAX_WORDS, SPACE, FakeEncoder, load

COLOURS = ["red", "green", "blue"]


def encoded(encoder: Encoder, modality: Modality, *contents: object) -> FloatArray:
    prepared = [encoder.prepare(content, modality) for content in contents]
    return encoder.encode(prepared, modality, Role.QUERY).vectors


def test_words_find_pictures_of_their_colour() -> None:
    encoder = load("colours", space=SPACE)
    texts = encoded(encoder, Modality.TEXT, *COLOURS)
    pictures = [Image.new("RGB", (9, 5), colour) for colour in COLOURS]
    found = texts @ encoded(encoder, Modality.IMAGE, *pictures).T
    np.testing.assert_allclose(found, np.eye(3), atol=1e-6)


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
def test_shapes_and_lengths(modality: Modality) -> None:
    encoder = FakeEncoder()
    noise = Image.effect_noise((9, 9), 50).convert("RGB")
    texts, pictures = ["", "one", "one two three", "\ud83d"], [Image.new("RGB", (4, 4)), noise]
    contents: list[Any] = texts if modality is Modality.TEXT else pictures
    prepared = [encoder.prepare(content, modality) for content in contents]
    found = encoder.encode(prepared, modality, Role.DOCUMENT)
    assert found.tokens is not None
    assert found.weights is not None
    tokens = {Modality.TEXT: 3, Modality.IMAGE: CELLS * CELLS}[modality]
    assert found.vectors.shape == (len(contents), DIM)
    assert found.tokens.shape == (len(contents), tokens, DIM)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.tokens, axis=2), found.weights, rtol=1e-6)


def test_text_is_split_at_its_limit() -> None:
    text = " ".join(["word"] * (2 * MAX_WORDS + 1))
    assert [len(piece.split()) for piece in FakeEncoder().split(text)] == [MAX_WORDS, MAX_WORDS, 1]
