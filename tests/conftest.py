"""What every test has: a Hypothesis profile, a cache of its own, no network; shared stores."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cmsearch import registry
from tests.checkpoints import write_checkpoint, write_clap
from tests.commands import cmsearch
from tests.duals import write_dual

# No deadline: the first example pays for imports and caches, and a busy machine is no failure.
settings.register_profile("cmsearch", max_examples=100, deadline=None)
settings.load_profile("cmsearch")

# Set before any library reads them. Exported models are kept between runs if the caller says where.
_scratch = tempfile.mkdtemp(prefix="cmsearch-tests-")
os.environ.setdefault("CMSEARCH_CACHE", str(Path(_scratch, "cache")))
os.environ["CMSEARCH_STATE"] = str(Path(_scratch, "state"))
os.environ["HF_HOME"] = str(Path(_scratch, "hub"))
os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden outputs anew")


def pytest_unconfigure() -> None:
    shutil.rmtree(_scratch, ignore_errors=True)


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an encoder that needs no weights."""
    monkeypatch.setitem(registry.encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
    return "fake:colours"


@pytest.fixture
def fake_sound(fake_model: str) -> str:
    """The name of an encoder of text and sound that needs no weights."""
    return "fake:tones"


@pytest.fixture(scope="session")
def tiny_clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CLAP with random weights, in a folder as `--sound` takes it."""
    return write_clap(tmp_path_factory.mktemp("tiny-clap"))


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CLIP with random weights, in a folder as `local-dir:` takes it."""
    return write_clip(
        tmp_path_factory.mktemp("tiny-clip"),
        {
            "embed_dim": 32,
            "vision_cfg": {
                "image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32,
            },
            "text_cfg": {
                "context_length": 24, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2,
            },
        },
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_naflex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small SigLIP 2 with random weights, in a folder as `transformers:` takes it."""
    return write_checkpoint(tmp_path_factory.mktemp("tiny-naflex"), "naflex")


@pytest.fixture(scope="session")
def tiny_dual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dual encoder with random weights, in a file as `dual:` takes it."""
    return write_dual(tmp_path_factory.mktemp("tiny-dual") / "model.safetensors")


def write_clip(folder: Path, config: dict[str, object], **preprocessing: object) -> Path:
    """Write a model of open_clip with random weights; returns its folder."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    whole = {"model_cfg": config, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of sample_data, indexed with lite by the command itself; without recordings and film,
    which would take each run some seconds more.
    """
    folder = tmp_path_factory.mktemp("sample") / "sample_data"
    left_out = shutil.ignore_patterns(".cmsearch", "media")
    shutil.copytree(ROOT / "sample_data", folder, ignore=left_out)
    result = cmsearch("index", folder, "--model", "lite")
    assert result.returncode == 0, result.stderr
    yield folder


@pytest.fixture(scope="session")
def coco159() -> Path:
    """A set of photographs with captions to measure on; set CMSEARCH_COCO159 to its folder."""
    place = os.environ.get("CMSEARCH_COCO159")
    if not place:
        pytest.skip("CMSEARCH_COCO159 doesn't name the folder of coco159")
    return Path(place)
