"""A cluster reads and encodes what one process would: the same store, whatever ends meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from cmsearch.errors import CmsearchError
from cmsearch.media.readers import kind_at
from cmsearch.store.catalog import files as indexed
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from indexer import Indexer
from indexer.cluster import EXTRA, Cluster, Recipe, Worker, by_token, working
from indexer.portions import ENDED
from indexer.scan import Found, Scan
from indexer.stages import Given, Row
from indexer.workers import APART, TOKEN
from tests.builders import write_files, write_picture
from tests.fakes import SPACE, FakeEncoder
from tests.kills import content, content_at
from tests.object_storage import new_bucket, serving
from tests.processes import Process, environment, know_fake

PICTURES = 40
MANY = 400
LOG = "CMSEARCH_TEST_LOG"
_RUN = """
import sys
from indexer import Indexer
from indexer.cluster import Cluster
from tests.processes import know_fake
from tests.unit.indexer.test_cluster import Noting
know_fake()
Indexer(sys.argv[1], model="fake:colours", ocr="none", cluster=Cluster("local", 2, Noting)).run()
"""


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


class Alone(Worker):
    """A worker that knows the encoder of tests."""

    def __init__(self, recipe: Recipe) -> None:
        know_fake()
        super().__init__(recipe)


class Noting(Alone):
    """A worker that takes its time, and notes in LOG what it has done."""

    def rows(self, files: Sequence[Given]) -> list[Row]:
        """What is to be written of some files."""
        found = super().rows(files)
        time.sleep(0.3)
        with Path(os.environ[LOG]).open("a") as log:
            log.writelines(f"{own.file.path}\n" for own in files)
        return found


def _fill(folder: Path) -> Path:
    for number in range(PICTURES):
        colour = f"rgb({number * 6},{255 - number * 5},{number * 37 % 256})"
        write_picture(folder / f"trip {number % 3}" / f"IMG_{number}.png", colour)
    captions = '{"image": "trip 1/IMG_1.png", "caption": "a red gate"}\n'
    notes = "# A meadow\n\nGreen as ever.\n"
    return write_files(folder, {"captions.jsonl": captions, "notes.md": notes})


def test_a_worker_gives_what_is_written_of_files(tmp_path: Path, fake_model: str) -> None:
    _fill(tmp_path)
    pictures = [file for file in sorted(Scan(tmp_path)) if file.kind == kind_at("a.png")]
    rows = Worker(Recipe.of(tmp_path, FakeEncoder(SPACE), None)).rows(
        [Given(file, frozenset(), {}) for file in pictures[-5:]]
    )
    assert [row.asset.path for row in rows] == [file.path for file in pictures[-5:]]
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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("before", [None, "disabled", "token"])
def test_whether_ray_goes_by_a_token_is_as_before_its_cluster(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    ray = pytest.importorskip("ray")
    mode, modes = ray._raylet.get_authentication_mode, ray._raylet.AuthenticationMode
    monkeypatch.delenv(TOKEN, raising=False)
    if before is not None:
        monkeypatch.setenv(TOKEN, before)
    with by_token(ray):
        assert mode() == (modes.DISABLED if before == "disabled" else modes.TOKEN)
    assert os.environ.get(TOKEN) == before
    assert mode() == (modes.TOKEN if before == "token" else modes.DISABLED)


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


def _fill_much(folder: Path) -> Path:
    for number in range(MANY):
        colour = f"rgb({number % 256},{number * 7 % 256},{number * 37 % 256})"
        write_picture(folder / f"{number % 4}" / f"{number:03}.png", colour)
    return folder


def _waited(done: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait until it is so: no test of how soon, but none is to wait for ever."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def _written(folder: Path) -> set[str]:
    """The files of which all is in the catalog."""
    place = folder / DIRECTORY
    if not (place / CATALOG).exists():
        return set()
    with Store(place) as store:
        found = indexed.assets(store.catalog).values()
        return {asset.path for asset in found if asset.mtime_ns is not None}


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    (tmp_path / "log").touch()
    return tmp_path / "log"


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_a_driver_that_is_killed_loses_nothing_and_nothing_written_is_done_again(
    tmp_path: Path, fake_model: str, workers: Cluster, log: Path
) -> None:
    one, two = _fill_much(tmp_path / "one"), tmp_path / "two"
    shutil.copytree(one, two)
    Indexer(one, model=fake_model, ocr="none").run()
    with Process([sys.executable, "-c", _RUN, str(two)], env=environment()) as driver:
        _waited(lambda: len(_written(two)) >= MANY // 8)
        started = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.wait()
    written = _written(two)
    assert MANY // 8 <= len(written) < MANY
    _waited(lambda: not any(own.is_running() for own in started))  # Ray's own end with the driver
    log.write_text("")
    report = Indexer(two, model=fake_model, ocr="none", cluster=replace(workers, kind=Noting)).run()
    again = log.read_text().splitlines()
    assert written.isdisjoint(again)
    assert sorted(again) == sorted({*again}) and len(again) == MANY - len(written)
    assert report.unchanged == len(written) and not report.skipped
    assert content(two) == content(one)


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("staying", "leaving", "coming"), [(1, 1, 0), (0, 2, 2)])
def test_what_a_machine_had_that_leaves_is_done_by_the_others(
    tmp_path: Path,
    fake_model: str,
    workers: Cluster,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    staying: int,
    leaving: int,
    coming: int,
) -> None:
    """Also where no machine has room for its worker, and where it had all workers, of those that
    Ray starts anew elsewhere.
    """
    machines = pytest.importorskip("ray.cluster_utils")
    monkeypatch.setattr("indexer.workers.PATIENCE", 1.0)
    one, two = _fill_much(tmp_path / "one"), tmp_path / "two"
    shutil.copytree(one, two)
    Indexer(one, model=fake_model, ocr="none").run()
    nodes = machines.Cluster(initialize_head=True, head_node_args={"num_cpus": staying})
    try:
        machine = nodes.add_node(num_cpus=leaving)
        nodes.wait_for_nodes()
        indexer = Indexer(
            two, model=fake_model, ocr="none", cluster=Cluster(nodes.address, 2, Noting)
        )
        with ThreadPoolExecutor(1) as aside:  # machines are made on the main thread
            indexing = aside.submit(indexer.run)
            _waited(lambda: indexing.done() or len(log.read_text().splitlines()) >= MANY // 8)
            if coming:
                nodes.add_node(num_cpus=coming)
            machine.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
            nodes.worker_nodes.discard(machine)
            was_done = indexing.done()
            report = indexing.result()
    finally:
        nodes.shutdown()
    assert not was_done
    assert report.added == MANY and not report.skipped
    assert content(two) == content(one)


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_goes_by_no_token_can_follow_one_that_ray_started(
    tmp_path: Path, fake_model: str, workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = pytest.importorskip("ray.cluster_utils")
    monkeypatch.delenv(TOKEN, raising=False)
    stores = [tmp_path / "one", tmp_path / "two"]
    folder = _fill(tmp_path / "folder")
    asked: dict[str, Any] = {"model": fake_model, "ocr": "none"}
    here = Cluster("local", 1, Alone)
    Indexer(folder, store=stores[0], cluster=here, **asked).run()
    assert TOKEN not in os.environ
    nodes = machines.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        there = Cluster(nodes.address, 1, Alone)
        report = Indexer(folder, store=stores[1], cluster=there, **asked).run()
        assert report.added == PICTURES + 2
        # With a token here and none there it is said what the matter is.
        monkeypatch.setenv(TOKEN, "token")
        __import__("ray")._raylet.Config.initialize("")
        with pytest.raises(CmsearchError, match=APART):
            Indexer(folder, store=tmp_path / "three", cluster=there, **asked).run()
    finally:
        nodes.shutdown()
    assert content_at(stores[1]) == content_at(stores[0])


@pytest.mark.services
def test_ray_prints_nothing_of_a_worker_that_is_killed(tmp_path: Path) -> None:
    for number in range(MANY):
        write_picture(tmp_path / f"{number}.png", "red" if number % 2 else "blue")
    asked = ["--model", "lite", "--ocr", "none", "--format", "json", "--progress", "json"]
    command = [sys.executable, "-m", "cmsearch", "index", str(tmp_path), *asked]
    cluster = ["--cluster", "local", "--workers", "1"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with Process([*command, *cluster], env=environment(), **pipes) as run:
        _waited(lambda: _busy(run.pid))
        _busy(run.pid)[0].kill()
        said, told = run.communicate()
    assert run.returncode == 0, told
    assert json.loads(said)["added"] == MANY
    words = [json.loads(line)["stage"] for line in told.splitlines() if line.startswith("{")]
    others = [line for line in told.splitlines() if not line.startswith("{")]
    assert "index" in words and others == ["Model lite: as asked."]


def _busy(pid: int) -> list[psutil.Process]:
    """The workers under a process that read files at the moment."""
    below = psutil.Process(pid).children(recursive=True)
    return [one for one in below if "ray::Worker.rows" in " ".join(one.cmdline())]


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_a_bucket_is_read_by_the_workers(
    tmp_path: Path, fake_model: str, workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))
    folder = _fill(tmp_path / "folder")
    with serving():
        bucket = new_bucket()
        bucket.put_all(folder)
        stores = [tmp_path / "one", tmp_path / "two"]
        Indexer(bucket.url, store=stores[0], model=fake_model, ocr="none").run()
        cluster = replace(workers, kind=Alone)
        report = Indexer(
            bucket.url, store=stores[1], model=fake_model, ocr="none", cluster=cluster
        ).run()
    assert report.added == PICTURES + 2 and not report.skipped
    assert content_at(stores[1]) == content_at(stores[0])
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_runs_is_reached_by_its_address(
    tmp_path: Path, fake_model: str, workers: Cluster
) -> None:
    machines = pytest.importorskip("ray.cluster_utils")
    one, two = _fill(tmp_path / "one"), tmp_path / "two"
    write_picture(one / "poison.png", "blue")
    shutil.copytree(one, two)
    (one / "poison.png").unlink()
    Indexer(one, model=fake_model, ocr="none").run()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    head = {"num_cpus": 1, "ray_client_server_port": port}
    nodes = machines.Cluster(initialize_head=True, head_node_args=head)
    try:
        there = Cluster(f"ray://127.0.0.1:{port}", 1, Knowing)
        report = Indexer(two, model=fake_model, ocr="none", cluster=there).run()
    finally:
        nodes.shutdown()
    assert [(own.path, own.reason) for own in report.skipped] == [("poison.png", ENDED)]
    assert content(two)["items"] == content(one)["items"]


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_more_workers_than_there_is_room_for_are_an_error(
    tmp_path: Path, fake_model: str, workers: Cluster
) -> None:
    machines = pytest.importorskip("ray.cluster_utils")
    _fill(tmp_path)
    nodes = machines.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        with pytest.raises(CmsearchError, match="room for 1 workers, not for 2"):
            Indexer(tmp_path, model=fake_model, cluster=Cluster(nodes.address, 2)).run()
    finally:
        nodes.shutdown()


@pytest.mark.services
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_away_is_an_error(tmp_path: Path, fake_model: str) -> None:
    _fill(tmp_path)
    with pytest.raises(CmsearchError, match="can't be reached"):
        Indexer(tmp_path, model=fake_model, cluster=Cluster("ray://127.0.0.1:9")).run()
