"""Who is answered by a true service, and who isn't."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import write_picture
from tests.commands import called
from tests.e2e.server.conftest import answering
from tests.processes import faked, started

TOKEN = "a token that nobody guesses"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "localhost.evil.example"])
def test_other_names_are_not_answered(client: httpx.Client, host: str) -> None:
    answer = client.get("/v1/stores", headers={"Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_pages_of_other_sites_are_not_answered(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    assert client.post("/v1/search", json={"query": "a"}, headers=headers).status_code == 403
    assert client.get("/v1/stores", headers=headers).status_code == 403


def test_its_own_page_is_answered(client: httpx.Client, address: str) -> None:
    headers = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
    assert client.get("/v1/stores", headers=headers).status_code == 200


def test_browsers_are_told_what_may_run(client: httpx.Client) -> None:
    headers = client.get("/v1/nothing").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_bodies_are_bounded(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nContent-Length: {10**12}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        with contextlib.suppress(ConnectionError):  # it may close before all was sent
            for _ in range(70):
                connection.sendall(b"100000\r\n" + b"x" * 2**20 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service answers that other machines could ask, which asks for a token."""
    place = tmp_path_factory.mktemp("guarded")
    write_picture(place / "folder" / "red.png", "red")
    faked("index", place / "folder", "--model", "fake:colours")
    (place / "token").write_text(TOKEN)
    line = ("serve", place / "folder", "--port", "0", "--host", "0.0.0.0")
    with started(*line, "--token-file", place / "token") as service:
        yield answering(service).replace("0.0.0.0", "127.0.0.1")


def test_a_token_has_to_be_shown(guarded: str) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(f"{guarded}/v1/stores", headers=right).status_code == 200
    assert httpx.get(f"{guarded}/healthz").status_code == 200
    for wrong in ({}, {"Authorization": "Bearer x"}, {"Cookie": "cmsearch=x"}):
        answer = httpx.get(f"{guarded}/v1/stores", headers=wrong)
        assert answer.status_code == 401
        assert "token" in answer.json()["detail"]
        for method, path in (("POST", ""), ("GET", ""), ("DELETE", "/x"), ("GET", "/x/events")):
            job = httpx.request(method, f"{guarded}/v1/index{path}", headers=wrong)
            assert job.status_code == 401
    assert httpx.get(f"{guarded}/v1/index", headers=right).json() == {"jobs": []}
    foreign = {**right, "Origin": "http://elsewhere.example"}
    assert httpx.post(f"{guarded}/v1/index", headers=foreign).status_code == 403


def test_elsewhere_than_on_this_machine_it_is_called_by_its_name_and_by_addresses(
    guarded: str,
) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    own = socket.gethostname().partition(".")[0]
    with httpx.Client(base_url=guarded) as client:
        for host in (own.upper(), f"{own}.local:80", "192.168.1.7:80", "[fd00::7]", "localhost"):
            answer = client.get("/v1/stores", headers={**right, "Host": host})
            assert answer.status_code == 200, host
            assert client.get("/v1/stores", headers={"Host": host}).status_code == 401
        for host in ("evil.example", f"{own}.evil", "192.168.1.7.evil", "1.2.3", "[::1%25x]"):
            answer = client.get("/v1/stores", headers={**right, "Host": host})
            assert answer.status_code == 421, host


def test_agents_have_to_show_it_too(guarded: str) -> None:
    own = {"Accept": "application/json, text/event-stream"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx.post(f"{guarded}/mcp", json=message, headers=own).status_code == 401
    shown = {**own, "Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(f"{guarded}/mcp", json=message, headers=shown).status_code == 200


def test_metrics_ask_for_the_token_and_count_who_lacks_it(guarded: str) -> None:
    assert httpx.get(f"{guarded}/metrics").status_code == 401
    shown = {"Authorization": f"Bearer {TOKEN}"}
    told = httpx.get(f"{guarded}/metrics", headers=shown).text
    assert 'cmsearch_http_requests_total{method="GET",route="other",status="401"}' in told


def test_a_place_that_is_taken_and_a_token_that_is_short(sample: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = called("serve", sample, "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "Nothing can listen" in done.stderr
    (tmp_path / "short").write_text("x")
    done = called("serve", sample, "--token-file", tmp_path / "short")
    assert done.returncode == 1
    assert "too short" in done.stderr
