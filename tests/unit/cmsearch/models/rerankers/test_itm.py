"""Scores of `itm` are those of transformers, whatever the batches; what can't be scored is told."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from cmsearch.errors import ModelError, ModelUnavailableError, QueryError, UnknownModelError
from cmsearch.models.loading import load_reranker
from cmsearch.models.rerankers.itm import DEFAULT_MODEL, ItmReranker, load
from cmsearch.types import Candidates, EncodedQuery, Item, Modality
from tests.blips import write_blip
from tests.documents import filled, pdf
from tests.raws import dng, quarters

TEXTS = [
    "a photo of the cat",
    "Two DOGS run",
    "night",
    "a zebra in köln",
    "写真",
    "the beach " * 30,
]
COUNT = 11  # more than a batch has on the CPU


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(autouse=True)
def no_progress() -> Iterator[None]:
    """The bars that transformers shows would be mixed with what pytest says."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


@pytest.fixture(scope="module")
def itm(folder: Path) -> ItmReranker:
    return load(str(folder), device="cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures without loss, so that they are the same however they are decoded."""
    place, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    paths = [place / f"{number}.png" for number in range(COUNT)]
    for path in paths:
        height, width = random.integers(20, 90, 2)
        coarse = random.integers(0, 256, (3, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((int(width), int(height))).save(path)
    return paths


@cache
def of_transformers(folder: Path) -> tuple[Any, Any, Any]:
    return (
        transformers.BlipForImageTextRetrieval.from_pretrained(folder).eval(),
        transformers.AutoImageProcessor.from_pretrained(folder, backend="pil"),
        transformers.AutoTokenizer.from_pretrained(folder),
    )


def expected(folder: Path, text: str, image: Image.Image) -> float:
    """The probability of a match by transformers' own processors and forward, for one pair."""
    model, processor, tokenizer = of_transformers(folder)
    tokens = tokenizer(text, truncation=True, max_length=24, return_tensors="pt")
    with torch.no_grad():
        found = model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            pixel_values=processor(images=image, return_tensors="pt")["pixel_values"],
            use_itm_head=True,
        )
    return float(found.itm_score.softmax(-1)[0, 1])


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def query(modality: Modality, content: str | Image.Image) -> EncodedQuery:
    return EncodedQuery(modality, content, np.zeros(2, np.float32))


def of_pictures(paths: Sequence[Path]) -> Candidates:
    return candidates([item(number, path.name) for number, path in enumerate(paths)], paths)


def of_texts(texts: Sequence[str | None]) -> Candidates:
    items = [
        replace(item(number, "a.txt"), modality=Modality.TEXT, text=text)
        for number, text in enumerate(texts)
    ]
    return candidates(items, [Path("/nowhere/a.txt")] * len(items))


def candidates(items: Sequence[Item], paths: Sequence[Path]) -> Candidates:
    vectors = np.zeros((len(items), 2), np.float32)
    return Candidates(items, vectors[:, 0], paths, lambda: vectors, lambda: [])


def item(number: int, path: str) -> Item:
    return Item(number, path, Modality.IMAGE, "photo", None, None, "", "", None)


@pytest.mark.parametrize("text", TEXTS)
def test_pictures_are_scored_as_by_transformers(
    itm: ItmReranker, folder: Path, pictures: list[Path], text: str
) -> None:
    found = itm.score(query(Modality.TEXT, text), of_pictures(pictures))
    theirs = [expected(folder, text, opened(path)) for path in pictures]
    assert found.shape == (COUNT,) and found.dtype == np.float32
    assert np.abs(found - theirs).max() < 1e-4
    assert np.ptp(theirs) > 0.02, "the pictures have to matter for this to be a test"


def test_texts_are_scored_as_by_transformers(
    itm: ItmReranker, folder: Path, pictures: list[Path]
) -> None:
    texts = [*TEXTS, *reversed(TEXTS)]
    image = opened(pictures[0])
    found = itm.score(query(Modality.IMAGE, image), of_texts(texts))
    theirs = [expected(folder, text, image) for text in texts]
    assert np.abs(found - theirs).max() < 1e-4
    assert np.ptp(theirs) > 0.02


def test_a_batch_gives_what_its_members_give_alone(itm: ItmReranker, pictures: list[Path]) -> None:
    text = query(Modality.TEXT, TEXTS[0])
    together = itm.score(text, of_pictures(pictures))
    alone = [itm.score(text, of_pictures([path]))[0] for path in pictures]
    assert np.abs(together - alone).max() < 1e-5
    image = query(Modality.IMAGE, opened(pictures[0]))
    together = itm.score(image, of_texts(TEXTS * 2))
    alone = [itm.score(image, of_texts([one]))[0] for one in TEXTS * 2]
    assert np.abs(together - alone).max() < 1e-5


def test_raw_pictures_are_scored(itm: ItmReranker, folder: Path, tmp_path: Path) -> None:
    from cmsearch.media.raw import decode_raw

    path = tmp_path / "a.DNG"
    path.write_bytes(dng(quarters()))
    (found,) = itm.score(query(Modality.TEXT, TEXTS[0]), of_pictures([path]))
    theirs = expected(folder, TEXTS[0], decode_raw(path.read_bytes(), 64)[0])
    assert found == pytest.approx(theirs, abs=1e-4)


def test_a_page_is_scored_as_it_looks(itm: ItmReranker, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(filled(1, 0, 0), filled(0, 0, 1)))
    items = [replace(item(number, "a.pdf"), kind="page", locator=f"p{number}") for number in (1, 2)]
    found = itm.score(query(Modality.TEXT, TEXTS[0]), candidates(items, [path, path]))
    for score, colour in zip(found, ("red", "blue"), strict=True):
        theirs = expected(folder, TEXTS[0], Image.new("RGB", (60, 85), colour))
        assert score == pytest.approx(theirs, abs=1e-4)


def test_what_cannot_be_read_has_no_score_and_is_told(
    itm: ItmReranker, pictures: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "a.xyz").write_bytes(b"")
    (tmp_path / "a.txt").write_text("no picture")
    names = ["damaged.jpg", "a.xyz", "a.txt", "gone.png"]
    paths = [*(tmp_path / name for name in names), pictures[0]]
    found = itm.score(query(Modality.TEXT, "a cat"), of_pictures(paths))
    assert found[:-1].tolist() == [0, 0, 0, 0]
    assert found[-1] == itm.score(query(Modality.TEXT, "a cat"), of_pictures(pictures[:1]))[0] > 0
    assert all(f"{tmp_path / name} is not reranked: " in caplog.text for name in names)


def test_items_without_text_have_no_score(itm: ItmReranker, pictures: list[Path]) -> None:
    image = query(Modality.IMAGE, opened(pictures[0]))
    found = itm.score(image, of_texts([None, "a cat", ""]))
    assert found[0] == found[2] == 0 < found[1]
    assert itm.score(image, of_texts([None])).tolist() == [0]


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE])
def test_no_candidates(itm: ItmReranker, modality: Modality) -> None:
    content = "a cat" if modality is Modality.TEXT else Image.new("RGB", (9, 9))
    assert itm.score(query(modality, content), candidates([], [])).shape == (0,)


