"""Models of open_clip on the hub are brought whole and checked, and loaded without asking it."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from cmsearch.errors import LicenceError, ModelUnavailableError
from cmsearch.models.encoders import open_clip_files
from cmsearch.models.encoders.open_clip_export import OpenClipReference
from tests.lying_hub import Hub, empty_hub

__all__ = ["empty_hub"]
MODEL = "hf-hub:org/tiny"


@pytest.fixture
def hub(empty_hub: Hub, tiny_clip: Path) -> Hub:
    """A hub with a small model of open_clip."""
    names = ("open_clip_config.json", "open_clip_model.safetensors")
    empty_hub.repositories["org/tiny"] = {one: (tiny_clip / one).read_bytes() for one in names}
    return empty_hub


def configured(hub: Hub, **text: object) -> None:
    """Change what the model says of its text tower."""
    files = hub.repositories["org/tiny"]
    config = json.loads(files["open_clip_config.json"])
    config["model_cfg"]["text_cfg"] |= text
    files["open_clip_config.json"] = json.dumps(config).encode()


def test_a_model_is_brought_and_then_asks_nobody(hub: Hub, tiny_clip: Path) -> None:
    hub.repositories["org/tiny"]["open_clip_pytorch_model.bin"] = b"not to be fetched"
    found = OpenClipReference(MODEL, download=True).space
    assert (
        found.weights == OpenClipReference(f"local-dir:{tiny_clip}", download=False).space.weights
    )
    assert hub.fetched == {"open_clip_config.json", "open_clip_model.safetensors"}
    hub.asked.clear()
    assert OpenClipReference(MODEL, download=False).space == found
    assert hub.asked == []
    assert constants.HF_HUB_OFFLINE is False


def test_a_model_that_mustnt_be_fetched_asks_nobody(hub: Hub) -> None:
    with pytest.raises(ModelUnavailableError, match="cmsearch index"):
        OpenClipReference(MODEL, download=False)
    assert hub.asked == []


def test_a_licence_is_agreed_to_before_the_weights_come(hub: Hub) -> None:
    hub.licence = "cc-by-nc-4.0"
    with pytest.raises(LicenceError, match="cc-by-nc"):
        OpenClipReference(MODEL, download=True)
    assert not (hub.fetched - {"open_clip_config.json"})


@pytest.mark.parametrize("option", ["trust_remote_code", "code_revision", "use_fast"])
def test_a_configuration_that_could_run_code_is_refused_before_the_weights_come(
    hub: Hub, option: str
) -> None:
    """open_clip gives these to transformers as they stand."""
    configured(hub, hf_tokenizer_name="org/tiny", tokenizer_kwargs={option: True})
    with pytest.raises(ModelUnavailableError, match=f"sets {option} of its tokenizer"):
        OpenClipReference(MODEL, download=True)
    assert hub.fetched == {"open_clip_config.json"}


def test_a_folder_that_could_run_code_is_refused(tiny_clip: Path, tmp_path: Path) -> None:
    config = json.loads((tiny_clip / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"] |= {
        "hf_tokenizer_name": "x",
        "tokenizer_kwargs": {"trust_remote_code": True},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / "open_clip_model.safetensors").symlink_to(tiny_clip / "open_clip_model.safetensors")
    with pytest.raises(ModelUnavailableError, match="trust_remote_code"):
        OpenClipReference(f"local-dir:{tmp_path}", download=False)


def test_code_of_a_tokenizer_is_neither_run_nor_asked_for(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would ask whoever sits at the terminal."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    configured(hub, hf_tokenizer_name="org/tiny")
    evil = f"open({str(tmp_path / 'evil')!r}, 'w')".encode()
    mapped = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    hub.repositories["org/tiny"] |= {
        "tokenizer_config.json": json.dumps(mapped).encode(),
        "tokenizer.json": b"{}",
        "evil.py": evil,
    }
    with pytest.raises(ModelUnavailableError, match="can't be loaded"):
        OpenClipReference(MODEL, download=True)
    assert not (tmp_path / "evil").exists()
    assert not any(path.endswith("evil.py") for path, _, _ in hub.asked)


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_no_code_of_a_pickle_is_run(hub: Hub, tmp_path: Path, name: str) -> None:
    files = hub.repositories["org/tiny"]
    del files["open_clip_model.safetensors"]
    files[name] = pickle.dumps(Evil(tmp_path / "evil"))
    with pytest.raises(ModelUnavailableError, match="can't be loaded"):
        OpenClipReference(MODEL, download=True)
    assert not (tmp_path / "evil").exists()


def test_a_tokenizer_that_is_missing_is_fetched_without_the_weights(hub: Hub) -> None:
    configured(hub, hf_tokenizer_name="org/words")
    hub.repositories["org/words"] = {"tokenizer.json": b"{}"}
    open_clip_files.bring(MODEL, MODEL, {}, download=True)
    words = Path(constants.HF_HUB_CACHE) / "models--org--words"
    shutil.rmtree(words)
    hub.asked.clear()
    with pytest.raises(ModelUnavailableError, match="cmsearch index"):
        open_clip_files.bring(MODEL, MODEL, {}, download=False)
    assert hub.asked == []
    open_clip_files.bring(MODEL, MODEL, {}, download=True)
    assert list(words.glob("snapshots/*/tokenizer.json"))
    assert not any("org/tiny" in path for path, _, _ in hub.asked)


def test_what_is_needed_of_other_repositories_is_known() -> None:
    parts = dict(open_clip_files._parts("xlm-roberta-base-ViT-B-32"))
    assert set(parts) == {"xlm-roberta-base"}
    assert (
        "tokenizer.json" in dict(open_clip_files._parts("ViT-B-16-SigLIP"))["timm/ViT-B-16-SigLIP"]
    )
    assert open_clip_files._parts("ViT-B-32") == []
