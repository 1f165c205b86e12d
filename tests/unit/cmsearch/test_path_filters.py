"""A path says where hits lie, as people write it: a folder's name, a pattern, an absolute path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmsearch.errors import QueryError
from cmsearch.models.plugins import encoders
from cmsearch.search.engine import Engine, open
from cmsearch.store.catalog.filters import rooted
from cmsearch.types import Filter
from indexer import Indexer
from tests.builders import write_picture

FILES = (
    "one.HEIC.jpg", "2024/two.JPG", "2024/trip [1]/three.png", "old/2024/four.png",
    "20245/five.png", "Ärger/six.png",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("paths") / "my [photos]"
    for place, name in enumerate(FILES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_picture(folder / name, (place * 40, 0, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
        with open(folder) as opened:
            yield opened


def found(engine: Engine, path: str) -> set[int]:
    hits = engine.search("red", target="image", k=99, where=Filter(path=path))
    names = [hit.path.relative_to(engine.store.root).as_posix() for hit in hits]
    assert engine.count("image", Filter(path=path)) == len(names)
    return {FILES.index(name) + 1 for name in names}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("2024", {2, 3, 4}),
        ("2024/", {2, 3, 4}),
        ("./2024", {2, 3}),
        ("/2024/", None),
        ("2024/*", {2, 3}),
        ("./2024/*", {2, 3}),
        ("old/2024", {4}),
        ("old//2024/", {4}),
        ("*.jpg", {1, 2}),
        ("*.JPG", {1, 2}),
        ("*.heic", set()),
        ("*.heic*", {1}),
        ("two.jpg", {2}),
        ("TWO.jpg/", set()),
        ("**/2024/*", {2, 3, 4}),
        ("2024/**", {2, 3}),
        ("**/*.png", {3, 4, 5, 6}),
        ("2024/trip [1]", {3}),
        ("trip [1]/", {3}),
        ("2024*", {2, 3, 4, 5}),
        ("a\u0308rger", {6}),
        (".", {1, 2, 3, 4, 5, 6}),
        ("nowhere", set()),
    ],
)
def test_where_it_lies(engine: Engine, path: str, expected: set[int] | None) -> None:
    if expected is None:
        with pytest.raises(QueryError, match="lies outside"):
            found(engine, path)
    else:
        assert found(engine, path) == expected


def test_an_absolute_path_goes_on_from_the_root(engine: Engine) -> None:
    root = engine.store.root
    assert found(engine, str(root)) == found(engine, f"{root}/") == {1, 2, 3, 4, 5, 6}
    assert found(engine, f"{root}/2024") == found(engine, f"{root}/2024/*") == {2, 3}
    assert found(engine, str(root / "2024" / "trip [1]" / "three.png")) == {3}
    for outside in (str(root.parent), f"{root}s/2024", "/", "../2024", "2024/../.."):
        with pytest.raises(QueryError, match="lies outside"):
            found(engine, outside)


def test_home_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rooted(Filter(path="~/photos/2024/*"), tmp_path / "photos").path == "./2024/*"
    assert rooted(Filter(path="~"), tmp_path).path == ""
    with pytest.raises(QueryError, match="~/music lies outside"):
        rooted(Filter(path="~/music"), tmp_path / "photos")


def test_a_link_to_the_root_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for root in ("real", "link"):
        assert rooted(Filter(path=f"{tmp_path}/real/a*"), tmp_path / root).path == "./a*"
