"""lite is held to its torch reference, and its stored sizes to what the store promises."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import ModelUnavailableError, StoreMismatchError, UnknownModelError
from cmsearch.models.encoders import lite
from cmsearch.models.encoders.lite_recipe import RECIPE
from cmsearch.models.precision import in_int8
from cmsearch.store.catalog.blobs import pack_tokens
from cmsearch.types import Modality, Role, Space

PHOTOS = Path(__file__).parents[5] / "sample_data" / "photos"
VOCABULARY = 30_522
"""Word pieces that BERT knows."""
TEXTS = ["a dog on the beach", "snow", "An espresso in a red cup, seen from above; délicieux!"]


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("*.jpg"))[:6]]


@pytest.fixture(scope="module")
def towers():  # type: ignore[no-untyped-def]
    from cmsearch.models.encoders import lite_export

    return lite_export.towers()


@pytest.fixture(scope="module")
def encoder(towers) -> lite.LiteEncoder:  # type: ignore[no-untyped-def]
    """Exported of these towers, where it isn't yet: they take a while to make."""
    from cmsearch.models.encoders import lite_export

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite_export, "towers", lambda: towers)
        return lite.load("")


def test_image_tower_equals_the_reference(encoder, photos, towers) -> None:  # type: ignore[no-untyped-def]
    import torch

    batch = [encoder.prepare(photo, Modality.IMAGE) for photo in photos]
    with torch.no_grad():
        expected = [part.numpy() for part in towers[0](torch.from_numpy(np.stack(batch)))]
    found = encoder.encode(batch, Modality.IMAGE, Role.DOCUMENT)
    assert np.abs(found.vectors - expected[0]).max() < 1e-4
    assert np.abs(found.tokens - expected[1]).max() < 1e-4
    assert np.abs(found.features - expected[2]).max() < 1e-3  # features aren't of unit length


def test_text_tower_equals_the_reference(encoder, towers) -> None:  # type: ignore[no-untyped-def]
    import torch

    batch = [encoder.prepare(text, Modality.TEXT) for text in TEXTS]
    ids, mask = lite.pad([text.ids for text in batch])
    with torch.no_grad():
        expected = towers[1](torch.from_numpy(ids), torch.from_numpy(mask))
    found = encoder.encode(batch, Modality.TEXT, Role.QUERY)
    assert np.abs(found.vectors - expected.numpy()).max() < 1e-4


def test_an_image_takes_at_most_4_kb_of_tokens_and_2_6_kb_of_features(encoder, photos) -> None:  # type: ignore[no-untyped-def]
    batch = [encoder.prepare(photos[0], Modality.IMAGE)]
    found = encoder.encode(batch, Modality.IMAGE, Role.DOCUMENT)
    assert found.tokens.shape == (1, 3 * 3 + 1, 384)
    assert found.features.shape == (1, 1280)
    assert len(pack_tokens(found.tokens[0], found.weights[0])) <= 4096
    assert found.features.astype("<f2")[0].nbytes <= 2.6 * 1024


def test_rarer_words_weigh_more_and_the_commonest_nothing(encoder) -> None:  # type: ignore[no-untyped-def]
    batch = [encoder.prepare("the house of a giraffe", Modality.TEXT)]
    weights = encoder.encode(batch, Modality.TEXT, Role.QUERY).weights[0]
    house, of, giraffe = weights  # and nothing for "the" and "a"
    assert 0 < of < house < giraffe <= log(VOCABULARY) ** 2


def test_a_word_weighs_the_same_whatever_is_beside_it(encoder) -> None:  # type: ignore[no-untyped-def]
    texts = ["dog", "a dog", "zyzzyva chasing its dog", "dog " * 40]
    batch = [encoder.prepare(text, Modality.TEXT) for text in texts]
    weights = encoder.encode(batch, Modality.TEXT, Role.QUERY).weights
    assert len({float(row[row > 0][-1]) for row in weights}) == 1
    assert weights.max() <= log(VOCABULARY) ** 2


def test_a_word_in_pieces_is_one_token(encoder) -> None:  # type: ignore[no-untyped-def]
    prepared = encoder.prepare("hummingbirds", Modality.TEXT)
    assert len(prepared.ids) > 3  # [CLS], several pieces, [SEP]
    assert encoder.encode([prepared], Modality.TEXT, Role.QUERY).tokens.shape == (1, 1, 384)


def test_a_word_has_the_vector_of_its_prompt(encoder) -> None:  # type: ignore[no-untyped-def]
    batch = [encoder.prepare(f"a photo of a {word}", Modality.TEXT) for word in ("cat", "giraffes")]
    prompts = encoder.encode(batch, Modality.TEXT, Role.DOCUMENT).vectors
    query = encoder.prepare("two giraffes, no cat", Modality.TEXT)
    tokens = encoder.encode([query], Modality.TEXT, Role.QUERY).tokens[0]
    assert len(tokens) == 4
    for word, prompt in ((3, prompts[0]), (1, prompts[1])):
        assert np.abs(tokens[word] - prompt).max() < 1e-5


def test_documents_keep_their_ten_heaviest_words_in_order(encoder) -> None:  # type: ignore[no-untyped-def]
    text = "one giraffe and two zebras and three hippos and four pandas and five koalas and six"
    batch = [encoder.prepare(text, Modality.TEXT)]
    query = encoder.encode(batch, Modality.TEXT, Role.QUERY)
    stored = encoder.encode(batch, Modality.TEXT, Role.DOCUMENT)
    assert query.tokens.shape[1] == len(set(text.split()))
    heaviest = np.sort(np.argsort(-query.weights[0], kind="stable")[:10])
    assert np.array_equal(stored.weights[0], query.weights[0][heaviest])
    assert np.array_equal(stored.tokens[0], query.tokens[0][heaviest])


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from cmsearch.models.encoders import lite_export

    monkeypatch.setattr(lite_export, "TEXT_DIGEST", "0" * 64)
    with pytest.raises(ModelUnavailableError, match=r"model\.safetensors.*Reinstall"):
        lite_export.TextTower()


def test_another_space_is_refused() -> None:
    with pytest.raises(StoreMismatchError, match="another version of lite"):
        lite.load("", space=Space("lite", "", "other", RECIPE, 384))
    with pytest.raises(UnknownModelError):
        lite.load("large")


def test_int8_is_near_fp32_on_photographs_and_texts(encoder, photos) -> None:  # type: ignore[no-untyped-def]
    """The made pictures that calibrate it are none of these."""
    small = lite.load("", precision="int8")
    contents = {Modality.IMAGE: photos, Modality.TEXT: TEXTS}
    for modality, some in contents.items():
        batch = [encoder.prepare(one, modality) for one in some]
        found, right = (
            one.encode(batch, modality, Role.DOCUMENT).vectors for one in (small, encoder)
        )
        assert (found * right).sum(1).mean() >= 0.99
        alone = small.encode(batch[:1], modality, Role.DOCUMENT).vectors
        assert np.abs(found[:1] - alone).max() < 1e-5
    assert small.space == in_int8(encoder.space)
    assert lite.load("", space=small.space).space == small.space
    with pytest.raises(StoreMismatchError):
        lite.load("", space=replace(small.space, recipe="other int8-v2"))
