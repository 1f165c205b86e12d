"""Links, pipes, folders and journals that somebody left in a store lead no command out of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cmsearch.models.plugins import encoders
from cmsearch.store.store import CATALOG, DIRECTORY
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.processes import script
from tests.unit.cmsearch.store.test_trust import header, naming

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")

COMMANDS = (
    ("info",), ("search", "red"), ("index", "{folder}"), ("doctor", "--samples", "0"),
    ("doctor", "--repair", "--samples", "0"), ("generations",), ("prune", "--yes"),
    ("rollback",), ("fit", "{folder}", "--reranker", "--forget"), ("duplicates",), ("info",),
)  # fmt: skip
EACH = """
import contextlib, json, logging, signal, sys
from cmsearch.cli import main
for name, commands in json.load(sys.stdin).items():
    for command in commands:
        signal.alarm(300)  # a pipe would never end
        logging.getLogger("cmsearch").handlers.clear()
        sys.argv = ["cmsearch", *command]
        print(f"--- {name}: {command[0]}", file=sys.stderr, flush=True)
        with contextlib.suppress(SystemExit):
            main()
print("all done")
"""
Plant = Callable[[Path, Path], object]


def journal(place: Path, victims: Path) -> None:
    pages = (place / CATALOG).stat().st_size // 4096
    named = naming(victims / "catalog.db")
    (place / f"{CATALOG}-journal").write_bytes(header(0, pages) + named)


def linked(name: str, victim: str) -> Plant:
    def plant(place: Path, victims: Path) -> None:
        path = place / name
        path.unlink(missing_ok=True)
        path.symlink_to(victims / victim)

    return plant


def hard(name: str, victim: str) -> Plant:
    def plant(place: Path, victims: Path) -> None:
        (place / name).unlink(missing_ok=True)
        os.link(victims / victim, place / name)

    return plant


def piped(name: str) -> Plant:
    def plant(place: Path, _: Path) -> None:
        (place / name).unlink(missing_ok=True)
        os.mkfifo(place / name)

    return plant


def made_folder(name: str) -> Plant:
    def plant(place: Path, _: Path) -> None:
        (place / name).unlink(missing_ok=True)
        (place / name / "inner").mkdir(parents=True)

    return plant


def derived(kind: str, change: Callable[[str], Plant]) -> Plant:
    """The same in place of a derived file, whatever its number."""

    def plant(place: Path, victims: Path) -> None:
        (name,) = {path.name for path in place.glob(f"{kind}-*image*")} or {
            path.name for path in place.glob(f"{kind}-*")
        }
        change(name)(place, victims)

    return plant


def a_link_to_a_folder(place: Path, victims: Path) -> None:
    shutil.rmtree(place)
    place.symlink_to(victims)


PLANTS: dict[str, Plant] = {
    "a journal that names a file": journal,
    "a journal that is a pipe": piped(f"{CATALOG}-journal"),
    "a journal that is a link": linked(f"{CATALOG}-journal", "text"),
    "a log that is a pipe": piped(f"{CATALOG}-wal"),
    "a log that is a link": linked(f"{CATALOG}-wal", "text"),
    "a log that is a second name": hard(f"{CATALOG}-wal", "text"),
    "shared memory that is a folder": made_folder(f"{CATALOG}-shm"),
    "shared memory that is a link": linked(f"{CATALOG}-shm", "text"),
    "a catalog that is a link": linked(CATALOG, "catalog.db"),
    "a catalog that is a pipe": piped(CATALOG),
    "a catalog that is a second name": hard(CATALOG, "catalog.db"),
    "a lock that is a link": linked("writer.lock", "text"),
    "a lock that is a second name": hard("writer.lock", "text"),
    "a lock that is a pipe": piped("writer.lock"),
    "a holder that is a link": linked("writer.json", "text"),
    "a holder that is a pipe": piped("writer.json"),
    "a holder that is a folder": made_folder("writer.json"),
    "a manifest that is a link": derived("manifest", lambda name: linked(name, "text")),
    "a manifest that is a pipe": derived("manifest", piped),
    "a newer manifest that is a link": linked("manifest-999.json", "text"),
    "vectors that are a link": derived("vectors", lambda name: linked(name, "text")),
    "vectors that are a folder": derived("vectors", made_folder),
    "old ids that are a folder": made_folder("ids-1-image-0.i64"),
    "ids that are a pipe": derived("ids", piped),
    "a new catalog that is a link": linked(f"{CATALOG}.new", "text"),
    "new vectors that are a link": linked("vectors-1-image-2.f16.new", "text"),
    "a store that is a link to a folder": a_link_to_a_folder,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted") / "photos"
    for colour in ("red", "green", "blue"):
        write_picture(folder / f"{colour}.png", colour)
    write_files(folder, {"red.txt": "a red thing\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


def state(folder: Path) -> Iterator[tuple[str, int, int, bytes]]:
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        yield str(path), about.st_mode, about.st_mtime_ns, data


def planted(made: Path, place: Path, what: str) -> tuple[Path, Path]:
    """A folder with its store, something in it that leads to victims, and these."""
    folder, victims = place / "photos", place / "victims"
    shutil.copytree(made, folder)
    victims.mkdir()
    (victims / "text").write_text("mine\n")
    shutil.copy(made / DIRECTORY / CATALOG, victims / "catalog.db")
    if what == "a store that is a link to a folder":
        (victims / "catalog.db").rename(victims / "other.db")
    PLANTS[what](folder / DIRECTORY, victims)
    write_picture(folder / "new.png", "cyan")  # so that there is something to write
    return folder, victims


def test_no_command_touches_what_is_outside(made: Path, tmp_path: Path) -> None:
    commands, before = {}, {}
    for number, what in enumerate(PLANTS):
        folder, victims = planted(made, tmp_path / str(number), what)
        named = ["--store", str(folder / DIRECTORY)]
        commands[what] = [
            [*(part.format(folder=folder) for part in command), *named] for command in COMMANDS
        ]
        before[victims] = list(state(victims))
    with script(EACH) as process:
        stdout, stderr = process.communicate(json.dumps(commands), timeout=600)
    assert "all done" in stdout and process.returncode == 0, stderr[-3000:]
    assert "Traceback" not in stderr and "CMSEARCH_DEBUG" not in stderr, stderr
    for (victims, kept), what in zip(before.items(), PLANTS, strict=True):
        assert list(state(victims)) == kept, what
        assert sorted(path.name for path in victims.parent.iterdir()) == ["photos", "victims"]
