"""Adapters: what they compute, their file, and files that aren't one."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import ModelError, ModelUnavailableError, StoreMismatchError, UnknownModelError
from cmsearch.models import adapters, spaces
from cmsearch.models.adapters import Adapter
from cmsearch.models.loading import load_encoder, resolved
from cmsearch.models.names import canonical_name
from cmsearch.models.spaces import model_name
from cmsearch.types import FloatArray, Modality, Role
from tests import fakes
from tests.unit.cmsearch.models import test_fusion_network as test_multimodal

DIM = fakes.DIM


def made(inputs: int = DIM, share: float = 0.5) -> Adapter:
    random = np.random.default_rng(0)
    weight = random.normal(size=(inputs, DIM)).astype(np.float32)
    bias = random.normal(size=DIM).astype(np.float32)
    return Adapter(fakes.SPACE, weight, bias, share, {"licence": "CC0"})


def test_a_share_of_the_prediction_is_added_to_the_own_vector() -> None:
    adapter = made(DIM + 3)
    inputs = np.random.default_rng(1).normal(size=(5, DIM + 3)).astype(np.float32)
    for row, found in zip(inputs, adapter.apply(inputs), strict=True):
        predicted = row @ adapter.weight + adapter.bias
        expected = 0.5 * row[:DIM] + 0.5 * predicted / np.linalg.norm(predicted)
        assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_vectors_that_cancel_out_stay_as_they_are() -> None:
    weight = -np.eye(DIM, dtype=np.float32)
    adapter = Adapter(fakes.SPACE, weight, np.zeros(DIM, np.float32), 0.5)
    rows = np.eye(DIM, dtype=np.float32)
    assert np.array_equal(adapter.apply(rows), rows)


def test_a_file_gives_back_what_was_packed() -> None:
    adapter = made()
    data = adapters.pack(adapter)
    found = adapters.unpack(data, "it")
    assert (found.base, found.share, found.card) == (adapter.base, adapter.share, adapter.card)
    assert np.array_equal(found.weight, adapter.weight)
    assert np.array_equal(found.bias, adapter.bias)
    assert found.space == adapter.space
    assert adapters.pack(found) == data


def test_the_digest_is_of_the_numbers_and_not_of_the_card() -> None:
    adapter = made()
    same = replace(adapter, card={"licence": "another"})
    others = [replace(adapter, share=0.6), replace(adapter, bias=adapter.bias + 1)]
    assert same.digest == adapter.digest
    assert adapter.digest not in {one.digest for one in others}


def test_one_that_moves_nothing_is_a_file_too() -> None:
    fusion = test_multimodal.tensors(dim=DIM)
    adapter = replace(adapters.unmoving(fakes.SPACE, DIM + 3), fusion=fusion)
    found = adapters.unpack(adapters.pack(adapter), "it")
    assert found.space == adapter.space
    assert found.fusion.keys() == fusion.keys()
    assert all(np.array_equal(found.fusion[name], one) for name, one in fusion.items())
    rows = np.random.default_rng(1).normal(size=(5, DIM + 3)).astype(np.float32)
    assert np.array_equal(found.apply(rows), rows[:, :DIM])


def packed(**changes: Any) -> bytes:
    """A file with other tensors, or with other words about it."""
    from safetensors.numpy import save

    adapter = made()
    tensors = {"weight": adapter.weight, "bias": adapter.bias, **changes.pop("tensors", {})}
    about = {"base": spaces.described(fakes.SPACE), "share": 0.5, "card": {}, **changes}
    return bytes(save(tensors, metadata={adapters.FORMAT: json.dumps(about)}))


def base(**changes: Any) -> str:
    return json.dumps({**json.loads(spaces.described(fakes.SPACE)), **changes})


def fusion(tensors: dict[str, FloatArray]) -> dict[str, FloatArray]:
    return {f"fusion.{name}": one for name, one in tensors.items()}


NAN = np.full((DIM, DIM), np.nan, np.float32)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "short": lambda: b"\x01\x02",
    "text": lambda: b"not a file of numbers " * 9,
    "cut": lambda: packed()[:-5],
    "longer": lambda: packed() + b"\0",
    "endless header": lambda: struct.pack("<Q", 2**62) + packed()[8:],
    "pickle": lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "another format": lambda: packed().replace(b"cmsearch-adapter 1", b"cmsearch-adapter 9"),
    "nan": lambda: packed(tensors={"weight": NAN}),
    "narrow": lambda: packed(tensors={"weight": NAN[:, 1:]}),
    "few inputs": lambda: packed(tensors={"weight": np.zeros((DIM - 1, DIM), np.float32)}),
    "a vector": lambda: packed(tensors={"weight": np.zeros(DIM, np.float32)}),
    "halves": lambda: packed(tensors={"weight": np.zeros((DIM, DIM), np.float16)}),
    "more": lambda: packed(tensors={"more": np.zeros(3, np.float32)}),
    "share": lambda: packed(share=2),
    "no share": lambda: packed(share=None),
    "nan share": lambda: packed(share=float("nan")),
    "share of nothing": lambda: packed(share=0),
    "nothing of a share": lambda: packed(
        tensors={"weight": np.zeros((DIM, 0), np.float32), "bias": np.zeros(0, np.float32)}
    ),
    "part of a network": lambda: packed(tensors={"fusion.out.bias": np.zeros(DIM, np.float32)}),
    "network of another": lambda: packed(tensors=fusion(test_multimodal.tensors())),
    "network with nan": lambda: packed(
        tensors=fusion({**test_multimodal.tensors(dim=DIM), "out.bias": NAN[0]})
    ),
    "card": lambda: packed(card=[1]),
    "base": lambda: packed(base="{}"),
    "no base": lambda: packed(base=None),
    "huge dimension": lambda: packed(base=base(dim=10**9)),
    "zero byte": lambda: packed(base=base(model="a\0b")),
    "on itself": lambda: packed(base=base(adapter="0" * 64)),
    "on a file": lambda: packed(base=base(encoder="adapter", model="/etc/passwd")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_adapter_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    path.write_bytes(HOSTILE[name]())
    with pytest.raises(ModelUnavailableError, match="no adapter"):
        adapters.read(path)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="can't be read"):
        adapters.read(tmp_path / "missing.safetensors")
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(ModelUnavailableError, match="not a regular file"):
        adapters.read(tmp_path / "pipe.safetensors")


@pytest.mark.parametrize("name", ["./a.safetensors", "a.safetensors", "adapter:a.safetensors"])
def test_a_path_is_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    adapters.write(tmp_path / "a.safetensors", adapters.pack(made()))
    assert canonical_name(name) == f"adapter:{tmp_path / 'a.safetensors'}"
    assert resolved(name) == model_name(made().space)


def test_the_name_of_an_adapted_space_is_canonical() -> None:
    name = model_name(made().space)
    assert name.startswith("fake:colours+")
    assert canonical_name(f" lite+{'a' * 12}") == f"lite+{'a' * 12}"
    with pytest.raises(UnknownModelError, match="--export"):
        load_encoder(f"lite+{'a' * 12}")


def test_weights_of_open_clip_are_no_adapter(tmp_path: Path) -> None:
    name = f"ViT-B-32/{tmp_path}/weights.safetensors"
    assert canonical_name(name) == f"open_clip:{name}"


def test_an_encoder_with_an_adapter_moves_pictures_only(tmp_path: Path, fake_model: str) -> None:
    adapters.write(tmp_path / "a.safetensors", adapters.pack(made()))
    own, found = load_encoder(fake_model), load_encoder(f"{tmp_path}/a.safetensors")
    rows = [np.eye(DIM, dtype=np.float32)[:9]] * 2
    text, image = (
        found.encode(rows, one, Role.DOCUMENT) for one in (Modality.TEXT, Modality.IMAGE)
    )
    assert np.array_equal(text.vectors, own.encode(rows, Modality.TEXT, Role.DOCUMENT).vectors)
    before = own.encode(rows, Modality.IMAGE, Role.DOCUMENT)
    inputs = adapters.inputs(before.vectors, None)
    assert np.array_equal(image.vectors, made().apply(inputs))
    assert image.features is not None
    assert np.array_equal(image.features, inputs)
    assert image.tokens is not None and before.tokens is not None
    assert np.array_equal(image.tokens, before.tokens)


def test_an_adapter_is_for_one_encoder(tmp_path: Path, fake_model: str) -> None:
    path = tmp_path / "a.safetensors"
    adapters.write(path, adapters.pack(replace(made(), base=replace(fakes.SPACE, weights="1"))))
    with pytest.raises((StoreMismatchError, ModelError)):
        load_encoder(str(path))
    adapters.write(path, adapters.pack(made(DIM + 1)))
    adapted = load_encoder(str(path))
    with pytest.raises(ModelError, match="reads 9 numbers"):
        adapted.encode([np.eye(DIM, dtype=np.float32)], Modality.IMAGE, Role.DOCUMENT)
