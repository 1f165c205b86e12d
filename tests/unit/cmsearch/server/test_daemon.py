"""A warm command line: the same answers as a cold one, by a socket that nobody else reaches."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cmsearch.commands.answering import answered
from cmsearch.common import stopping
from cmsearch.models.plugins import encoders
from cmsearch.search.engine import open as cmsearch_open
from cmsearch.server import asking, meeting
from cmsearch.server.daemon import Answer, Daemon
from cmsearch.server.engines import Engines
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import captured, cmsearch, python
from tests.processes import ROOT, started

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="it needs users and sockets")
MODEL = "fake:colours"


def waited_for(is_so: Callable[[], object]) -> None:
    """Return once something is so."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def serving(engines: Engines | None = None, answer: Answer = answered) -> Iterator[Daemon]:
    """A daemon in a thread of this process."""
    one = Daemon(engines or Engines(), answer)
    thread = threading.Thread(target=one.serve)
    thread.start()
    try:
        waited_for(lambda: asking.ask_at(meeting.socket_path(), {"do": "status"}))
        yield one
    finally:
        one.stop()
        thread.join(60)
        one._engines.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The current folder: pictures, captions and a note, with a state of its own."""
    scratch = Path(tempfile.mkdtemp(prefix="cms", dir="/tmp"))  # sockets have short paths
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMSEARCH_STATE", str(scratch / "state"))
        patch.delenv("CMSEARCH_DAEMON")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setattr(asking, "_GREETING", 60.0)  # a busy machine may greet late
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        folder = scratch / "pictures"
        for name in ("red", "green", "blue"):
            write_picture(folder / f"{name}.png", name)
        write_files(folder, {"green.txt": "green meadow\n", "note.md": "A red house.\n"})
        Indexer(folder, model=MODEL).run()
        patch.chdir(folder)
        yield folder
    shutil.rmtree(scratch)


@pytest.fixture
def daemon(place: Path) -> Iterator[Daemon]:
    with serving() as one:
        yield one


def both(
    daemon: Daemon, *arguments: object, stdin: bytes = b"", before: str = ""
) -> tuple[int, bytes, bytes]:
    """What a command does, the same cold and warm."""
    shown = []
    for wish in ("--no-daemon", None):
        if before:
            captured("search", before, "--no-daemon")
        shown.append(captured(*arguments, *filter(None, [wish]), stdin=stdin))
    assert shown[0] == shown[1], arguments
    return shown[0]


SEARCHES = (
    ["red"],
    ["red", "--format", "json", "-k", "2"],
    ["red", "--format", "paths0", "--per-modality"],
    ["red + 2:blue - green", "--not", "meadow", "--format", "json"],
    ["red", "--store", "../pictures", "--format", "json"],
    ["red in 2020", "--format", "json"],
    [f"red in {time.localtime().tm_year}", "--since", "2001", "--format", "json"],
    ["red", "--path", "nothing*"],
    ["red", "--near", "1,2,3", "--rating", "4..", "--keyword", "x"],
    ["red", "--cutoff", "auto", "--min-relevance", "1"],
    ["the moon and the stars", "--match", "picture"],
    ["--image", "red.png", "--text", "but blue", "--format", "json"],
    ["--image", "-", "--format", "json"],
    ["red.png"],
)
FAILING = (
    ["red + "],
    ["--image", "missing.png"],
    ["--image", "note.md"],
    ["red", "--store", "/"],
    ["red", "--rerank", "nonsense"],
    ["red", "--path", "../outside"],
)


def test_warm_answers_are_the_cold_ones(daemon: Daemon, place: Path) -> None:
    picture = (place / "blue.png").read_bytes()
    for number, arguments in enumerate(SEARCHES, 1):
        status, *_ = both(daemon, "search", *arguments, stdin=picture)
        assert status == 0
        assert daemon._status()["answered"] == number, arguments


def test_errors_are_those_of_a_cold_search(daemon: Daemon) -> None:
    for arguments in FAILING:
        status, stdout, stderr = both(daemon, "search", *arguments)
        assert status in (1, 2) and stdout == b"" and stderr.startswith((b"Error", b"Usage"))
    assert daemon._status()["answered"] == 0


def test_what_goes_on_from_a_search_is_warm_too(daemon: Daemon) -> None:
    for arguments in (["more", 1, "--not", 2], ["again", "-k", 1], ["similar", "red.png"]):
        before = daemon._status()["answered"]
        assert both(daemon, *arguments, "--format", "json", before="red")[1]
        assert daemon._status()["answered"] == before + 1


EXPLAINED = (
    ["red", "red.png"],
    ["a red house", "blue.png", "--format", "json"],
    ["green meadow", "../pictures/green.png", "--store", ".", "--format", "json"],
    ["but green", "red.png", "--image", "blue.png"],
)


def test_an_explanation_is_the_same_with_its_drawing(daemon: Daemon, place: Path) -> None:
    out = place.parent / "drawn.png"
    for number, arguments in enumerate(EXPLAINED, 1):
        drawn = []
        for wish in ("--no-daemon", None):
            line = ("explain", *arguments, "--out", out, "--force", *filter(None, [wish]))
            drawn.append((captured(*line), out.read_bytes()))
            out.unlink()
        assert drawn[0] == drawn[1], arguments
        assert drawn[0][0][0] == 0 and drawn[0][1].startswith(b"\x89PNG")
        assert daemon._status()["answered"] == number, arguments


def test_what_cant_be_explained_is_told_by_the_command(daemon: Daemon, place: Path) -> None:
    for arguments in (["red", "missing.png"], ["red", "note.md"], [" ", "red.png"]):
        assert both(daemon, "explain", *arguments)[0] == 2
    (place.parent / "kept.png").write_bytes(b"mine")
    assert both(daemon, "explain", "red", "red.png", "--out", "../kept.png")[0] == 2
    assert (place.parent / "kept.png").read_bytes() == b"mine"
    assert daemon._status()["answered"] == 0


def test_answers_about_pictures_are_the_same(daemon: Daemon, place: Path) -> None:
    questions = '{"Which colour?": ["red", "blue"], "Is it?": {"yes": ["green"], "no": "moon"}}'
    write_files(place.parent, {"asked.json": questions, "mixed/a.png": "no picture"})
    write_picture(place.parent / "mixed" / "b.png", "blue")
    for number, (status, arguments) in enumerate(
        [
            (0, ["red.png", "--choices", "red, blue"]),
            (0, ["red.png", "../pictures/blue.png", "--choices", "red, blue", "--no-none"]),
            (0, [".", "--question", "Which?", "--choices", "red, blue", "--format", "json"]),
            (0, ["../mixed/b.png", "--questions", "../asked.json", "--format", "json"]),
            (3, ["../mixed", "--questions", "../asked.json"]),
        ],
        1,
    ):
        assert both(daemon, "classify", *arguments)[0] == status
        assert daemon._status()["answered"] == number, arguments


def test_mistakes_of_questions_are_told_by_the_command(daemon: Daemon, place: Path) -> None:
    for status, arguments in (
        (2, ["red.png"]),
        (2, ["red.png", "--choices", "red, RED"]),
        (1, ["red.png", "--questions", "missing.json"]),
        (1, ["note.md", "--choices", "red"]),
        (1, ["missing.png", "--choices", "red"]),
        (1, ["red.png", "--choices", "red", "--store", "/"]),
    ):
        assert both(daemon, "classify", *arguments)[0] == status, arguments


def test_a_page_of_hits_is_the_same(daemon: Daemon, place: Path) -> None:
    pages = []
    for wish in ("--no-daemon", "--preview"):
        captured("search", "red", "--html", "../page.html", wish)
        pages.append((place.parent / "page.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_store_that_changes_or_is_made_anew_is_searched_as_it_is(
    daemon: Daemon, place: Path
) -> None:
    folder = write_picture(place.parent / "other" / "a.png", "red").parent
    arguments = ("search", "red", "--store", folder, "--format", "paths")
    Indexer(folder, model=MODEL).run()
    assert both(daemon, *arguments)[1].count(b"\n") == 1
    write_picture(folder / "b.png", "blue")
    Indexer(folder, model=MODEL).run()
    assert both(daemon, *arguments)[1].count(b"\n") == 2
    shutil.rmtree(folder / ".cmsearch")
    (folder / "a.png").unlink()
    Indexer(folder, model=MODEL).run()
    assert both(daemon, *arguments)[1].count(b"\n") == 1
    assert daemon._status()["answered"] == 3
    shutil.rmtree(folder)
    assert both(daemon, *arguments)[0] == 1


def test_a_store_that_was_put_in_the_place_of_another(daemon: Daemon, place: Path) -> None:
    arguments = ("search", "red", "--store", place.parent / "swapped", "--format", "paths")
    for names in (("a",), ("a", "b")):
        folder = place.parent / "-".join(names)
        for name, colour in zip(names, ("red", "blue"), strict=False):
            write_picture(folder / f"{name}.png", colour)
        Indexer(folder, model=MODEL).run()
        shutil.rmtree(place.parent / "swapped", ignore_errors=True)
        folder.rename(place.parent / "swapped")
        assert both(daemon, *arguments)[1].count(b"\n") == len(names)
    assert daemon._status()["answered"] == 2


def test_the_client_loads_nothing_heavy(daemon: Daemon) -> None:
    heavy = {"numpy", "sqlalchemy", "faiss", "onnxruntime", "PIL", "asyncio", "torch"}
    for number, line in enumerate(
        (
            ["search", "red", "--format", "json"],
            ["explain", "red", "red.png", "--out", "../light.png"],
            ["classify", "red.png", "--choices", "red, blue"],
        ),
        1,
    ):
        shown = python(
            "import sys, contextlib\n"
            f"sys.argv = {['cmsearch', *line]!r}\n"
            "from cmsearch.cli import main\n"
            "with contextlib.suppress(SystemExit): main()\n"
            f"print(sorted({heavy!r} & set(sys.modules)))"
        )
        assert daemon._status()["answered"] == number
        assert shown.splitlines()[-1] == "[]", line
    ours = python(
        "import sys, contextlib\n"
        "sys.argv = ['cmsearch', 'search', 'red']\n"
        "from cmsearch.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print([one for one in sys.modules if one.startswith('cmsearch.search.engine')])"
    )
    assert ours.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "change", [("CMSEARCH_CACHE", "/elsewhere"), ("TZ", "Asia/Tokyo"), ("OMP_NUM_THREADS", "17")]
)
def test_another_environment_is_not_answered(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    met = meeting.socket_path()
    monkeypatch.setenv(*change)
    assert meeting.socket_path() != met
    assert asking.ask({"do": "status"}) is None


def test_the_terminal_and_the_wish_for_a_daemon_change_nothing(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "CMSEARCH_DAEMON", "CMSEARCH_PREVIEW", "PWD"):
        monkeypatch.setenv(name, "0")
    assert asking.ask({"do": "status"}) is not None
    captured("search", "red")
    assert daemon._status()["answered"] == 0


def test_trust_and_models_of_paths_are_left_to_the_client(daemon: Daemon) -> None:
    both(daemon, "search", "red", "--trust")
    both(daemon, "search", "red", "--rerank", "learned:missing.npz")
    assert daemon._status()["answered"] == 0


def test_only_the_user_reaches_the_socket(daemon: Daemon) -> None:
    folder, met = meeting.folder(), meeting.socket_path()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert met.lstat().st_mode & 0o777 == 0o600
    met.chmod(0o666)
    assert asking.ask({"do": "status"}) is None
    met.chmod(0o600)
    folder.chmod(0o755)
    try:
        assert not asking.may_ask() and meeting.sockets() == []
        both(daemon, "search", "red")
        assert captured("daemon", "start")[0] == 1
    finally:
        folder.chmod(0o700)
    assert daemon._status()["answered"] == 0


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or sys.platform != "linux",
    reason="only root becomes another user",
)
def test_another_user_is_no_client_and_no_daemon(daemon: Daemon, place: Path) -> None:
    met = meeting.socket_path()
    os.chown(met, 65534, -1)
    assert asking.ask({"do": "status"}) is None
    os.chown(met, 0, -1)
    code = (
        "import os, socket, sys\n"
        "one = socket.socket(socket.AF_UNIX)\n"
        "os.chdir(sys.argv[1]); os.setuid(65534)\n"
        "one.connect(sys.argv[2]); print(one.recv(1))\n"
    )
    scratch, folder = place.parent, meeting.folder()
    for one in (scratch, folder.parent, folder):
        one.chmod(0o755)
    met.chmod(0o666)
    try:
        import subprocess

        line = [sys.executable, "-c", code, str(folder), met.name]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.stdout == "b''\n", done.stderr
    finally:
        met.chmod(0o600)
        for one in (scratch, folder.parent, folder):
            one.chmod(0o700)


@pytest.mark.parametrize(
    "says",
    [b"", b"\xff" * 64, b"\0\0\0\0\0\0\0\2{}\0\0\0\0\0\0\0\2{}"],
    ids=["ends", "noise", "empty"],
)
def test_what_is_no_daemon_is_searched_without(place: Path, says: bytes) -> None:
    """It ends, or says what isn't understood, or lacks the hits."""
    met = meeting.made() / meeting.socket_path().name
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(met))
        met.chmod(0o600)
        listener.listen()

        def speak() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client may leave first
                connection.sendall(says)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(2**16):
                    pass

        thread = threading.Thread(target=speak)
        thread.start()
        shown = captured("search", "red")
        thread.join(60)
    met.unlink()
    assert shown == captured("search", "red", "--no-daemon")
    assert shown[0] == 0