def test_other_directions_are_refused(itm: ItmReranker, pictures: list[Path]) -> None:
    assert (Modality.TEXT, Modality.IMAGE) in itm.directions
    assert (Modality.TEXT, Modality.TEXT) not in itm.directions
    with pytest.raises(QueryError, match="not text with text"):
        itm.score(query(Modality.TEXT, "a cat"), of_texts(["a cat"]))
    with pytest.raises(QueryError, match="not image with image"):
        itm.score(query(Modality.IMAGE, opened(pictures[0])), of_pictures(pictures))


def test_the_cost_is_known_before_and_measured_after(folder: Path, pictures: list[Path]) -> None:
    itm = load(str(folder), device="cpu")
    before = itm.cost(1)
    assert before > 0 and itm.cost(100) == pytest.approx(100 * before)
    itm.score(query(Modality.TEXT, "a cat"), of_pictures(pictures))
    itm.score(query(Modality.IMAGE, opened(pictures[0])), of_texts(TEXTS))
    assert itm.cost(1) not in (0, before)


def test_a_processor_of_its_own_file_is_taken(folder: Path, tmp_path: Path) -> None:
    """`BlipProcessor.save_pretrained` writes another one than the image processor's."""
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    (place / "preprocessor_config.json").unlink()
    image = transformers.BlipImageProcessorPil(size={"height": 64, "width": 64})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    transformers.BlipProcessor(image, tokenizer).save_pretrained(place)
    assert isinstance(load_reranker(f"itm:{place}", device="cpu"), ItmReranker)


def test_the_default_model_is_not_fetched_unasked() -> None:
    with pytest.raises(ModelUnavailableError, match=rf"{DEFAULT_MODEL}.*download=True"):
        load_reranker("itm")
    with pytest.raises(ModelUnavailableError, match=r"can't be reached.*without this reranker"):
        load_reranker("itm", download=True)


@pytest.mark.parametrize("name", ["", "nothing", "nothing:org/name", "itm:a b", "itm:a/b/c"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownModelError):
        load_reranker(name)


def test_a_model_of_another_type_is_refused(folder: Path, tmp_path: Path) -> None:
    place = changed(folder, tmp_path, model_type="clip")
    with pytest.raises(ModelError, match=r"type 'clip'.*blip"):
        load(str(place))


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    place = changed(folder, tmp_path)
    (place / "model.safetensors").rename(place / "pytorch_model.bin")
    with pytest.raises(ModelUnavailableError, match=r"no weights in model\.safetensors"):
        load(str(place))


def test_a_blip_that_was_made_for_captions_is_refused(folder: Path, tmp_path: Path) -> None:
    place = changed(folder, tmp_path)
    config = transformers.BlipConfig.from_pretrained(folder)
    transformers.BlipForConditionalGeneration(config).save_pretrained(place)
    with pytest.raises(ModelUnavailableError, match=r"incomplete: .* missing, such as itm_head"):
        load(str(place))


def test_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    place = changed(folder, tmp_path)
    weights = load_file(place / "model.safetensors")
    weights["itm_head.bias"][0] = torch.nan
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailableError, match="is no number"):
        load(str(place))


def test_parts_that_do_not_belong_together_are_noticed(tmp_path: Path) -> None:
    write_blip(tmp_path, vision={"image_size": 32})
    with pytest.raises(ModelUnavailableError, match="can't be loaded"):
        load(str(tmp_path))


def test_an_unknown_device_is_an_error(folder: Path) -> None:
    with pytest.raises(ModelError, match="warp9"):
        load_reranker(f"itm:{folder}", device="warp9")


def test_what_torch_raises_is_translated(folder: Path, pictures: list[Path]) -> None:
    itm = load(str(folder), device="cpu")
    itm._blip._model.itm_head = torch.nn.Linear(3, 2)
    with pytest.raises(ModelError, match="Reranking failed in torch"):
        itm.score(query(Modality.TEXT, "a cat"), of_pictures(pictures))


def changed(folder: Path, tmp_path: Path, **config: str) -> Path:
    """A copy of a model with a changed configuration."""
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    whole = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(whole | config))
    return place


def test_nothing_is_written_to_the_terminal(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        load(str(folder), device="cpu")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
