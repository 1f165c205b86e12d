"""Training gives the same file from the same seed, however often it is interrupted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cmsearch.errors import MediaError, ModelError, QueryError
from cmsearch.learning.training.inputs import inputs
from cmsearch.learning.training.settings import Settings
from cmsearch.learning.training.train import Outcome, Place, train
from cmsearch.learning.training.trainer import Batch, backward, begin
from cmsearch.models.encoders import dual_file, dual_towers
from cmsearch.models.encoders.dual_model import built
from tests.duals import (
    SIDE,
    TOWER,
    coloured,
    coloured_pairs,
    recipe,
    write_image_tower,
    write_text_tower,
)

PAIRS = coloured_pairs(40)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    text = write_text_tower(tmp_path_factory.mktemp("text"))
    both = frozenset({"image", "text"})
    return Settings(
        TOWER, str(text), both, dim=16, size=SIDE, epochs=3, batch=8, context=24, rate=3e-3
    )


def run(settings: Settings, place: Place, **options: Any) -> Outcome:
    return train(PAIRS, coloured, settings, place, device="cpu", **options)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class StoppedError(Exception):
    """In place of a kill, at any step."""


def stop_at(step: int) -> Any:
    def tell(stage: str, done: int, total: int) -> None:
        if stage == "train" and done == step:
            raise StoppedError

    return tell


@pytest.fixture(scope="module")
def whole(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(settings, Place(tmp_path_factory.mktemp("whole") / "a.safetensors"))


def test_the_loss_falls_and_the_files_are_there(whole: Outcome) -> None:
    losses = whole.card["losses"]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert dual_file.read_recipe(whole.model).card == whole.card
    with Image.open(whole.curve) as curve:
        assert curve.format == "PNG"
    assert not Place(whole.model).folder.exists()
    assert set(whole.card["recall"]) == {"text→image", "image→text"}


@pytest.mark.parametrize(("step", "loss"), [(5, "clip"), (9, "siglip")])
def test_an_interrupted_training_gives_the_same_file(
    settings: Settings, tmp_path: Path, step: int, loss: Any
) -> None:
    settings = replace(settings, loss=loss)
    expected = run(settings, Place(tmp_path / "a.safetensors"))
    place = Place(tmp_path / "b.safetensors", resume=True, seconds=0)
    with pytest.raises(StoppedError):
        run(settings, place, tell=stop_at(step))
    resumed: list[int] = []
    run(settings, place, tell=lambda stage, done, total: resumed.append(done * (stage == "train")))
    assert step - 1 <= min(filter(None, resumed)) <= step
    assert digest(tmp_path / "b.safetensors") == digest(expected.model)


def test_another_seed_gives_another_file(
    settings: Settings, whole: Outcome, tmp_path: Path
) -> None:
    other = run(replace(settings, seed=1), Place(tmp_path / "a.safetensors"))
    assert other.card["losses"] != whole.card["losses"]


def test_what_is_there_is_not_lost(settings: Settings, tmp_path: Path) -> None:
    place = Place(tmp_path / "a.safetensors", seconds=0)
    with pytest.raises(StoppedError):
        run(settings, place, tell=stop_at(3))
    with pytest.raises(QueryError, match="--resume"):
        run(settings, place)
    with pytest.raises(ModelError, match="another training"):
        run(replace(settings, rate=0.1), replace(place, resume=True))
    (place.folder / "checkpoint.pt").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ModelError, match="can't be read"):
        run(settings, replace(place, resume=True))
    run(settings, replace(place, overwrite=True))
    with pytest.raises(QueryError, match="there already"):
        run(settings, place)
    with pytest.raises(QueryError, match="safetensors"):
        run(settings, Place(tmp_path / "model.bin"))
    (tmp_path / "dog.png").write_bytes(b"a photograph")
    with pytest.raises(QueryError, match=r"dog\.png is there already"):
        run(settings, Place(tmp_path / "dog.safetensors"))


@pytest.mark.parametrize("name", ["b.safetensors", "b.png", "b.safetensors.training"])
def test_no_link_is_followed(settings: Settings, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(QueryError, match=r"link|can.t be the model"):
        run(settings, Place(tmp_path / "b.safetensors", overwrite=True))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_training_that_diverges_is_an_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lower --rate"):
        run(
            replace(settings, rate=9.9, decay=9.9, epochs=50, patience=50),
            Place(tmp_path / "a.safetensors"),
        )


def test_pictures_that_cannot_be_read_are_left_out(settings: Settings, tmp_path: Path) -> None:
    def read(name: str, size: int) -> Any:
        if name == PAIRS[0].image:
            raise MediaError("damaged")
        return coloured(name, size)

    done = train(PAIRS, read, replace(settings, epochs=1), Place(tmp_path / "a.safetensors"))
    assert [(one.path, one.reason) for one in done.skipped] == [(PAIRS[0].image, "damaged")]
    used = sum(part["pictures"] for part in done.card["data"].values())
    assert used == len({pair.image for pair in PAIRS}) - 1


@pytest.mark.parametrize("frozen", ["image", "text"])
def test_a_frozen_tower_keeps_its_weights(settings: Settings, tmp_path: Path, frozen: str) -> None:
    other = frozenset({"image", "text"} - {frozen})
    if frozen == "image":
        tower = write_image_tower(tmp_path / "tower")
        settings = replace(settings, image=str(tower))
    settings = replace(settings, random=other, freeze=frozenset({frozen}), epochs=1)
    done = run(settings, Place(tmp_path / "a.safetensors"))
    after = dual_file.read_weights(done.model)
    before = _weights_of(settings, frozen)
    assert before
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor), name


def _weights_of(settings: Settings, tower: str) -> dict[str, torch.Tensor]:
    if tower == "image":
        module: Any = dual_towers.seeing(settings.image, random=False, size=SIDE).tower
    else:
        module = dual_towers.reading(settings.text, random=False, context=24).tower
    return {f"{tower}.{name}": one for name, one in module.state_dict().items()}


@pytest.mark.parametrize("loss", ["clip", "siglip"])
@pytest.mark.parametrize("micro", [2, 3, 5])
def test_parts_of_a_batch_have_the_gradients_of_the_whole(loss: Any, micro: int) -> None:
    """Without dropout, and with the statistics of normalisation as they are."""
    own = recipe()
    torch.manual_seed(0)
    model = built(own)
    settings = Settings("", "", loss=loss, batch=10)
    begin(model, settings)
    names = sorted({pair.image for pair in PAIRS})
    pixels = np.stack([np.asarray(coloured(name, SIDE)) for name in names])
    data = inputs(model, own, PAIRS, (names, pixels), frozenset(), lambda *_: None)
    batch = Batch(*data.numbers(PAIRS[:10]))
    found = []
    for size in (None, micro):
        model.zero_grad()
        loss_value = backward(model, data, batch, replace(settings, micro=size), 0)
        gradients = {name: one.grad for name, one in model.named_parameters()}
        found.append((loss_value, gradients))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for name, gradient in found[0][1].items():
        if gradient is not None:
            other = found[1][1][name]
            assert other is not None
            assert torch.allclose(gradient, other, rtol=1e-3, atol=1e-5), name
