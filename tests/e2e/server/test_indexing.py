"""Jobs of a true service that bring an index up to date, and searches that go on meanwhile."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import psutil
import pytest

from cmsearch.store.store import Store
from tests.builders import write_picture, write_scene
from tests.commands import called
from tests.e2e.server.conftest import answering
from tests.processes import ROOT, Process, script, started

PHOTOS = ROOT / "sample_data" / "photos"
LATIN = b"caf\xe9.png"
"""A name that isn't UTF-8."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of one photograph, served under the name `own`."""
    place = tmp_path_factory.mktemp("jobs") / "own"
    place.mkdir()
    shutil.copy(PHOTOS / "tabby_cat.jpg", place)
    assert called("index", place, "--model", "lite").returncode == 0
    return place


@pytest.fixture(scope="module")
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A service of that store and of another one, which can only be read."""
    other = tmp_path_factory.mktemp("jobs") / "other"
    shutil.copytree(folder, other)
    if os.geteuid() == 0:  # whom no mode stops
        for path in (other / ".cmsearch", *(other / ".cmsearch").iterdir()):
            os.chown(path, 65534, -1)
    else:
        (other / ".cmsearch").chmod(0o555)
    with started("serve", folder, other, "--port", "0") as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=answering(service), timeout=60) as client:
        yield client


def begun(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """A job that was just started."""
    answer = client.post("/v1/index", json={"store": "own", **body})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == job["address"] == f"/v1/index/{job['job']}"
    return job


def followed(client: httpx.Client, job: dict[str, Any], after: str = "") -> list[dict[str, Any]]:
    """The events of a job, until it has ended."""
    headers = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", f"{job['address']}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = "".join(answer.iter_text()).strip().split("\n\n")
    events = [dict(line.split(": ", 1) for line in one.splitlines()) for one in blocks]
    return [{**one, "data": json.loads(one["data"])} for one in events if "event" in one]


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    followed(client, job)
    told: dict[str, Any] = client.get(job["address"]).json()
    return told


def names(client: httpx.Client, text: str = "a photograph") -> set[str]:
    """The names of all pictures that are found in the store."""
    body = {"store": "own", "query": text, "target": "image", "k": 500}
    body["ranking"] = {"expand": True}
    answer = client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return {hit["path"].rpartition("/")[2] for hit in answer.json()["hits"]}


def test_what_is_new_is_found_without_a_restart(client: httpx.Client, folder: Path) -> None:
    assert names(client) == {"tabby_cat.jpg"}
    shutil.copy(PHOTOS / "espresso.jpg", folder)
    write_picture(folder / os.fsdecode(LATIN), "blue")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / os.fsdecode(b"br\xf6ken.png")).write_bytes(b"\x89PNG broken")
    job = begun(client)
    events = followed(client, job)
    numbers = [int(one["id"]) for one in events]
    assert numbers == sorted(set(numbers))
    assert {one["event"] for one in events[:-1]} == {"progress"}
    assert "index" in {one["data"]["stage"] for one in events[:-1]}
    assert events[-1]["event"] == events[-1]["data"]["state"] == "done"
    told = client.get(job["address"]).json()
    assert (told["state"], told["model"], told["reason"]) == ("done", "lite", None)
    assert (told["counts"]["added"], told["counts"]["skipped"]) == (2, 2)
    assert {one["path"]: bool(one["reason"]) for one in told["skipped"]} == {
        "broken.jpg": True,
        os.fsdecode(b"br\xf6ken.png"): True,
    }
    assert told["started"] < told["ended"]
    assert names(client) == {"tabby_cat.jpg", "espresso.jpg", os.fsdecode(LATIN)}
    assert client.get("/v1/index", params={"store": "own"}).json()["jobs"][0] == told


def test_events_go_on_where_a_client_left(client: httpx.Client) -> None:
    (job,) = client.get("/v1/index").json()["jobs"]
    events = followed(client, job)
    after = events[-2]["id"]
    assert followed(client, job, after) == events[-1:]
    assert followed(client, job, "nonsense") == events
    end = client.get(f"{job['address']}/events", headers={"Last-Event-ID": events[-1]["id"]})
    assert (end.status_code, end.content) == (204, b"")
    assert client.head(f"{job['address']}/events").status_code == 405


def test_one_runs_at_a_time_and_is_stopped_with_nothing_lost(
    client: httpx.Client, service: Process, folder: Path
) -> None:
    many = {f"many{number}.png" for number in range(80)}
    for number, name in enumerate(sorted(many)):
        write_scene(folder / "many" / name, number)
    job = begun(client, ocr=False)
    with client.stream("GET", f"{job['address']}/events") as answer:
        text = ""
        for piece in answer.iter_text():
            text += piece
            found = [json.loads(one[6:]) for one in text.split("\n") if one.endswith("}")]
            if any(one.get("stage") == "index" and one["done"] >= 8 for one in found):
                break
    (running,) = psutil.Process(service.pid).children()
    running.suspend()  # or it might be done before it is asked to end
    again = client.post("/v1/index", json={"store": "own"})
    assert (again.status_code, again.json()["job"]) == (409, job["address"])
    assert again.headers["location"] == job["address"]
    assert job["address"] in again.json()["detail"]
    resumes = Timer(0.5, running.resume)
    resumes.start()
    stopped = client.delete(job["address"])
    resumes.join()
    assert stopped.status_code == 200
    told = stopped.json()
    assert told["state"] == "stopped" and "kept" in told["reason"]
    kept = names(client) & many
    assert client.delete(job["address"]).json() == told
    told = ended(client, begun(client))
    assert told["state"] == "done" and told["counts"]["added"] == len(many) - len(kept)
    assert names(client) >= many


def test_another_process_that_indexes_and_an_index_that_is_only_read_are_said(
    client: httpx.Client, folder: Path
) -> None:
    code = (
        "import pathlib, sys\n"
        "from cmsearch.store.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])) as store, store.locked():\n"
        "    print(1, flush=True); input()\n"
    )
    with script(code, folder / ".cmsearch") as process:
        assert process.stdout is not None and process.stdout.readline() == "1\n"
        answer = client.post("/v1/index", json={"store": "own"})
        process.communicate("\n", timeout=60)
    assert answer.status_code == 409
    assert f"is being written by process {process.pid}" in answer.json()["detail"]
    assert "location" not in answer.headers
    only_read = client.post("/v1/index", json={"store": "other"})
    assert only_read.status_code == 409 and "only read" in only_read.json()["detail"]
    assert client.get("/v1/index", params={"store": "other"}).json() == {"jobs": []}


def test_what_fails_says_so_in_the_words_of_the_command_line(
    client: httpx.Client, folder: Path
) -> None:
    moved = folder.rename(folder.with_name("moved"))
    try:
        moved_store = shutil.copytree(moved / ".cmsearch", folder / ".cmsearch")
        for file in moved_store.glob("catalog.db"):
            file.write_bytes(b"no catalog")
        told = ended(client, begun(client))
    finally:
        shutil.rmtree(folder)
        moved.rename(folder)
    assert told["state"] == "failed" and told["counts"] is None
    assert "catalog" in told["reason"] and "Traceback" not in told["reason"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/index/0123456789abcdef", None, 404),
        ("GET", "/v1/index/0123456789abcdef/events", None, 404),
        ("DELETE", "/v1/index/../../etc/passwd", None, 404),
        ("DELETE", "/v1/index/%2e%2e%2f", None, 404),
        ("POST", "/v1/index", {}, 400),
        ("POST", "/v1/index", {"store": "none"}, 404),
        ("POST", "/v1/index", {"store": "own", "folder": "/etc"}, 422),
        ("POST", "/v1/index", {"store": "own", "ocr": "--model"}, 422),
        ("GET", "/v1/index?store=none", None, 404),
    ],
)
def test_what_cannot_be_meant_is_a_problem(
    client: httpx.Client, method: str, path: str, body: Any, status: int
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_description_has_them_with_examples(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        if path.startswith("/v1/index"):
            for told in methods.values():
                assert told["summary"] and told["description"]
    assert {*paths["/v1/index"], *paths["/v1/index/{job}"]} == {"get", "post", "delete"}


def test_the_end_of_the_service_stops_its_jobs(
    client: httpx.Client, service: Process, folder: Path
) -> None:
    for number in range(80, 100):
        write_scene(folder / "more" / f"{number}.png", number)
    job = begun(client)
    with client.stream("GET", f"{job['address']}/events") as answer:
        pieces = answer.iter_text()
        next(pieces)
        service.terminate()
        assert re.search("event: (stopped|done)\n", "".join(pieces))
    _, told = service.communicate(timeout=60)
    assert "Traceback" not in told
    with Store(folder / ".cmsearch") as store, store.locked():
        assert not (folder / ".cmsearch" / "catalog.db-journal").exists()
