"""Every encoder of the registry keeps the promises of the protocol."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmsearch.models import adapters
from cmsearch.models.adapters import Adapter
from cmsearch.models.loading import load_encoder
from cmsearch.models.plugins import encoders
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.types import Encoding, Modality, Role, Space

TEXTS = ["a cat", "Two dogs run along a wide and sandy beach at sunset.", "snow", "ü & é", "."]
MODELS = ("adapter", "dual", "lite", "open_clip", "transformers", "fake")


@pytest.fixture(params=MODELS)
def encoder(
    request: pytest.FixtureRequest,
    tiny_clip: Path,
    tiny_dual: Path,
    tiny_naflex: Path,
    fake_model: str,
    tmp_path: Path,
) -> Encoder:
    adapter = tmp_path / "a.safetensors"
    if request.param == "adapter":
        weight = np.random.default_rng(0).normal(size=(1664, 384)).astype(np.float32)
        made = Adapter(load_encoder("lite").space, weight, np.zeros(384, np.float32), 0.1)
        adapters.write(adapter, adapters.pack(made))
    names = {
        "adapter": f"adapter:{adapter}",
        "dual": f"dual:{tiny_dual}",
        "lite": "lite",
        "open_clip": f"local-dir:{tiny_clip}",
        "transformers": f"transformers:{tiny_naflex}",
        "fake": fake_model,
    }
    return load_encoder(names[request.param])


def images() -> list[Image.Image]:
    random = np.random.default_rng(0)
    sizes = ((40, 90), (300, 200), (260, 260), (7, 7), (500, 33))
    return [Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)) for size in sizes]


def encode(encoder: Encoder, modality: Modality, step: int = 5) -> Encoding:
    contents = TEXTS if modality is Modality.TEXT else images()
    batch = [encoder.prepare(content, modality) for content in contents]
    parts = [
        encoder.encode(batch[start : start + step], modality, Role.DOCUMENT)
        for start in range(0, len(batch), step)
    ]
    return Encoding(np.concatenate([part.vectors for part in parts]), *_rest(parts[0]))


def _rest(part: Encoding) -> tuple[object, ...]:
    return part.tokens, part.weights, part.features


def test_every_built_in_encoder_is_tested_here() -> None:
    elsewhere = {"fake", "sentence-transformers"}  # tests/unit/.../test_st.py has these tests too
    assert set(encoders.rows()) - elsewhere <= set(MODELS)


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
def test_vectors_are_unit_float32_rows_of_the_space(encoder: Encoder, modality: Modality) -> None:
    vectors = encode(encoder, modality).vectors
    assert vectors.shape == (5, encoder.space.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
def test_a_vector_does_not_depend_on_its_batch(encoder: Encoder, modality: Modality) -> None:
    together, alone = encode(encoder, modality, 5), encode(encoder, modality, 1)
    assert np.abs(together.vectors - alone.vectors).max() < 1e-5


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
def test_tokens_have_weights_and_features_have_rows(encoder: Encoder, modality: Modality) -> None:
    encoding = encode(encoder, modality)
    assert (encoding.tokens is None) == (encoding.weights is None)
    if encoding.tokens is not None and encoding.weights is not None:
        assert encoding.tokens.shape == (*encoding.weights.shape, encoder.space.dim)
        assert (encoding.weights >= 0).all()
        lengths = np.linalg.norm(encoding.tokens[encoding.weights > 0], axis=1)
        assert lengths == pytest.approx(np.ones(len(lengths)), abs=1e-5)
    if encoding.features is not None:
        assert len(encoding.features) == 5


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
def test_tokens_do_not_depend_on_the_batch(encoder: Encoder, modality: Modality) -> None:
    together, alone = encode(encoder, modality, 5), encode(encoder, modality, 1)
    if together.tokens is None:
        assert alone.tokens is None
        return
    assert alone.tokens is not None
    assert together.weights is not None
    assert alone.weights is not None
    first = alone.tokens.shape[1]  # that of the first batch, whose text may be the shorter
    assert np.abs(together.tokens[:1, :first] - alone.tokens).max() < 1e-5
    assert np.abs(together.weights[:1, :first] - alone.weights).max() < 1e-5
    assert not together.weights[:1, first:].any()


def test_split_loses_nothing_and_keeps_short_texts(encoder: Encoder) -> None:
    assert encoder.split("a cat") == ["a cat"]
    long = " ".join(f"word{number}" for number in range(1000))
    assert len(encoder.split(long)) > 1
    assert " ".join(encoder.split(long)) == long


def test_every_part_of_a_long_text_matters(encoder: Encoder) -> None:
    """No piece is cut: its last word changes its vector."""
    piece = encoder.split("stone " * 2000)[0].strip()
    words = piece.split()
    changed = " ".join([*words[:-1], "zebra"])
    if len(encoder.split(changed)) > 1:  # the other word may be longer in tokens
        changed = " ".join([*words[:-3], "zebra"])
    batch = [encoder.prepare(text, Modality.TEXT) for text in (piece, changed)]
    one, other = encoder.encode(batch, Modality.TEXT, Role.DOCUMENT).vectors
    assert np.abs(one - other).max() > 1e-6


def test_threads_get_what_one_gets(encoder: Encoder) -> None:
    alone = [encode(encoder, modality).vectors for modality in (Modality.TEXT, Modality.IMAGE)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            (modality, pool.submit(encode, encoder, modality))
            for modality in [Modality.TEXT, Modality.IMAGE] * 4
        ]
        for modality, job in jobs:
            expected = alone[0] if modality is Modality.TEXT else alone[1]
            assert np.abs(job.result().vectors - expected).max() < 1e-5


def test_the_space_survives_json_and_loads_the_same_encoder(
    encoder: Encoder, tmp_path: Path
) -> None:
    stored = json.dumps(dataclasses.asdict(encoder.space))
    space = Space(**json.loads(stored))
    assert space == encoder.space
    name = model_name(space) if space.adapter is None else f"{tmp_path}/a.safetensors"
    assert load_encoder(name, space=space).space == space
