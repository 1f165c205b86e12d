"""A cluster reads and encodes what one process would: the same store, whatever ends meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.media.readers import kind_at
from cmsearch.store.store import DIRECTORY
from indexer import Indexer
from indexer.cluster import ENDED, EXTRA, Cluster, Recipe, Worker, Working, working
from indexer.scan import Found, Scan
from indexer.stages import Given, Row
from tests.builders import write_files, write_picture
from tests.fakes import SPACE, FakeEncoder
from tests.kills import content
from tests.processes import know_fake

PICTURES = 40


class Knowing(Worker):
    """A worker that knows the encoder of tests, and ends at a picture that it isn't to read."""

    def __init__(self, recipe: Recipe) -> None:
        know_fake()
        super().__init__(recipe)
        self._folder = Path(recipe.folder)

    def rows(self, files: Sequence[Given]) -> list[Row]:
        """What is to be written of some files."""
        killed = self._folder / "killed"
        if not killed.exists() and any("IMG_20" in own.file.path for own in files):
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if any("poison" in own.file.path for own in files):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().rows(files)


def _fill(folder: Path) -> Path:
    for number in range(PICTURES):
        colour = f"rgb({number * 6},{255 - number * 5},{number * 37 % 256})"
        write_picture(folder / f"trip {number % 3}" / f"IMG_{number}.png", colour)
    captions = '{"image": "trip 1/IMG_1.png", "caption": "a red gate"}\n'
    notes = "# A meadow\n\nGreen as ever.\n"
    return write_files(folder, {"captions.jsonl": captions, "notes.md": notes})


def test_what_can_be_read_by_itself_goes_to_the_workers(tmp_path: Path) -> None:
    _fill(tmp_path)
    write_files(tmp_path, {"trip 0/IMG_0.txt": "a gate\n", "memo.wav": b"", "film.mp4": b""})
    files = list(Scan(tmp_path))
    sent, here = Working(None, [object()]).parted(files)
    assert {kind_at(file.path) for file in sent} == {kind_at("a.png"), kind_at("a.md")}
    assert len(sent) == PICTURES + 1
    names = {"captions.jsonl", "trip 0/IMG_0.txt", "memo.wav", "film.mp4"}
    assert {file.path for file in here} == names
    assert Working(None, ()).parted(files) == ([], files)


def test_a_worker_gives_what_is_written_of_files(tmp_path: Path, fake_model: str) -> None:
    _fill(tmp_path)
    sent, _ = Working(None, [object()]).parted(sorted(Scan(tmp_path)))
    rows = Worker(Recipe.of(tmp_path, FakeEncoder(SPACE), None)).rows(
        [Given(file, frozenset(), {}) for file in sent[-5:]]
    )
    assert [row.asset.path for row in rows] == [file.path for file in sent[-5:]]
    assert all(row.item is not None and row.closed is not None for row in rows)


def test_without_a_cluster_nobody_works_elsewhere(tmp_path: Path) -> None:
    with working(None, tmp_path, FakeEncoder(), None) as there:
        assert there.parted([Found("a.png", "image", 1, 2)])[0] == []


def test_what_is_missing_for_a_cluster_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with (
        pytest.raises(CmsearchError, match=EXTRA.split("[")[0]),
        working(Cluster("local"), tmp_path, FakeEncoder(), None),
    ):
        pass


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cluster]:
    """Two workers here; what Ray leaves in the environment is taken away again."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    before = dict(os.environ)
    yield Cluster("local", 2, Knowing)
    for name in set(os.environ) - set(before):
        del os.environ[name]


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_the_store_is_that_of_one_process_though_a_worker_ends(
    tmp_path: Path, fake_model: str, workers: Cluster
) -> None:
    one, two = _fill(tmp_path / "one"), tmp_path / "two"
    write_picture(one / "poison.png", "blue")
    shutil.copytree(one, two)  # with the times of the files
    Indexer(one, model=fake_model).run()
    report = Indexer(two, model=fake_model, cluster=workers).run()
    assert (two / "killed").exists()
    (two / "killed").unlink()
    assert [(own.path, own.reason) for own in report.skipped] == [("poison.png", ENDED)]
    # A run without the cluster reads what ended its workers; then nothing differs.
    again = Indexer(two, model=fake_model).run()
    assert not again.skipped and again.unchanged == PICTURES + 2
    found, expected = content(two), content(one)
    for name in ("assets", "served", "items"):  # the background was published without that picture
        assert found[name] == expected[name]
    assert not (two / DIRECTORY / "killed").exists()


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_away_is_an_error(tmp_path: Path, fake_model: str) -> None:
    _fill(tmp_path)
    with pytest.raises(CmsearchError, match="can't be reached"):
        Indexer(tmp_path, model=fake_model, cluster=Cluster("ray://127.0.0.1:9")).run()
