"""A small folder to search by the encoder that needs no weights, and a state of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.builders import write_files, write_picture
from tests.processes import faked


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the last search is kept."""
    place = tmp_path / "state"
    monkeypatch.setenv("CMSEARCH_STATE", str(place))
    return place


@pytest.fixture(scope="package")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in three colours, two of them the same with one caption."""
    place = tmp_path_factory.mktemp("commands") / "pictures"
    for name in ("a", "b"):
        write_picture(place / "reds" / f"{name}.png", "red")
    write_picture(place / "green.png", "green")
    write_picture(place / "blue.png", "blue")
    write_files(
        place,
        {
            "green.txt": "green green meadow\n\nthe sea is blue\n",
            "captions.jsonl": "".join(
                f'{{"image": "reds/{name}.png", "caption": "red"}}\n' for name in ("a", "b")
            ),
            "note.md": "A red house.\n",
        },
    )
    faked("index", place, "--model", "fake:colours")
    return place


@pytest.fixture
def folder(indexed: Path, tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a copy of that one."""
    place = Path(shutil.copytree(indexed, tmp_path / "pictures"))
    monkeypatch.chdir(place)
    return place