def test_a_socket_that_was_left_is_replaced_and_a_second_daemon_ends(place: Path) -> None:
    met = meeting.made() / meeting.socket_path().name
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(met))
        met.chmod(0o600)
    assert captured("search", "red")[0] == 0
    with serving():
        assert not Daemon(Engines(), answered).serve()
    assert not met.exists()


def test_it_ends_when_nobody_asks_and_when_its_socket_is_gone(place: Path) -> None:
    engines = Engines()
    assert Daemon(engines, answered, idle=0.01).serve()
    with serving(engines):
        captured("search", "red")
        assert engines.places == [place / ".cmsearch"]
        engines.close_idle(0.0)
        assert engines.places == []
        captured("search", "red")
        assert engines.places == [place / ".cmsearch"]


def test_engines_that_are_lent_are_used_and_never_closed(place: Path) -> None:
    folder = place.parent / "lent"
    write_picture(folder / "a.png", "red")
    (folder / "below").mkdir()
    Indexer(folder, model=MODEL).run()
    with cmsearch_open(folder) as own:
        engines = Engines()
        engines.lend(folder, own)
        engines.close_idle(0.0)
        for start in (folder, folder / ".cmsearch"):
            with engines.using(start) as engine:
                assert engine is own
        with engines.using(folder / "below") as other:  # what is found above is trusted less
            assert other is not own
        shutil.copytree(folder / ".cmsearch", folder.parent / "copied")
        shutil.rmtree(folder / ".cmsearch")
        (folder.parent / "copied").rename(folder / ".cmsearch")
        with engines.using(folder) as other:  # another store is there
            assert other is not own
        engines.lend(folder, own)
        engines.take_back()
        engines.lend(folder, own)
        with engines.using(folder) as other:
            assert other is not own
        engines.close()
        assert own.count() == 1
    with cmsearch_open(folder / "below") as own:
        engines = Engines()
        engines.lend(folder / "below", own)
        for start in (folder, folder / "below"):
            with engines.using(start) as engine:
                assert engine is own
        engines.close()


