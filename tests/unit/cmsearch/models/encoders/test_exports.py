"""Exported models are made once, checked when they are read, and made anew if they are damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from cmsearch.errors import ModelError
from cmsearch.models.encoders.exports import MANIFEST, exported, published
from tests.builders import flip_byte

CONTENT = {"text.onnx": bytes(3_000_000), "text.onnx.data": b"data" * 9, "other.json": b"{}"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))
    return tmp_path


class Built:
    """Writes `CONTENT`, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        for name, data in CONTENT.items():
            (folder / name).write_bytes(data)


def test_it_is_made_once(cache: Path) -> None:
    build = Built()
    for _ in range(2):
        found = published("model", build)
        assert {name: found.file(name).read_bytes() for name in CONTENT} == CONTENT
    assert build.times == 1
    assert [path.name for path in cache.iterdir()] == ["model"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", ["text.onnx", "text.onnx.data"])
@pytest.mark.parametrize("damage", [flip_byte, cut, Path.unlink])
def test_what_is_damaged_is_made_anew_with_one_line(
    cache: Path, name: str, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    """What belongs to a file is checked with it, and what isn't asked for is not."""
    build = Built()
    caplog.set_level(logging.WARNING, "cmsearch")
    published("model", build)
    damage(cache / "model" / name)
    found = published("model", build)
    assert found.file("other.json").read_bytes() == b"{}"
    assert build.times == 1
    assert found.file("text.onnx").read_bytes() == CONTENT["text.onnx"]
    found.file("text.onnx")
    assert build.times == 2
    assert [record.message for record in caplog.records] == [
        f"{cache / 'model' / 'text.onnx'} in the cache is damaged."
    ]
    assert (cache / "model" / name).read_bytes() == CONTENT[name]
    assert [path.name for path in cache.iterdir()] == ["model"]


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b"{}", b'{"text.onnx": 5}'])
def test_a_folder_without_a_good_manifest_is_made_anew(cache: Path, content: bytes | None) -> None:
    build = Built()
    published("model", build)
    (cache / "model" / MANIFEST).unlink()
    (cache / "model" / "text.onnx").write_bytes(b"of an older version")
    if content is not None:
        (cache / "model" / MANIFEST).write_bytes(content)
    found = published("model", build)
    assert found.file("text.onnx").read_bytes() == CONTENT["text.onnx"]
    assert build.times == 2
    assert published("model", build).file("text.onnx.data").is_file()
    assert build.times == 2


def test_what_is_not_there_is_not_made_by_asking(cache: Path) -> None:
    assert exported("model", Built()) is None
    assert not list(cache.iterdir())


def test_a_failed_export_leaves_nothing(cache: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise ModelError("no")

    with pytest.raises(ModelError):
        published("model", build)
    assert list(cache.iterdir()) == []


def test_the_loser_of_two_exports_uses_the_winners(cache: Path) -> None:
    def build(folder: Path) -> None:
        published("model", Built())
        (folder / "text.onnx").write_text("second")

    assert published("model", build).file("text.onnx").read_bytes() == CONTENT["text.onnx"]
    assert [path.name for path in cache.iterdir()] == ["model"]


def test_a_cache_that_cannot_be_written_says_what_to_do(cache: Path) -> None:
    (cache / "file").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMSEARCH_CACHE", str(cache / "file" / "below"))
        with pytest.raises(ModelError, match="CMSEARCH_CACHE"):
            published("model", Built())
