"""What every test has: a Hypothesis profile, a cache of its own, no network; shared stores."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from cmsearch.models.plugins import encoders
from tests.checkpoints import write_checkpoint, write_clap
from tests.commands import cmsearch
from tests.duals import write_dual

# No deadline: the first example pays for imports and caches, and a busy machine is no failure.
# A run tries the same examples as the one before, so that what fails is what was changed;
# `CMSEARCH_EXAMPLES=2000` draws others, and that many.
settings.register_profile(
    "cmsearch",
    max_examples=100,
    deadline=None,
    derandomize="CMSEARCH_EXAMPLES" not in os.environ,
)
settings.load_profile("cmsearch")

# What the caller's shell says to commands, terminals and servers is none of theirs.
_TOLD = ("CACHE", "COCO159", "EXAMPLES", "MILVUS_PYTHON", "TESTS")
_SAID = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "SUDO_UID")
_SAID += ("QDRANT_API_KEY", "MILVUS_TOKEN")
for _name in list(os.environ):
    _own = _name.removeprefix("CMSEARCH_")
    if _name in _SAID or (_own != _name and _own not in _TOLD):
        del os.environ[_name]

# Set before any library reads them. Exported models are kept between runs if the caller says where.
# What is set by default is set for the processes that share the tests too: they start later.
_scratch = tempfile.mkdtemp(prefix="cmsearch-tests-")
os.environ.setdefault("CMSEARCH_TESTS", str(Path(_scratch, "shared")))
os.environ.setdefault("CMSEARCH_CACHE", str(Path(_scratch, "cache")))
os.environ["CMSEARCH_STATE"] = str(Path(_scratch, "state"))
os.environ["CMSEARCH_CONFIG"] = str(Path(_scratch, "config"))
os.environ["HF_HOME"] = str(Path(_scratch, "hub"))
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CMSEARCH_DAEMON"] = "0"  # no command asks a service that another test runs
os.environ["CMSEARCH_OCR"] = "none"  # its tests ask for it; it would make all others slow

# A background job of a shell is started with interruptions ignored, and so would be the commands
# that tests interrupt, which inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
_FIRST = (
    "unit/cmsearch/models/encoders/test_lite.py",
    "unit/cmsearch/models/encoders/test_open_clip.py",
    "unit/cmsearch/models/encoders/test_transformers.py",
    "e2e/page/test_axe.py",
    "unit/indexer/test_texts.py",
    "unit/indexer/test_speech.py",
    "unit/indexer/test_doctor.py",
    "unit/cmsearch/commands/test_shell.py",
    "unit/test_wheel.py",
    "unit/indexer/test_sounds.py",
    "unit/cmsearch/commands/test_search.py",
)
"""One exports `lite`, which most others want, and meanwhile the next ones don't. Then one indexes
the samples, which the pages' others want, while the next ones don't. The rest are long and would
come last.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden outputs anew")
    parser.addoption("--services", action="store_true", help="run what needs servers too")
    parser.addoption("--long", action="store_true", help="run what takes long too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker in ("services", "long"):
        if not config.getoption(f"--{marker}") and marker not in config.getoption("-m"):
            left_out = {item for item in items if item.get_closest_marker(marker)}
            items[:] = [item for item in items if item not in left_out]
            config.hook.pytest_deselected(items=list(left_out))
    places = {ROOT / "tests" / name: place for place, name in enumerate(_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_unconfigure() -> None:
    shutil.rmtree(_scratch, ignore_errors=True)


@pytest.fixture(autouse=True)
def _levels_as_they_were() -> Iterator[None]:
    """Libraries set levels of their own when something first uses them, which no test relies on."""
    loggers = [logging.getLogger(), logging.getLogger("cmsearch")]
    levels = [one.level for one in loggers]
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an encoder that needs no weights."""
    monkeypatch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
    return "fake:colours"


@pytest.fixture
def fake_sound(fake_model: str) -> str:
    """The name of an encoder of text and sound that needs no weights."""
    return "fake:tones"


def shared(name: str, write: Callable[[Path], object]) -> Path:
    """A folder that is written once for all processes of this run, and only read.

    An export of a model is known by the model's place, so that it is made once too.
    """
    place = Path(os.environ["CMSEARCH_TESTS"], name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{place}.lock"):
        if not place.exists():
            made = Path(tempfile.mkdtemp(dir=place.parent))
            write(made)
            made.rename(place)
    return place


def checkpoint(kind: str) -> Path:
    """A small model of transformers of a kind, with random weights."""
    return shared(f"tiny-{kind}", lambda folder: write_checkpoint(folder, kind))


@pytest.fixture(scope="session")
def tiny_clap() -> Path:
    """A small CLAP with random weights, in a folder as `--sound` takes it."""
    return shared("tiny-clap", write_clap)


@pytest.fixture(scope="session")
def tiny_clip() -> Path:
    """A small CLIP with random weights, in a folder as `local-dir:` takes it."""
    config = {
        "embed_dim": 32,
        "vision_cfg": {
            "image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32,
        },
        "text_cfg": {
            "context_length": 24, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2,
        },
    }  # fmt: skip
    return shared("tiny-open-clip", lambda folder: write_clip(folder, config))


@pytest.fixture(scope="session")
def tiny_naflex() -> Path:
    """A small SigLIP 2 with random weights, in a folder as `transformers:` takes it."""
    return checkpoint("naflex")


@pytest.fixture(scope="session")
def tiny_dual() -> Path:
    """A small dual encoder with random weights, in a file as `dual:` takes it."""
    folder = shared("tiny-dual", lambda folder: write_dual(folder / "model.safetensors"))
    return folder / "model.safetensors"


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
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of sample_data, indexed with lite by the command itself; without recordings and film,
    which would take each run some seconds more.
    """
    own = tmp_path_factory.mktemp("sample") / "sample_data"
    return Path(shutil.copytree(indexed_sample(), own))


def indexed_sample() -> Path:
    """The folder that `sample` is a copy of."""

    def write(folder: Path) -> None:
        left_out = shutil.ignore_patterns(".cmsearch", "media")
        shutil.copytree(ROOT / "sample_data", folder, ignore=left_out, dirs_exist_ok=True)
        result = cmsearch("index", folder, "--model", "lite")
        assert result.returncode == 0, result.stderr

    return shared("sample", write)


@pytest.fixture(scope="session")
def coco159() -> Path:
    """A set of photographs with captions to measure on; set CMSEARCH_COCO159 to its folder."""
    place = os.environ.get("CMSEARCH_COCO159")
    if not place:
        pytest.skip("CMSEARCH_COCO159 doesn't name the folder of coco159")
    return Path(place)