def test_the_command_runs_tells_and_stops_one(place: Path) -> None:
    assert b"No daemon runs" in captured("daemon")[2]
    warned = write_picture(place.parent / "warned" / "a.png", "red").parent
    Indexer(warned, model=MODEL).run()
    for file in (warned / ".cmsearch").glob("rows-*"):
        file.write_bytes(b"damaged")
    with started("daemon", "run") as process:
        waited_for(lambda: asking.ask_at(meeting.socket_path(), {"do": "status"}))
        for _ in range(2):  # what is warned of is said by the client, each time
            cold, warm = (
                captured("search", "red", "--store", warned, wish)
                for wish in ("--no-daemon", "--daemon")
            )
            assert cold == warm and b"doctor" in cold[2]
        assert captured("search", "red", "--daemon")[0] == 0
        status, stdout, _ = captured("daemon", "status")
        assert status == 0 and b"1 searches answered" in stdout and b"pictures" in stdout
        assert b"One runs already" in captured("daemon", "start")[2]
        assert b"told to end" in captured("daemon", "stop")[1]
        assert process.wait(60) == 0
        assert process.stderr is not None and "doctor" in process.stderr.read()
    assert meeting.sockets() == []


def test_one_is_started_apart_from_its_starter(place: Path) -> None:
    done = cmsearch("daemon", "start")
    assert done.returncode == 0 and done.stderr == "Started.\n"
    try:
        assert b'"answered": 0' in captured("daemon", "status", "--format", "json")[1]
    finally:
        captured("daemon", "stop")
    waited_for(lambda: not meeting.sockets())


def test_a_search_stops_once_its_client_has_left(place: Path) -> None:
    begun, stopped, engines = threading.Event(), threading.Event(), Engines()

    def answer(*_: object) -> dict[str, Any]:
        begun.set()
        try:
            while True:
                stopping.check()
                time.sleep(0.005)
        finally:
            stopped.set()

    with serving(engines, answer), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(meeting.socket_path()))
        meeting.receive(client)
        meeting.send(client, {"start": str(place)})
        assert begun.wait(60)
        assert not stopped.wait(0.05)
        client.close()
        assert stopped.wait(60)
        assert engines.places == [place / ".cmsearch"]  # nothing is wrong with it


def test_a_daemon_that_hangs_is_searched_without(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_GREETING", 0.05)
    met = meeting.made() / meeting.socket_path().name
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(met))
        met.chmod(0o600)
        listener.listen()
        assert captured("search", "red")[0] == 0
    met.unlink()
