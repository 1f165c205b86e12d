"""A learned reranker's file, files that aren't one, and what it adds to which candidates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError
from cmsearch.learning.training.crossing import Crossing
from cmsearch.models import spaces
from cmsearch.models.loading import load_reranker
from cmsearch.models.rerankers import learned
from cmsearch.models.rerankers.crossing import LIMIT
from cmsearch.models.rerankers.learned import Learned, LearnedReranker, pack, shapes_of, unpack
from cmsearch.protocols import Tokened
from cmsearch.types import Candidates, EncodedQuery, FloatArray, Item, Modality
from tests import fakes

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE
DIM = fakes.DIM
WIDTH, HEADS, LAYERS = 8, 2, 2


def made(scales: dict[str, float] | None = None) -> Learned:
    torch.manual_seed(0)
    net = Crossing(DIM, width=WIDTH, heads=HEADS, layers=LAYERS)
    torch.nn.init.normal_(net.out.weight)
    scales = {"text→image": 0.1} if scales is None else scales
    return Learned(fakes.SPACE, net.numbers(), scales, {"licence": "CC0"})


def item(number: int, modality: Modality) -> Item:
    return Item(number, f"{number}.png", modality, "photo", None, None, "", "", None)


def candidates(modality: Modality, tokens: list[FloatArray]) -> Candidates:
    stored = [(one, np.ones(len(one), np.float32)) for one in tokens]
    items = [item(number, modality) for number in range(len(tokens))]
    return Candidates(
        items,
        np.zeros(len(items), np.float32),
        [Path(one.path) for one in items],
        vectors=lambda: np.zeros((len(items), DIM), np.float32),
        tokens=lambda: stored,
    )


def query(modality: Modality, tokens: FloatArray | None) -> EncodedQuery:
    weights = None if tokens is None else np.ones(len(tokens), np.float32)
    return EncodedQuery(modality, "", np.zeros(DIM, np.float32), tokens, weights)


EYE = np.eye(DIM, dtype=np.float32)


def test_what_it_says_is_the_scale_times_a_judgement() -> None:
    asked, found = query(TEXT, EYE[:2]), candidates(IMAGE, [EYE[1:4], EYE[4:], EYE[:0]])
    scores = LearnedReranker(made()).score(asked, found)
    twice = LearnedReranker(made({"text→image": 0.2})).score(asked, found)
    assert np.ptp(scores) > 0.001 and scores[2] == 0
    assert twice == pytest.approx(2 * scores)


def test_it_judges_alike_in_both_directions() -> None:
    both = LearnedReranker(made({"text→image": 0.1, "image→text": 0.3}))
    (there,) = both.score(query(TEXT, EYE[:2]), candidates(IMAGE, [EYE[1:4]]))
    (back,) = both.score(query(IMAGE, EYE[1:4]), candidates(TEXT, [EYE[:2]]))
    assert back == pytest.approx(3 * there, rel=1e-5)


def test_a_direction_that_does_not_gain_gets_nothing() -> None:
    reranker = LearnedReranker(made())
    assert reranker.directions == {(TEXT, IMAGE)}
    scores = reranker.score(query(IMAGE, EYE[:3]), candidates(TEXT, [EYE[:1], EYE[1:2]]))
    assert np.array_equal(scores, [0, 0])
    assert np.array_equal(reranker.score(query(TEXT, None), candidates(IMAGE, [EYE])), [0])


def test_tokens_of_another_encoder_are_an_error() -> None:
    wide = np.ones((1, DIM + 1), np.float32)
    with pytest.raises(ModelError, match=r"tokens of 8 dimensions"):
        LearnedReranker(made()).score(query(TEXT, wide), candidates(IMAGE, [wide]))


def test_it_costs_something_for_each_candidate() -> None:
    reranker = LearnedReranker(made())
    assert 0 < reranker.cost(1) < reranker.cost(100) < 1
    assert isinstance(reranker, Tokened)


def test_a_file_gives_back_what_was_packed() -> None:
    data = pack(made())
    found = unpack(data, "it")
    assert (found.space, found.scales, found.card) == (
        fakes.SPACE,
        {"text→image": 0.1},
        made().card,
    )
    assert found.digest == made().digest
    assert pack(found) == data


def test_the_digest_is_of_what_is_computed_and_not_of_the_card() -> None:
    own = made()
    numbers = {**own.numbers, "norm.bias": own.numbers["norm.bias"] + 1}
    others = [replace(own, scales={"text→image": 0.2}), replace(own, numbers=numbers)]
    others.append(replace(own, space=replace(fakes.SPACE, weights="1")))
    assert replace(own, card={}).digest == own.digest
    assert len({one.digest for one in [own, *others]}) == 4


def test_the_shapes_are_those_of_torch() -> None:
    net = Crossing(DIM, width=12, heads=3, layers=3)
    assert {name: one.shape for name, one in net.numbers().items()} == shapes_of(DIM, 12, 3, 3)


def packed(numbers: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """A file with other tensors, or with other words about it."""
    from safetensors.numpy import save

    tensors = {**made().numbers, **(numbers or {})}
    tensors = {name: one for name, one in tensors.items() if one is not None}
    about = {
        "space": spaces.described(fakes.SPACE), "scales": {"text→image": 0.1}, "card": {}, **changes
    }  # fmt: skip
    return bytes(save(tensors, metadata={learned.FORMAT: json.dumps(about)}))


def bias(value: float) -> FloatArray:
    return np.full(WIDTH, value, np.float32)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"not a file of numbers " * 9,
    "cut": lambda: packed()[:-5],
    "pickle": lambda: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "large": lambda: packed() + b"\0" * learned.MAX_BYTES,
    "not a number": lambda: packed({"norm.bias": bias(np.nan)}),
    "infinite": lambda: packed({"norm.bias": bias(np.inf)}),
    "too large a number": lambda: packed({"norm.bias": bias(1e6)}),
    "half precision": lambda: packed({"norm.bias": bias(0).astype(np.float16)}),
    "another shape": lambda: packed({"norm.bias": np.zeros(WIDTH + 1, np.float32)}),
    "a tensor more": lambda: packed({"extra": bias(0)}),
    "a tensor less": lambda: packed({"norm.bias": None}),
    "no layers": lambda: packed({"layers.0.scale": None, "layers.1.scale": None}),
    "no heads": lambda: packed({"layers.0.scale": np.zeros(0, np.float32)}),
    "layers without end": lambda: packed({f"layers.{n}.scale": bias(0) for n in range(2, 99)}),
    "no scales": lambda: packed(scales={}),
    "a direction that there isn't": lambda: packed(scales={"text→text": 0.1}),
    "an endless scale": lambda: packed(scales={"text→image": 1e9}),
    "a scale that is none": lambda: packed(scales={"text→image": float("nan")}),
    "scales that are none": lambda: packed(scales=7),
    "no card": lambda: packed(card=None),
    "no space": lambda: packed(space="{}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_reranker_is_refused(name: str) -> None:
    with pytest.raises(ModelUnavailableError, match="it is no reranker as"):
        unpack(HOSTILE[name](), "it")


def test_a_judgement_that_is_no_number_is_an_error() -> None:
    numbers = {**made().numbers, "norm.bias": bias(np.nan)}
    found = LearnedReranker(replace(made(), numbers=numbers))
    with pytest.raises(ModelError, match="too large to compute with"):
        found.score(query(TEXT, EYE[:2]), candidates(IMAGE, [EYE]))


def test_numbers_as_large_as_may_be_add_no_more_than_the_limit() -> None:
    random = np.random.default_rng(0)
    numbers = {
        name: (learned.MAX_VALUE * random.choice([-1, 1], one.shape)).astype(np.float32)
        for name, one in made().numbers.items()
    }
    found = LearnedReranker(unpack(packed(numbers), "it"))
    (score,) = found.score(query(TEXT, EYE[:2]), candidates(IMAGE, [EYE]))
    assert abs(score) <= 0.1 * LIMIT


def test_it_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(pack(made()))
    reranker = load_reranker(f"learned:{path}")
    assert reranker.directions == {(TEXT, IMAGE)}
    with pytest.raises(UnknownModelError, match="named by its file"):
        load_reranker("learned")
    with pytest.raises(ModelUnavailableError, match="can't be read"):
        load_reranker(f"learned:{tmp_path / 'none.safetensors'}")
