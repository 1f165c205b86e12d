"""What an encoder gives is checked before it is stored or searched with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import ModelError
from cmsearch.models.encodings import checked
from cmsearch.protocols import Encoder
from cmsearch.search.query.encode import encode_queries
from cmsearch.types import Encoding, Modality, Role
from tests.fakes import load


@pytest.fixture
def encoder() -> Encoder:
    return load("colours")


def encoded(encoder: Encoder) -> Encoding:
    return encoder.encode([encoder.prepare("red", Modality.TEXT)], Modality.TEXT, Role.DOCUMENT)


def test_what_is_right_is_given_back(encoder: Encoder) -> None:
    found = encoded(encoder)
    assert checked(encoder, found, 1) is found


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, 5.0])
def test_vectors_that_are_none_are_an_error(encoder: Encoder, value: float) -> None:
    found = encoded(encoder)
    with pytest.raises(ModelError, match="length 1"):
        checked(encoder, replace(found, vectors=np.full_like(found.vectors, value)), 1)
    with pytest.raises(ModelError, match="2 vectors"):
        checked(encoder, found, 2)


@pytest.mark.parametrize("name", ["tokens", "weights", "features"])
def test_numbers_beside_them_are_finite(encoder: Encoder, name: str) -> None:
    fields: dict[str, Any] = {name: np.array([[0.0, math.nan]], np.float32)}
    with pytest.raises(ModelError, match="finite"):
        checked(encoder, replace(encoded(encoder), **fields), 1)


def test_a_query_that_is_no_vector_is_an_error(encoder: Encoder) -> None:
    class Broken:
        space, capabilities = encoder.space, encoder.capabilities
        split, prepare = staticmethod(encoder.split), staticmethod(encoder.prepare)

        def encode(self, *given: Any) -> Encoding:
            found = encoder.encode(*given)
            return replace(found, vectors=found.vectors * math.nan)

    with pytest.raises(ModelError, match="another model"):
        encode_queries(Broken(), "red", None)  # type: ignore[arg-type]
