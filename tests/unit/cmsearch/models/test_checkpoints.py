"""Models of transformers are taken from folders and from the hub, and only what is needed."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError
from cmsearch.models.checkpoints import checkpoint
from tests.checkpoints import write_checkpoint
from tests.commands import python
from tests.lying_hub import Hub, running

TYPES = ("clip", "siglip", "siglip2")
FETCH = """
import logging, sys
from cmsearch.models.checkpoints import checkpoint
from cmsearch.errors import ModelError
logging.basicConfig(format="%(message)s", stream=sys.stdout)
logging.getLogger("cmsearch").setLevel(logging.INFO)
try:
    folder = checkpoint(sys.argv[1], ("clip", "siglip", "siglip2"), download=True)
    print(*sorted(path.name for path in folder.iterdir()))
except ModelError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("clip"), "clip")


def hub(folder: Path) -> AbstractContextManager[Hub]:
    """A model hub that has a folder as `org/model` and nothing else."""
    return running(Hub({"org/model": {one.name: one.read_bytes() for one in folder.iterdir()}}))


def fetched(home: Path, address: str, model: str = "org/model") -> str:
    """What a fresh process says that fetches a model, with the hub's cache in `home`."""
    settings = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": address}
    return python(f"import sys; sys.argv.append({model!r})\n{FETCH}", os.environ | settings)


def test_a_model_is_fetched_once_with_what_is_needed(tmp_path: Path, clip: Path) -> None:
    published = tmp_path / "published"
    shutil.copytree(clip, published)
    for name in ("modeling_clip.py", "pytorch_model.bin", "README.md", "other.safetensors"):
        (published / name).write_bytes(b"not to be fetched")
    with hub(published) as one:
        said = fetched(tmp_path / "home", one.address)
        size = sum(one.stat().st_size for one in clip.iterdir())
        assert f"Fetching the weights of org/model, {round(size / 1e6)} MB." in said
        assert said.splitlines()[-1].split() == sorted(one.name for one in clip.iterdir())
        one.asked.clear()
        assert "Fetching" not in fetched(tmp_path / "home", one.address)
    assert one.asked == []


def test_a_model_of_another_type_is_refused_before_its_weights_are_fetched(
    tmp_path: Path, clip: Path
) -> None:
    published = tmp_path / "published"
    shutil.copytree(clip, published)
    (published / "config.json").write_text('{"model_type": "bert"}')
    with hub(published) as one:
        said = fetched(tmp_path / "home", one.address)
    assert said.startswith("ModelError org/model is a model of type 'bert'")
    assert "clip, siglip, siglip2" in said
    assert one.fetched == {"config.json"}


def test_a_name_that_the_hub_does_not_have(tmp_path: Path, clip: Path) -> None:
    with hub(clip) as one:
        said = fetched(tmp_path / "home", one.address, "org/modle")
    assert said.startswith("UnknownModelError The model hub has no model 'org/modle'")


def test_a_model_on_the_hub_without_safe_weights(tmp_path: Path, clip: Path) -> None:
    published = tmp_path / "published"
    shutil.copytree(clip, published)
    (published / "model.safetensors").rename(published / "pytorch_model.bin")
    with hub(published) as one:
        said = fetched(tmp_path / "home", one.address)
    assert "ModelUnavailableError org/model has no weights in model.safetensors" in said


def test_what_is_not_here_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ModelUnavailableError, match="--model lite"):
        checkpoint("org/model", TYPES, download=True)
    with pytest.raises(ModelUnavailableError, match="cmsearch index"):
        checkpoint("org/model", TYPES, download=False)
    with pytest.raises(ModelUnavailableError, match="not found"):
        checkpoint("/no/such/folder", TYPES, download=True)


def test_a_folder_with_a_model_of_another_type(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"'bert'.*clip, siglip, siglip2"):
        checkpoint(str(tmp_path), TYPES, download=False)


@pytest.mark.parametrize("config", ["", "[]", "{}", "\x00"])
def test_a_folder_whose_configuration_says_nothing(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelUnavailableError, match="of what type"):
        checkpoint(str(tmp_path), TYPES, download=False)


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("model.safetensors", "weights in model.safetensors"),
        ("tokenizer.json", "no tokenizer"),
        ("preprocessor_config.json", "no image processor"),
    ],
)
def test_a_folder_that_lacks_something(tmp_path: Path, clip: Path, without: str, said: str) -> None:
    """Without a tokenizer transformers itself would make up one that has no words."""
    folder = tmp_path / "model"
    shutil.copytree(clip, folder)
    (folder / without).unlink()
    with pytest.raises(ModelUnavailableError, match=said):
        checkpoint(str(folder), TYPES, download=False)


def test_weights_in_shards_are_there_when_all_are(tmp_path: Path, clip: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(clip, folder)
    names = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    (folder / "model.safetensors").rename(folder / names[0])
    index = {"weight_map": dict(zip(["first", "second"], names, strict=True))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelUnavailableError, match="no weights"):
        checkpoint(str(folder), TYPES, download=False)
    (folder / names[1]).touch()
    assert checkpoint(str(folder), TYPES, download=False) == folder


@pytest.mark.parametrize("name", ["a/b/c", "org/a--b"])
def test_a_name_that_no_repository_can_have(name: str) -> None:
    with pytest.raises(UnknownModelError, match="can't be a name"):
        checkpoint(name, TYPES, download=True)
