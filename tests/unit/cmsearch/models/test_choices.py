"""Which model is taken where none is named."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cmsearch.models import choices
from cmsearch.models.names import FORMER_NAMES, SHORT_NAMES, canonical_name
from cmsearch.types import Space
from tests.commands import python
from tests.servers import serving

CHOOSE = (
    "from cmsearch.models import choices; choices.HUB_SECONDS = {seconds}; "
    "c = choices.choose(None, None); print(c.name, c.reason)"
)


def hub(status: int = 200, seconds: float = 0.0) -> AbstractContextManager[str]:
    """A model hub that knows the size of every file, or takes its time; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            time.sleep(seconds)
            self.send_response(status)
            self.send_header("ETag", '"0"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", "605000000")
            self.end_headers()

    return serving(Handler)


def chosen(tmp_path: Path, patience: float = 60.0, **env: str) -> str:
    """What `auto` takes in a fresh process, with an empty hub cache."""
    settings = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"} | env
    return python(CHOOSE.format(seconds=patience), settings).strip()


def test_the_recommended_model_is_taken_when_the_hub_has_it(tmp_path: Path) -> None:
    with hub() as address:
        name, _, reason = chosen(tmp_path, HF_ENDPOINT=address).partition(" ")
    assert name == choices.RECOMMENDED
    assert "605 MB" in reason


@pytest.mark.parametrize(
    ("status", "seconds", "patience"), [(404, 0.0, 60.0), (200, 30.0, 0.3)], ids=["no", "nothing"]
)
def test_lite_is_taken_when_the_hub_says_no_or_nothing(
    tmp_path: Path, status: int, seconds: float, patience: float
) -> None:
    with hub(status, seconds) as address:
        assert chosen(tmp_path, patience, HF_ENDPOINT=address).startswith("lite ")


def test_lite_is_taken_offline_and_says_how_to_get_better(tmp_path: Path) -> None:
    with hub() as address:
        said = chosen(tmp_path, HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    assert said.startswith("lite ")
    assert "--model clip" in said


def test_cached_weights_are_taken_without_asking_the_hub(tmp_path: Path) -> None:
    known = choices.find(choices.RECOMMENDED)
    assert known is not None
    place = tmp_path / "hub" / f"models--{known.hub.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    (place / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (place / "snapshots" / ("0" * 40) / "open_clip_model.safetensors").write_bytes(b"weights")
    assert chosen(tmp_path, HF_HUB_OFFLINE="1").startswith(choices.RECOMMENDED)


def test_a_store_keeps_its_own_model_and_a_named_one_is_taken() -> None:
    space = Space("open_clip", "RN50/openai", "0", "r", 8)
    assert choices.choose("auto", space).name == "open_clip:RN50/openai"
    assert choices.choose("best", space).name == "open_clip:ViT-B-16-SigLIP2/webli"


def test_a_short_name_stays_what_it_was_for_an_index_that_was_made_so() -> None:
    (former,) = FORMER_NAMES["clip"]
    space = Space("open_clip", former.removeprefix("open_clip:"), "0", "r", 512)
    choice = choices.choose("clip", space)
    assert choice.name == choices.choose(None, space).name == former
    assert SHORT_NAMES["clip"].removeprefix("open_clip:") in choice.reason
    other = Space("open_clip", "RN50/openai", "0", "r", 8)
    assert choices.choose("clip", other).name == choices.choose("clip", None).name
    assert choices.choose(SHORT_NAMES["clip"], space).name == SHORT_NAMES["clip"]
    assert choices.choose(former, space).reason == "as asked"


def test_models_are_listed_by_size_and_short_names_are_free() -> None:
    sizes = [model.megabytes for model in choices.MODELS]
    assert sizes == sorted(sizes)
    chosen = [choices.find(name) for name in SHORT_NAMES.values()]
    assert all(model and model.licence in ("MIT", "Apache-2.0") for model in chosen)


def test_every_listed_model_is_one_that_a_library_has() -> None:
    known = set(choices.all_names()) | {"sentence-transformers:google/embeddinggemma-2"}
    assert {model.name for model in choices.MODELS} <= known
    assert all(canonical_name(model.name) == model.name for model in choices.MODELS)
    assert all(model.source in choices.SOURCES for model in choices.MODELS)
