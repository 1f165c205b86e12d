"""Some hundred requests that nobody means well, to a true service whose folder is hostile too.

None is answered with an error of the service, none gets a byte of what lies outside, and the
service answers afterwards. They are made from the paths of its OpenAPI document.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.bad_files import bad_pictures
from tests.bad_sounds import bad_sounds
from tests.builders import write_files, write_picture
from tests.e2e.server.conftest import answering
from tests.processes import faked, started

SECRET = b"what-nobody-may-read"
SECONDS = 60.0
"""For an answer; there is no bound that a request here should come near."""
SCRIPT = "<html><script>alert(1)</script><body><p>A red house.</p></body></html>"
LATER = {"swapped.png": "pictures/behind.png", "note.md": "secret.txt", "under": "deep"}
"""What links in the folder lead to once it was indexed."""
SOUNDS = ("hours.wav", "channels.wav", "fast.wav", "playlist.m4a", "concat.mp3", "sdp.mp3")


@dataclass(frozen=True)
class Service:
    """A service, what it describes, and the secret place beside its folder."""

    host: str
    port: int
    paths: dict[str, Any]
    outside: Path
    numbers: dict[str, int]

    def sent(self, data: bytes, seconds: float = SECONDS) -> bytes:
        """All that is answered to bytes, until the service closes or has nothing more to say."""
        answer, end = bytearray(), time.monotonic() + seconds
        with socket.create_connection((self.host, self.port), timeout=seconds) as connection:
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.sendall(data)
            with contextlib.suppress(ConnectionError, TimeoutError):
                while time.monotonic() < end and (piece := connection.recv(2**16)):
                    answer += piece
        return bytes(answer)

    def head(self, line: str, *headers: str) -> bytes:
        """The head of a request, after which the connection is closed."""
        own = f"{line}\r\nHost: {self.host}:{self.port}\r\nConnection: close\r\n"
        more = "".join(f"{one}\r\n" for one in headers)
        return (own + more + "\r\n").encode("utf-8", "surrogateescape")

    def body(self, path: str, body: bytes, kind: str = "application/json") -> bytes:
        """A request with a body."""
        length = f"Content-Length: {len(body)}"
        return self.head(f"POST {path} HTTP/1.1", f"Content-Type: {kind}", length) + body


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    place = tmp_path_factory.mktemp("hostile")
    folder, outside = place / "folder", place / "outside"
    for name in ("red", "green", "swapped"):
        write_picture(folder / f"{name}.png", {"swapped": "blue"}.get(name, name))
    behind = write_picture(outside / "pictures" / "behind.png", "blue")
    behind.write_bytes(behind.read_bytes() + SECRET)
    write_files(
        folder,
        {
            "page.html": SCRIPT,
            "drawing.svg": f'<svg xmlns="http://www.w3.org/2000/svg">{SCRIPT}</svg>',
            "under/note.md": "A blue note.\n",
            "note.md": "A green note.\n",
        },
    )
    (folder / "linked").symlink_to(outside / "pictures")  # which indexing follows
    faked("index", folder, "--model", "fake:colours", "--asr", "none")
    write_files(outside, {"secret.txt": SECRET, "deep/note.md": SECRET})
    for name, target in LATER.items():
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        path.symlink_to(outside / target)
    with started("serve", folder, "--port", "0") as process:
        address = answering(process)
        host, port = address.removeprefix("http://").split(":")
        with httpx.Client(base_url=address, timeout=SECONDS) as client:
            paths = client.get("/openapi.json").json()["paths"]
            hits = client.get("/v1/search", params={"q": "red", "k": 50}).json()["hits"]
        names = (hit["path"].removeprefix(f"{folder}/").removeprefix("linked/") for hit in hits)
        numbers = dict(zip(names, (hit["item"] for hit in hits), strict=True))
        yield Service(host, int(port), paths, outside, numbers)
        assert process.poll() is None


def checked(service: Service, answer: bytes, about: object) -> list[int]:
    """The statuses of what was answered, none of which is an error of the service."""
    statuses = [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
    assert not [one for one in statuses if one >= 500], (about, answer[:500])
    assert SECRET not in answer, about
    assert b"Traceback" not in answer, about
    return statuses


@pytest.fixture(autouse=True)
def _answers_afterwards(service: Service) -> Iterator[None]:
    yield
    answer = service.sent(service.head("GET /v1/search?q=red&k=1 HTTP/1.1"))
    assert checked(service, answer, "afterwards") == [200]
    assert b"red.png" in answer


def ways_out(outside: Path) -> list[str]:
    """Names of a file outside, as what a careless service would take for a path."""
    up = ["../outside/secret.txt", f"{'../' * 9}etc/passwd", str(outside / "secret.txt")]
    percents = [quote(one, safe="") for one in up]
    return [
        *up, *percents, *(quote(one, safe="") for one in percents),
        "..%2foutside%2fsecret.txt", "..%5coutside%5csecret.txt", "..\\outside\\secret.txt",
        "%2e%2e/outside/secret.txt", "....//outside/secret.txt", "..;/outside/secret.txt",
        "..%c0%afoutside%c0%afsecret.txt", "%00", "red.png%00.txt", f"file://{outside}/secret.txt",
        "note.md", "linked/behind.png", "~root", "-1", "0x1", "1e3", "%EF%BC%91",
        "9" * 400, "null", "*",
    ]  # fmt: skip


def test_no_name_leads_out(service: Service) -> None:
    count = 0
    names = ways_out(service.outside)
    for path in sorted(service.paths):
        if "{" not in path:
            continue
        for number, name in enumerate(names):
            if number % 3 == count % 3 or path == "/v1/items/{number}/media":
                own = re.sub(r"\{\w+\}", name.replace(" ", "%20").replace("\\", "\\\\"), path)
                answer = service.sent(service.head(f"GET {own} HTTP/1.1"))
                assert 200 not in checked(service, answer, own), own
        count += 1
    for name in names:
        for line in (f"GET /{name} HTTP/1.1", f"GET /v1/search?q=a&store={name} HTTP/1.1"):
            checked(service, service.sent(service.head(line)), line)


def test_no_value_leads_out(service: Service) -> None:
    for path, ways in sorted(service.paths.items()):
        own = path.replace("{number}", str(service.numbers["red.png"]))
        texts = [
            one["name"]
            for one in ways.get("get", {}).get("parameters", [])
            if one["in"] == "query" and "integer" not in str(one["schema"])
        ]
        for name in texts:
            for value in ("../outside/secret.txt", str(service.outside / "secret.txt"), "%00"):
                line = f"GET {own}?{name}={quote(value, safe='%')} HTTP/1.1"
                checked(service, service.sent(service.head(line), 5), line)


def test_links_that_lead_out_are_not_followed(service: Service) -> None:
    for name in ("swapped.png", "note.md", "under/note.md", "behind.png"):
        for path in sorted(service.paths):
            if not path.startswith("/v1/items/{"):
                continue
            own = re.sub(r"\{\w+\}", str(service.numbers[name]), path)
            answer = service.sent(service.head(f"GET {own} HTTP/1.1"))
            statuses = checked(service, answer, own)
            if path.endswith(("/media", "/thumbnail")):
                assert statuses == [404], own
    body = json.dumps({"parts": [{"item": service.numbers["swapped.png"]}]}).encode()
    assert checked(service, service.sent(service.body("/v1/search", body)), "part") == [404]


def test_neither_sheet_nor_map_shows_what_lies_outside(service: Service) -> None:
    inside = next(one for one in service.numbers if one.endswith("red.png"))
    numbers = [service.numbers[name] for name in (inside, "swapped.png", "behind.png")]
    with httpx.Client(base_url=f"http://{service.host}:{service.port}", timeout=SECONDS) as client:
        sheet = client.post("/v1/sheet", data={"items": ",".join(map(str, numbers))})
        map_page = client.get("/v1/map")
    pages = [sheet] if map_page.status_code == 503 else [sheet, map_page]  # the extra is missing
    for page in pages:
        assert page.status_code == 200, page.text[:500]
        assert Path(inside).name in page.text
        assert "swapped.png" not in page.text and "behind.png" not in page.text


def test_what_a_browser_could_run_is_only_saved(service: Service) -> None:
    shown = [name for name in ("page.html", "drawing.svg") if name in service.numbers]
    assert "page.html" in shown
    for name in shown:
        line = f"GET /v1/items/{service.numbers[name]}/media HTTP/1.1"
        answer = service.sent(service.head(line)).lower()
        assert b"content-disposition: attachment" in answer
        assert b"content-type: application/octet-stream" in answer
        assert b"content-security-policy: default-src 'none'; sandbox" in answer


RANGES = (
    "bytes=0-0,0-0,0-0", "bytes=0-10,5-15,8-9", "bytes=99999999999999999999-", "bytes=-0",
    "bytes=-1", "bytes=-99999999999999999999", "bytes=--1", "bytes=5-1", "bytes=a-b", "bytes=",
    "bytes", "=", "bytes=0-,0-,0-", "items=0-1", "bytes=0-18446744073709551616", "bytes=1-1;",
    f"bytes={','.join(f'{one}-{one}' for one in range(2000))}",
    f"bytes={','.join(['0-'] * 3000)}", "bytes=\xff-1", "bytes=0x0-0x9", "bytes= 0 - 1 ",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_ranges_give_no_more_than_the_file(service: Service, method: str) -> None:
    line = f"{method} /v1/items/{service.numbers['red.png']}/media HTTP/1.1"
    whole = service.sent(service.head(line.replace("HEAD", "GET")))
    for value in RANGES:
        answer = service.sent(service.head(line, f"Range: {value}"))
        assert checked(service, answer, value[:50])
        assert len(answer) < len(whole) + 2**16, value[:50]


def test_pictures_and_recordings_that_are_bombs(service: Service) -> None:
    sent = [("image", name, data) for name, (data, _) in bad_pictures().items()]
    sent += [("audio", name, bad_sounds()[name][0]) for name in SOUNDS]
    for field, name, data in sent:
        bounds = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n'
        form = bounds % (field.encode(), name.encode()) + data + b"\r\n--x--\r\n"
        request = service.body("/v1/search", form, "multipart/form-data; boundary=x")
        assert checked(service, service.sent(request), name) != [], name


DEEP = 50_000
BODIES = (
    b"", b"null", b"0", b"[]", b'"x"', b"{", b"\xff\xfe", b'{"query": "\xff"}', b"\x00" * 100,
    b'{"query": "\\ud800"}', b'{"query": "\\u0000"}', b"[" * DEEP, b'{"parts":' * DEEP,
    b'{"query":' + b"[" * DEEP + b"]" * DEEP + b"}", b'{"k": 1e999, "query": "a"}',
    b'{"k": ' + b"9" * 5000 + b', "query": "a"}', b'{"query": "a", "k": NaN}',
    b'{"query": "a", "query": "b"}', b'{"query": "%s"}' % (b"a" * 200_000),
    b'{"query": "a", "filters": {"path": "%s"}}' % (b"*" * 4000 + b"x"),
    b'{"query": "a", "filters": {"path": "../../*"}}',
    b'{"query": "a", "filters": {"path": "[[[["}}',
    b'{"query": "%s"}' % (b"a + " * 2000), b'{"query": "%s"}' % (b"\\\"" * 4000),
    b'{"query": "a", "parts": [{"item": -1}]}', b'{"query": "a", "parts": [{"file": 0}]}',
    b'{"query": "a", "parts": [{"text": "b", "weight": 1e308}]}',
    b'{"query": "a", "ranking": {"rerank": "../../x"}}',
    b'{"query": "a", "ranking": {"rerank": "/etc/passwd", "depth": 1000}}',
    b'{"query": "a", "target": "\\u202e"}', b'{"store": "../outside", "query": "a"}',
)  # fmt: skip
KINDS = (
    "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 5000, "\xff/\xfe",
    "application/json; charset=utf-16", "", "multipart/form-data; boundary=x; boundary=y",
)  # fmt: skip


def test_bodies_of_any_kind(service: Service) -> None:
    posts = sorted(path for path, ways in service.paths.items() if "post" in ways)
    for path in posts:
        own = path.replace("{number}", "1")
        for body in BODIES if path == "/v1/search" else BODIES[:15]:
            assert checked(service, service.sent(service.body(own, body)), body[:50]), body[:50]
    for kind in KINDS:
        for body in (
            b'{"query": "a"}',
            b"--x\r\n\r\n\r\n--x--",
            b"--x\r\nContent-Disposition: \r\n",
        ):
            request = service.body("/v1/search", body, kind)
            assert checked(service, service.sent(request), kind), kind


def test_forms_of_many_parts(service: Service) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\na\r\n'
    field = b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n{}\r\n'
    long = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\na\r\n' % (b"n" * 10**5)
    large = b'--x\r\nContent-Disposition: form-data; name="request"\r\n\r\n' + b"a" * 2**21
    for body in (part * 1000, field * 1000, long, large, part[:-1], part + b"X: " + b"y" * 10**5):
        request = service.body(
            "/v1/search", body + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"
        )
        assert 200 not in checked(service, service.sent(request), body[:80])


LINES = (
    f"GET /{'a' * 10**6} HTTP/1.1", "GET /healthz HTTP/9.9", "GET  /healthz  HTTP/1.1",
    "PRI * HTTP/2.0", "TRACE /healthz HTTP/1.1", "CONNECT evil.example:443 HTTP/1.1",
    "OPTIONS * HTTP/1.1", f"{'X' * 5000} / HTTP/1.1", "GET /\xff HTTP/1.1", "get /healthz HTTP/1.1",
    "GET /healthz#x HTTP/1.1", "GET //healthz HTTP/1.1", "GET ? HTTP/1.1", "GET /healthz HTTP/0.9",
)  # fmt: skip
HEADERS = (
    f"X: {'y' * 10**6}", "X: y\r\n" * 20_000 + "X: y",
    " folded: x", "no colon", "X\0: y", "X: \0",
    'Cookie: cmsearch="', f"Cookie: {'a=b;' * 900}", "Host: evil.example", "Content-Length: -1",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
    "Sec-WebSocket-Version: 13",
    "Upgrade: h2c\r\nConnection: Upgrade", "Expect: 100-continue\r\nContent-Length: 5",
    "Content-Length: 1, 2", "Content-Length: 99999999999999999999999", "Content-Length: \xb2",
    "If-None-Match: " + '"x",' * 3000, "Authorization: Bearer \xff", "X-Forwarded-For: \xff",
    "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: javascript", "Accept: */" + "*" * 5000,
)  # fmt: skip


def test_heads_that_are_long_or_odd(service: Service) -> None:
    plain = f"GET /healthz HTTP/1.1\r\nHost: {service.host}\r\nConnection: close\r\n"
    own = f"Host: {service.host}\r\nConnection: close\r\n\r\n"
    odd = [plain + f"{line}\r\n\r\n" for line in HEADERS]
    odd += [f"{line}\r\n{own}" for line in LINES]
    odd += [
        "GET /healthz\r\n\r\n",
        "\r\n\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "\x16\x03\x01\x02\0\x01" * 9,
    ]
    for text in odd:
        checked(service, service.sent(text.encode("latin-1"), 0.5), text[:80])


HOSTS = (
    "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1", "[::1].evil",
    "localhost:80:evil.example", "", " ", "2130706433", "0x7f.1", "127.1", "0.0.0.0",
    "LOCALHOST.evil", "\xff", "127.0.0.1\tevil", "localhost/evil", "localhost#evil",
    "localhost?evil", "localhost:evil", "::1", "[localhost]", "localhost\\evil",
)  # fmt: skip


def test_other_names_get_nothing(service: Service) -> None:
    for host in HOSTS:
        for version in ("1.0", "1.1"):
            data = f"GET /v1/stores HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            answer = service.sent(data.encode("latin-1"))
            assert set(checked(service, answer, host)) <= {400, 421}, (host, answer[:200])
    unnamed = b"GET /v1/stores HTTP/1.0\r\n\r\n"
    assert checked(service, service.sent(unnamed), "no Host") == [421]
    absolute = f"GET http://evil.example/v1/stores HTTP/1.1\r\nHost: {service.host}\r\n"
    answer = service.sent((absolute + "Connection: close\r\n\r\n").encode())
    assert b'"stores"' not in answer and checked(service, answer, "absolute") == [404]
    for origin in ("http://evil.example", "null", "", "http://127.0.0.1", "https://127.0.0.1.evil"):
        answer = service.sent(service.head("GET /v1/stores HTTP/1.1", f"Origin: {origin}"))
        assert checked(service, answer, origin) == [403], origin


def test_requests_behind_each_other(service: Service) -> None:
    one = service.head("GET /healthz HTTP/1.1").replace(b"Connection: close\r\n", b"")
    last = service.head("GET /healthz HTTP/1.1")
    assert checked(service, service.sent(one * 50 + last), "pipeline") == [200] * 51
    chunked = "Transfer-Encoding: chunked"
    for headers, body in (
        (("Content-Length: 4", chunked), b"0\r\n\r\nGET /v1/stores HTTP/1.1\r\n\r\n"),
        ((chunked, "Content-Length: 40"), b"5\r\nhello\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked, identity",), b"0\r\n\r\n"),
        (("Transfer-Encoding: xchunked",), b"0\r\n\r\n"),
        (("Transfer-Encoding:\tchunked", chunked), b"0\r\n\r\n"),
        (("Content-Length: 3", "Content-Length: 30"), b"abc"),
        ((chunked,), b"ffffffffffffffffffff\r\n"),
        ((chunked,), b"-1\r\n\r\n"),
        ((chunked,), b"5;" + b"x" * 10**5 + b"\r\nhello\r\n0\r\n\r\n"),
    ):
        answer = service.sent(service.head("POST /v1/search HTTP/1.1", *headers) + body, 1)
        statuses = checked(service, answer, headers)
        assert len(statuses) <= 1 and 200 not in statuses, (headers, answer)
        assert b'"stores"' not in answer


def test_clients_that_hang_or_leave_hold_nobody_up(service: Service) -> None:
    head = service.head("POST /v1/search HTTP/1.1", "Content-Length: 1000", "Content-Type: a/b")
    with contextlib.ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(socket.create_connection((service.host, service.port)))
            connection.sendall(head[: 20 + number] if number % 2 else head + b"{")
        answer = service.sent(service.head("GET /v1/search?q=red HTTP/1.1"))
        assert checked(service, answer, "beside") == [200]
    for _ in range(50):
        with socket.create_connection((service.host, service.port)) as connection:
            connection.sendall(service.head("GET /v1/search?q=red HTTP/1.1"))
