"""CLAP gives the vectors that transformers itself gives, for texts and for sounds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from cmsearch.errors import ModelError, ModelUnavailableError, StoreMismatchError
from cmsearch.models.encoders.exports import cache_dir
from cmsearch.models.encoders.towers_onnx import folder_name
from cmsearch.models.encoders.transformers import load
from cmsearch.protocols import Encoder
from cmsearch.types import FloatArray, Modality, Role
from tests.checkpoints import write_clap
from tests.commands import python
from tests.graphless import run_in_torch

TEXTS = ["a cat", "two dogs bark", "köln & é", "8:25"]
RATE = 48_000


@pytest.fixture
def folder(tiny_clap: Path) -> Path:
    return tiny_clap


@pytest.fixture
def graphless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Texts are run by torch: that a graph gives the same is tested once."""
    run_in_torch(monkeypatch, tmp_path / "cache")


@pytest.fixture(autouse=True)
def no_progress() -> Iterator[None]:
    """The bars that transformers shows would be mixed with what pytest says."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()


def sounds() -> list[FloatArray]:
    """Noise of several lengths, up to the longest that the model takes."""
    random = np.random.default_rng(0)
    counts = (10 * RATE, 3 * RATE + 7, 1)
    return [random.uniform(-1, 1, count).astype(np.float32) for count in counts]


def expected(folder: Path) -> dict[Modality, np.ndarray[Any, Any]]:
    """What transformers' own tokenizer, feature extractor and model give."""
    model = transformers.ClapModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folder)
    mel = extractor(sounds(), sampling_rate=RATE, return_tensors="pt")["input_features"]
    longer = torch.zeros(len(mel), 1, dtype=torch.bool)
    with torch.no_grad():
        found = {
            Modality.TEXT: model.get_text_features(
                **tokenizer(TEXTS, padding=True, return_tensors="pt")
            ),
            Modality.SOUND: model.get_audio_features(mel.float(), is_longer=longer),
        }
    return {modality: one.pooler_output.numpy() for modality, one in found.items()}


def encoded(encoder: Encoder, modality: Modality) -> np.ndarray[Any, Any]:
    contents: list[Any] = TEXTS if modality is Modality.TEXT else sounds()
    batch = [encoder.prepare(one, modality) for one in contents]
    return encoder.encode(batch, modality, Role.DOCUMENT).vectors


def test_vectors_are_those_of_transformers(folder: Path) -> None:
    encoder = load(str(folder))
    for modality, theirs in expected(folder).items():
        own = encoded(encoder, modality)
        assert own.shape == theirs.shape == (len(theirs), encoder.space.dim)
        assert np.abs(own - theirs).max() < 1e-4


@pytest.mark.usefixtures("graphless")
def test_a_fused_model_gives_the_same_each_time(tmp_path: Path) -> None:
    """Its feature extractor calls one of the sounds longer than it is, by chance."""
    encoder = load(str(write_clap(tmp_path, fused=True)))
    own = encoded(encoder, Modality.SOUND)
    assert np.abs(own - expected(tmp_path)[Modality.SOUND]).max() < 1e-4
    assert np.array_equal(own, encoded(encoder, Modality.SOUND))


@pytest.mark.usefixtures("graphless")
def test_what_its_own_processor_saved_is_read(tmp_path: Path, folder: Path) -> None:
    transformers.ClapProcessor(
        transformers.ClapFeatureExtractor.from_pretrained(folder),
        transformers.AutoTokenizer.from_pretrained(folder),
    ).save_pretrained(tmp_path / "b")
    for name in ("config.json", "model.safetensors"):
        shutil.copy(folder / name, tmp_path / "b")
    spaces = [load(str(one)).space for one in (folder, tmp_path / "b")]
    assert spaces[0].recipe == spaces[1].recipe


def test_it_says_what_it_takes(folder: Path) -> None:
    capabilities = load(str(folder)).capabilities
    assert capabilities.modalities == {Modality.TEXT, Modality.SOUND}
    assert (capabilities.rate, capabilities.seconds) == (RATE, 10)
    with pytest.raises(ModelError, match="no image"):
        load(str(folder)).prepare(None, Modality.IMAGE)


def test_long_texts_are_split(folder: Path) -> None:
    encoder = load(str(folder))
    text = "a dog barks, " * 20
    assert len(encoder.split(text)) > 1
    assert encoder.split("a cat") == ["a cat"]


def test_texts_are_encoded_without_the_library(folder: Path) -> None:
    space = load(str(folder)).space
    code = f"""
import sys
from cmsearch.models.encoders.transformers import load
from cmsearch.types import Modality, Role, Space
encoder = load({str(folder)!r}, space={space!r})
encoder.encode([encoder.prepare("a cat", Modality.TEXT)], Modality.TEXT, Role.QUERY)
assert encoder.capabilities.rate == {RATE}
print(sorted({{"torch", "transformers", "huggingface_hub"}} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


def test_sounds_of_an_exported_model_are_those_of_its_weights(folder: Path) -> None:
    whole = load(str(folder))
    again = load(str(folder), space=whole.space)
    own, other = (encoded(one, Modality.SOUND) for one in (whole, again))
    assert np.array_equal(own, other)


@pytest.mark.usefixtures("graphless")
def test_changed_weights_are_noticed(tmp_path: Path, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    changed = tmp_path / "model"
    shutil.copytree(folder, changed)
    before = load(str(changed)).space
    weights = load_file(changed / "model.safetensors")
    weights["logit_scale_a"] += 1
    save_file(weights, changed / "model.safetensors", {"format": "pt"})
    with pytest.raises(StoreMismatchError, match="not those that the sounds"):
        load(str(changed), space=before, download=True)
    again = load(str(changed), space=before)  # its texts were exported
    with pytest.raises(StoreMismatchError, match="--sound"):
        again.prepare(sounds()[0], Modality.SOUND)
    shutil.rmtree(cache_dir() / folder_name(before))
    with pytest.raises(StoreMismatchError, match="not those that the sounds"):
        load(str(changed), space=before)


def rewritten(folder: Path, to: Path, name: str, **changes: Any) -> Path:
    shutil.copytree(folder, to)
    config = json.loads((to / name).read_text())
    (to / name).write_text(json.dumps({**config, **changes}))
    return to


@pytest.mark.usefixtures("graphless")
def test_another_form_of_sounds_is_another_space(tmp_path: Path, folder: Path) -> None:
    changed = rewritten(folder, tmp_path / "a", "preprocessor_config.json", frequency_max=9000)
    one, other = load(str(folder)).space, load(str(changed)).space
    assert one.weights == other.weights
    assert one.recipe != other.recipe


@pytest.mark.parametrize("changes", [{"sampling_rate": 1}, {"max_length_s": 10**9}])
def test_a_form_of_sounds_that_cannot_be_is_an_error(
    tmp_path: Path, folder: Path, changes: dict[str, int]
) -> None:
    changed = rewritten(folder, tmp_path / "a", "preprocessor_config.json", **changes)
    with pytest.raises(ModelUnavailableError):
        load(str(changed))


def test_a_model_without_a_feature_extractor_is_an_error(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder, tmp_path / "a")
    (tmp_path / "a" / "preprocessor_config.json").unlink()
    with pytest.raises(ModelUnavailableError, match="neither preprocessor_config"):
        load(str(tmp_path / "a"))
