"""The command `serve`."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

import gc
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import StorePath, trust_option
from cmsearch.common.files import read_file
from cmsearch.errors import CmsearchError, PluginError
from cmsearch.store.object_places import address_of

if TYPE_CHECKING:
    from cmsearch.server.engines import Engines
    from cmsearch.server.settings import Settings
    from cmsearch.server.stores import Served

MISSING = "A service needs cmsearch[serve]: pip install 'cmsearch[serve]'."
FEWEST = 16
"""Characters of a token: a shorter one can be guessed."""
_LONGEST = 4096
_WAITING = 2048
"""Connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked of a service: where and for whom it answers, and what it keeps and opens."""

    host: str
    port: int
    names: Sequence[str]
    token_file: Path | None
    thumbnails_mb: int
    stays_closed: bool


@click.command()
@click.argument("places", nargs=-1, type=StorePath(), metavar="[FOLDER|STORE ...]")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=7433, show_default=True, help="0: a free one."
)
@click.option(
    "--host-name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name by which it may be called too, as behind a proxy; may be given again.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file with the token that each request has to show; elsewhere than on this machine one "
    "is made and printed.",
)
@click.option(
    "--thumbnails-mb",
    type=click.IntRange(0, 2**20),
    default=1024,
    show_default=True,
    metavar="MB",
    help="Thumbnails that are kept in the cache; those that were used least recently go.",
)
@click.option("--no-open", "stays_closed", is_flag=True, help="Don't open the page in a browser.")
@click.option("--device", metavar="NAME", help="Where the model runs: cpu, cuda.")
@trust_option
def serve(places: Sequence[Path], device: str | None, **wished: Any) -> None:
    """Show a page to search in, and answer programs and other machines over HTTP.

    The index of this folder, or of each FOLDER, is served under the folder's name. Only this
    machine can ask, unless --host says otherwise; then a token is needed. docs/serving.md has the
    requests; /openapi.json describes them. Commands that search ask it too, as they ask `cmsearch
    daemon`, unless it was given --device.

    \b
    Examples:
      cmsearch serve ~/Pictures
      cmsearch serve photos scans --port 8000
      cmsearch serve photos --host 0.0.0.0 --token-file token.txt
    """
    try:
        from cmsearch.server.app import make_app
        from cmsearch.server.lending import lending
        from cmsearch.server.stores import open_stores
    except ImportError as error:
        raise PluginError(MISSING) from error
    wish = _Wish(**wished)
    settings = _settings(wish)
    meeting = None if device else _meeting_place()
    with lending() as engines:
        stores = open_stores(places or [Path()], device)
        for start, one in zip(places or [Path()], stores.all, strict=True):
            engines.lend(start.absolute(), one.engine)
        server = _server(make_app(stores, settings))
        sock = _listening(wish.host, wish.port)
        for one in stores.all:
            introduce(one)
        with _answering_commands(meeting, engines):
            _tell(wish, sock.getsockname()[1])
            # Before uvicorn sees to it, and after: what comes after this line is to be done, too.
            signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
            server.run(sockets=[sock])
    gc.freeze()  # the process ends, and has a second's worth of objects to look through in vain


def introduce(served: Served) -> None:
    """Say which folder a store is of, and that nothing of it is shown where that is so."""
    from cmsearch.server.errors import NotTrustedError

    click.echo(f"{served.name}: {address_of(served.root)}", err=True)
    try:
        served.check_trusted()
    except NotTrustedError as error:
        click.echo(f"No picture is shown. {error}", err=True)


def _tell(wish: _Wish, port: int) -> None:
    """Say where it answers, and open the page there."""
    name = f"[{wish.host}]" if ":" in wish.host else wish.host
    address = f"http://{name}:{port}"
    click.echo(f"Answering at {address} until Ctrl-C.", err=True)
    if not wish.stays_closed and _has_window():
        click.launch(address)


def _server(app: Any) -> Any:
    """What lets an app answer at a socket, within its bounds."""
    import uvicorn

    from cmsearch.server.protocol import LONGEST, Protocol

    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="error",
        server_header=False,
        http=Protocol,
        ws="none",
        h11_max_incomplete_event_size=LONGEST,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def _answering_commands(meeting: Path | None, engines: Engines) -> AbstractContextManager[None]:
    """What lets commands ask the service at a socket, if there can be one."""
    from cmsearch.commands.answering import answered
    from cmsearch.server.lending import answering

    return nullcontext() if meeting is None else answering(meeting, engines, answered)


def _meeting_place() -> Path | None:
    """Where commands ask this service, which depends on the environment before models change it."""
    from cmsearch.server import meeting

    if not hasattr(os, "geteuid"):  # as on Windows
        return None
    try:
        return meeting.made() / meeting.socket_path().name
    except CmsearchError as error:
        click.echo(f"Commands are not answered: {error}", err=True)
        return None


def _has_window() -> bool:
    """Whether somebody sits before a screen that a browser can open on."""
    is_remote = "SSH_CONNECTION" in os.environ
    has_screen = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return sys.stderr.isatty() and has_screen and not is_remote


def _listening(host: str, port: int) -> Any:
    """A socket that listens at an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends small answers at once, and not after 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_WAITING)  # whoever reads that it answers is not refused
    except OSError as error:
        sock.close()
        raise CmsearchError(
            f"Nothing can listen at {host}, port {port}: {error.strerror or error}. Give another "
            "one with --port, or 0 for a free one."
        ) from error
    return sock


def _settings(wish: _Wish) -> Settings:
    """The guards of a service at an address, and its bounds."""
    from cmsearch.server.settings import LOOPBACK, Settings

    is_open = not _is_loopback(wish.host)
    hosts = LOOPBACK | {name.lower() for name in (wish.host, *wish.names)}
    if is_open:
        own = socket.gethostname().lower()
        hosts |= {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
    token = None if wish.token_file is None else _read(wish.token_file)
    if token is None and is_open:
        token = secrets.token_urlsafe(32)
        click.echo(f"The token that each request has to show: {token}", err=True)
    if is_open:
        click.echo(
            "What is asked and answered goes over the network unencrypted; put a proxy with TLS "
            "before it where others listen.",
            err=True,
        )
    return Settings(
        token=token,
        hosts=hosts,
        addresses=is_open,
        workers=max(2, 2 * (os.cpu_count() or 1)),
        thumbnails=wish.thumbnails_mb * 2**20,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(path: Path) -> str:
    try:
        token = read_file(path, _LONGEST).decode().strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CmsearchError(f"The token in {path} can't be read: {reason}.") from error
    if len(token) < FEWEST:
        raise CmsearchError(f"The token in {path} is too short: it needs {FEWEST} characters.")
    return token
