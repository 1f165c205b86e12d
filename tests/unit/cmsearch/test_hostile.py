"""A store that came from anywhere is data: refused or shown, never followed, run or loaded."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import CmsearchError, ModelError, StoreError
from cmsearch.models.plugins import encoders
from cmsearch.store.index import faiss_index
from cmsearch.store.index import manifest as manifests
from cmsearch.store.inventory import take_inventory
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Filter
from indexer import Indexer
from indexer.doctor import examine
from tests import damage
from tests.builders import write_files, write_picture
from tests.processes import faked, json_lines, script

EVIL = (
    "\x1b]8;;http://evil\x07click\x1b]8;;\x07 \x1b[2J\u202egnp.exe\x00\x9b31m<script>&amp;</script>"
)
CONTROLS = [
    *map(chr, [*range(32), *range(0x7F, 0xA0)]),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2069",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "photos"
    for number in range(30):
        write_picture(
            folder / f"{number:02}.png", ("red", "green", "blue")[number % 3], (8, 8 + number)
        )
    write_files(folder, {"00.txt": "a red thing\n", "notes.md": "Green is a colour. " * 40})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        Indexer(folder, model="fake:colours").run()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, fake_model: str) -> Path:
    return Path(shutil.copytree(made, tmp_path / "photos"))


def search(folder: Path, text: str = "red") -> list[cmsearch.Hit]:
    with cmsearch.open(folder) as engine:
        return engine.search(text, k=1000, ranking=cmsearch.Ranking(match="picture"))


def use_everything(folder: Path) -> None:
    """Open, search in each way, list, and examine: whatever fails has to fail with one of ours."""
    place = folder / DIRECTORY
    for use in (_search_all, _take_inventory, _examine):
        with suppress(CmsearchError):
            use(place)


def _search_all(place: Path) -> None:
    with cmsearch.open(place) as engine:
        for target in ("any", "caption"):  # the first is pictures and texts
            for hit in engine.search("red", target=target, k=1000):
                assert hit.path.is_relative_to(engine.store.root)
                json.dumps(str(hit))
        engine.search("green", where=Filter(path="*.png", near=(0, 0, 1e5)))


def _take_inventory(place: Path) -> None:
    with Store(place) as store:
        take_inventory(store)


def _examine(place: Path) -> None:
    with Store(place) as store:
        examine(store, samples=0)


# --- paths ---


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd.png", "../outside.png", "a/../../outside.png", "..", "a/..", "/", "//server/x.png",  # noqa: E501
     "C:\\Windows\\x.png", "C:/x.png", "..\\outside.png", "\\\\server\\x.png", "C:x.png"],
)  # fmt: skip
def test_a_path_never_leads_out_of_the_folder(folder: Path, path: str) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("UPDATE assets SET path = ? WHERE path = '00.png'", (path,))
    try:
        paths = [hit.path for hit in search(folder)]
    except StoreError as error:
        assert "outside its folder" in str(error)
    else:
        assert all(os.path.normpath(one).startswith(str(folder)) for one in paths)


def test_a_link_out_of_the_folder_is_not_followed_when_searching(folder: Path) -> None:
    """The file that a path of the store names may be a link to anywhere; a search opens none."""
    secret = folder.parent / "secret.png"
    write_picture(secret)
    (folder / "00.png").unlink()
    (folder / "00.png").symlink_to(secret)
    opened = opened_while(lambda: search(folder), folder)
    assert not [path for path in opened if path.endswith(".png")]


@pytest.mark.parametrize("root", ["/", "/etc", "..", "", "relative", "\x00", "~", "/nowhere"])
def test_a_root_that_points_elsewhere_counts_only_for_a_store_that_is_elsewhere(
    folder: Path, root: str
) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("INSERT OR REPLACE INTO settings VALUES ('root', ?)", (root,))
    assert all(hit.path.is_relative_to(folder) for hit in search(folder))


def test_a_run_doesnt_index_another_folder_into_a_store(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_picture(other / "x.png")
    with pytest.raises(StoreError, match="is the index of"):
        Indexer(other, store=folder / DIRECTORY).run()


# --- derived files ---


def crafted(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A manifest with right checksums that says something else."""
    place = folder / DIRECTORY
    manifest = manifests.newest(place)
    assert manifest is not None
    value = json.loads(json.dumps({"format": manifests.FORMAT, **asdict(manifest)}))
    change(value)
    (path,) = place.glob("manifest-*")
    path.write_text(json.dumps({**value, "checksum": zlib.crc32(json.dumps(value).encode())}))


def rewritten(folder: Path, kind: str, change: Callable[[bytes], bytes]) -> None:
    """A derived file with other content, and a manifest that agrees with it."""
    (path,) = (folder / DIRECTORY).glob(f"{kind}-1-image-*")
    data = change(path.read_bytes())
    path.write_bytes(data)

    def agree(value: dict[str, Any]) -> None:
        for index in value["indexes"]:
            file = index[kind]
            if file and file["name"] == path.name:
                size = file["block"]
                blocks = [zlib.crc32(data[at : at + size]) for at in range(0, len(data), size)]
                file.update(size=len(data), blocks=blocks)

    crafted(folder, agree)


HUGE = 2**62


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["indexes"][0].update(rows=HUGE),
        lambda value: value["indexes"][0].update(rows=-1),
        lambda value: value["indexes"][0].update(dim=HUGE),
        lambda value: value["indexes"][0].update(dim=-8),
        lambda value: value["indexes"][0].update(dim=0),
        lambda value: value["indexes"][0].update(dim=4, rows=60),
        lambda value: value["indexes"][0].update(rows="many"),
        lambda value: value["indexes"][0].update(rows=1e308),
        lambda value: value["indexes"][0].update(modality="smell"),
        lambda value: value["indexes"][0].update(modality="audio"),
        lambda value: value["indexes"][0].update(space=-1),
        lambda value: value["indexes"][0].update(space="os"),
        lambda value: value["indexes"][0].update(kept={"name": "x", "size": 1, "blocks": []}),
        lambda value: value["indexes"][0]["vectors"].update(name="../../outside"),
        lambda value: value["indexes"][0]["vectors"].update(name="/dev/zero"),
        lambda value: value["indexes"][0]["vectors"].update(name=CATALOG),
        lambda value: value["indexes"][0]["vectors"].update(name="\x00"),
        lambda value: value["indexes"][0]["vectors"].update(name=""),
        lambda value: value["indexes"][0]["vectors"].update(blocks=[-1]),
        lambda value: value["indexes"][0]["ids"].update(value["indexes"][0]["vectors"]),
        lambda value: value["indexes"].append(value["indexes"][0]),
        lambda value: value.update(indexes=[]),
        lambda value: value.update(indexes=None),
        lambda value: value.update(snapshot=-1),
        lambda value: value.update(snapshot=10**400),
        lambda value: value.update(snapshot="os"),
        lambda value: value.update(last_embedding=HUGE),
        lambda value: value.update(last_embedding=-HUGE),
        lambda value: value.update(last_embedding="x"),
        lambda value: value.update(token=None),
        lambda value: value.update(token=["x"]),
        *(
            lambda value, scale=scale: value.update(background={"bank": {"image": scale}})
            for scale in (
                *([float("nan"), 1, 0, 1], [0.5, 1, 0, float("nan")], [0.5, 0, 0.5, 0]),
                *([1e308, 0.1, 0, 1e-320], [0.5, 0.1, -1e308, 0.1], [0.1, -1, 0, -1]),
                *([0.5, 0.1, 0, float("inf")], [0.5, 0.1, 0, 10**400], [-1, 0.001, 1, 0.001]),
                *(["1", "1", "1", "1"], "0.50", {}, [], [0.5, 0.1], [[]] * 4, 5, None),
            )
        ),
        lambda value: value.update(background={"bank": [1, 2, 3, 4]}),
        lambda value: value.update(background="x"),
        lambda value: value.update(other="field"),
    ],
)  # fmt: skip
def test_a_crafted_manifest_changes_no_cosine(folder: Path, change: Any) -> None:
    crafted(folder, change)
    damage.assert_right(folder, "red")
    hits = search(folder)
    assert len(hits) > 30 and all(np.isfinite(hit.score) for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    use_everything(folder)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("ids", lambda data: data[:-8]),
        ("ids", lambda data: data + data[:8]),
        ("ids", lambda data: b"\xff" * len(data)),
        ("ids", lambda data: b"\xff" * 7 + b"\x7f" + data[8:]),
        ("ids", lambda data: data[:8] * (len(data) // 8)),
        ("vectors", lambda data: data[:-2]),
        ("vectors", lambda data: data * 2),
        ("vectors", lambda data: b""),
        ("vectors", lambda data: b"\x00\x7e" * (len(data) // 2)),
        ("vectors", lambda data: b"\xff\x7b" * (len(data) // 2)),
        ("kept", lambda data: data[:-4]),
        ("kept", lambda data: data + b"\x00" * 4),
        ("kept", lambda data: b"\xff" * len(data)),
        ("kept", lambda data: b"\x00" * len(data)),
        ("kept", lambda data: b""),
        ("kept", lambda data: data[:-4] + (30).to_bytes(4, "little")),
        ("kept", lambda data: data[:-4] + (-2).to_bytes(4, "little", signed=True)),
        ("kept", lambda data: (2).to_bytes(4, "little") + data[4:]),
        ("kept", lambda data: data[:32] + b"\xff\xff\xff\x7f" * 3 + data[44:]),
        ("kept", lambda data: data[:44] + b"\x00\x00\xc0\x7f" * 64 + data[300:]),
    ],
)
def test_crafted_files_lead_nowhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, change: Any
) -> None:
    """Their vectors may be wrong, since checksums can be made to agree; nothing else may be."""
    if kind == "kept":
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", 20)
        with Store(folder / DIRECTORY) as store:
            store.disown_files()
            store.publish()
    rewritten(folder, kind, change)
    hits = search(folder)
    assert {hit.path for hit in hits} <= {*folder.glob("*.png"), *folder.glob("*.md")}
    assert all(np.isfinite(hit.score) for hit in hits)
    use_everything(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("kind", ["vectors", "ids", "manifest"])
@pytest.mark.parametrize("what", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_read(folder: Path, kind: str, what: str) -> None:
    """A pipe waits for ever, and a device never ends."""
    (path, *_) = (folder / DIRECTORY).glob(f"{kind}-*")
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    code = "import sys, cmsearch\nwith cmsearch.open(sys.argv[1]) as e: print(len(e.search('red')))"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)\n{code}"
    with script(limited, folder) as process:
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout.strip()) == (0, "10"), stderr


# --- code ---


_hooked: list[dict[str, list[Any]]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for events in _hooked:
        if event in events:
            events[event].append(arguments)


@pytest.fixture(scope="module", autouse=True)
def _hooks() -> None:
    sys.addaudithook(_hook)  # it can't be taken away again


def opened_while(act: Callable[[], object], folder: Path) -> list[str]:
    """The paths below a folder that are opened meanwhile."""
    events: dict[str, list[Any]] = {"open": []}
    _hooked.append(events)
    try:
        act()
    finally:
        _hooked.remove(events)
    return [str(one[0]) for one in events["open"] if str(one[0]).startswith(str(folder))]


def test_faiss_files_and_pickles_in_a_store_are_never_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    place = folder / DIRECTORY
    foreign = ["index-1-image-1.faiss", "vectors-1-image-1.pkl", "model.pt", "graph.npy", "conf.py"]
    for name in foreign:
        (place / name).write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a FAISS file was read")

    for name in ("read_index", "read_index_binary", "deserialize_index", "read_VectorTransform"):
        monkeypatch.setattr(faiss, name, refused)
    events: dict[str, list[Any]] = {
        name: []
        for name in ("pickle.find_class", "exec", "os.system", "subprocess.Popen", "import")
    }
    search(folder)  # imports what is needed
    _hooked.append(events)
    try:
        opened = opened_while(lambda: use_everything(folder), folder)
    finally:
        _hooked.remove(events)
    assert not [path for path in opened if Path(path).name in foreign]
    for name in ("pickle.find_class", "os.system", "subprocess.Popen"):
        assert events[name] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": "os"}, {"encoder": "os:system"}, {"encoder": "tests.fakes:load"},
        {"encoder": "../../evil"}, {"encoder": ""}, {"encoder": "unknown"},
        {"encoder": "__import__('os')"}, {"encoder": EVIL},
        {"encoder": "open_clip", "model": "local-dir:/etc"},
        {"encoder": "open_clip", "model": "ViT-B-32/../../evil.pt"},
        {"encoder": "transformers", "model": "/etc"}, {"model": "\x1b[31m"},
        {"encoder": 7}, {"encoder": None}, {"encoder": ["os"]}, {"model": {"a": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_a_space_names_models_and_never_code(folder: Path, changes: dict[str, Any]) -> None:
    change_space(folder, **changes)
    before = set(sys.modules)
    with pytest.raises((ModelError, StoreError)):
        search(folder)
    assert not {name for name in set(sys.modules) - before if "evil" in name}
    use_everything(folder)


@pytest.mark.parametrize(
    "changes",
    [{"dim": -1}, {"dim": 0}, {"dim": 10**30}, {"dim": "8"}, {"dim": None}, {"dim": 8.5},
     {"dim": True}, {"metric": "l2"}, {"metric": None}, {"adapter": 5}, {"recipe": None},
     {"weights": 1}],
    ids=str,
)  # fmt: skip
def test_a_space_of_odd_values_is_an_error(folder: Path, changes: dict[str, Any]) -> None:
    change_space(folder, **changes)
    with pytest.raises((ModelError, StoreError)):
        search(folder)
    use_everything(folder)


def change_space(folder: Path, **changes: Any) -> None:
    with damage.catalog(folder) as connection:
        ((description,),) = connection.execute("SELECT description FROM spaces").fetchall()
        changed = json.dumps({**json.loads(description), **changes})
        connection.execute("UPDATE spaces SET description = ?", (changed,))


# --- SQL ---


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TRIGGER evil AFTER UPDATE ON assets BEGIN DELETE FROM items; END"],
        ["CREATE TRIGGER evil AFTER INSERT ON settings BEGIN DELETE FROM items; END"],
        ["ALTER TABLE items RENAME TO kept", "CREATE VIEW items AS SELECT * FROM kept"],
        ["ALTER TABLE items RENAME TO kept", "CREATE VIEW items AS WITH RECURSIVE r(id) AS"
         " (SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id, 1 AS asset, 'image' AS modality,"
         " 'photo' AS kind, NULL AS text, NULL AS about, '' AS locator, '' AS digest FROM r"],
        ["CREATE VIEW more AS SELECT load_extension('/tmp/evil.so')"],
    ],
    ids=["trigger", "another trigger", "view", "endless view", "extension"],
)  # fmt: skip
def test_a_catalog_with_anything_but_tables_is_refused(folder: Path, statements: list[str]) -> None:
    """A view may never end, and a trigger writes what no program of ours asked for."""
    damage.sql(folder, *statements)
    with pytest.raises(StoreError, match="unlike any catalog"):
        Store(folder / DIRECTORY).close()


def test_searching_writes_nothing(folder: Path) -> None:
    path = folder / DIRECTORY / CATALOG
    before = path.read_bytes()
    _search_all(path.parent)
    _take_inventory(path.parent)
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["settings", "assets", "items", "spaces", "generations",
                                   "embeddings", "tombstones"])  # fmt: skip
def test_a_missing_table_or_column_is_an_error(folder: Path, table: str) -> None:
    damage.sql(folder, "PRAGMA foreign_keys = OFF", f"ALTER TABLE {table} RENAME TO gone")
    use_everything(folder)
    with pytest.raises(StoreError):
        _examine(folder / DIRECTORY)
    damage.sql(folder, f"CREATE TABLE {table} (id, name, other)")
    use_everything(folder)


VALUES = ["NULL", "x'ff00'", "''", "'text'", "-1", "9223372036854775807", "1e300", "'\x1b[31m'",
          "CAST(x'ff' AS TEXT)", "zeroblob(1000000)", f"'{'9' * 5000}'", "'[]'", "'{\"a\": 1}'"]  # fmt: skip  # noqa: E501
COLUMNS = {
    "settings": ["value"],
    "assets": ["path", "kind", "size", "mtime_ns", "digest", "error", "about", "taken", "camera",
               "latitude", "longitude"],
    "items": ["asset", "modality", "kind", "text", "about", "locator", "digest"],
    "spaces": ["description", "runtime", "created"],
    "generations": ["spaces", "created", "served"],
    "embeddings": ["item", "space", "modality", "part", "vector", "features", "tokens"],
    "tombstones": ["snapshot"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "column"), [(table, one) for table, own in COLUMNS.items() for one in own]
)
def test_no_value_in_any_column_is_a_traceback(folder: Path, table: str, column: str) -> None:
    path = folder / DIRECTORY / CATALOG
    damage.sql(folder, "INSERT INTO tombstones VALUES (999, 1)")
    whole = path.read_bytes()
    wrong = []
    for value in VALUES[::2] if len(column) % 2 else VALUES[1::2]:
        path.write_bytes(whole)
        try:
            damage.sql(
                folder, "PRAGMA ignore_check_constraints = ON",
                f"UPDATE OR IGNORE {table} SET {column} = {value} WHERE rowid % 2 = 1",
            )  # fmt: skip
        except Exception:
            continue  # SQLite's own rules forbid it
        try:
            use_everything(folder)
        except Exception as error:
            wrong.append((value[:20], f"{type(error).__name__}: {error}"[:120]))
    assert wrong == []


@pytest.mark.parametrize("target", ["elsewhere.db", "/dev/zero", "nothing"])
def test_a_catalog_that_is_a_link_is_not_followed(
    folder: Path, tmp_path: Path, target: str
) -> None:
    """Its journals would lie, be played back and be deleted where it leads."""
    catalog = folder / DIRECTORY / CATALOG
    catalog.rename(tmp_path / "elsewhere.db")
    catalog.symlink_to(tmp_path / target)
    with pytest.raises(StoreError, match=r"catalog.db is a link"):
        search(folder)


def test_what_is_about_itself_ends(folder: Path) -> None:
    damage.sql(folder, "UPDATE items SET about = asset",
               "UPDATE assets SET about = path")  # fmt: skip
    assert search(folder)
    use_everything(folder)


# --- what is shown ---


def test_names_and_texts_lose_their_control_characters_in_tables(folder: Path) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("UPDATE items SET text = ? WHERE text IS NOT NULL", (EVIL * 2,))
        connection.execute("UPDATE assets SET path = ? WHERE path = '00.png'", (f"a{EVIL}.png",))
    shown = faked("search", "red", "-k", "100", "--store", folder).stdout.decode()
    assert not set(shown) & (set(CONTROLS) - {"\n"}), repr(shown)
    (one, *_) = json_lines(faked("search", "red", "--for", "caption", "--format", "json",
                                 "--store", folder))  # fmt: skip
    assert one["text"] == EVIL * 2


@pytest.mark.parametrize(
    "command", ["info", "generations", "search", "doctor", "prune", "rollback"]
)
def test_no_command_passes_control_characters_on(folder: Path, command: str) -> None:
    """Neither of the model's name, nor of the folder's, nor of a time, nor in an error."""
    evil = EVIL.replace("\x00", "")
    change_space(folder, model=evil)
    elsewhere = folder.parent / "elsewhere"
    (folder / DIRECTORY).rename(elsewhere)
    folder.mkdir(exist_ok=True)
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(elsewhere / CATALOG)) as opened, opened:
        opened.execute("INSERT OR REPLACE INTO settings VALUES ('root', ?)", (f"/{evil}",))
        opened.execute("UPDATE generations SET created = ?", (evil,))
        opened.execute("UPDATE assets SET error = ?, path = path || ?", (evil, evil))
    arguments = {"search": ["red"], "prune": ["--yes"]}.get(command, [])
    done = faked(command, *arguments, "--store", elsewhere, status=None)
    shown = done.stdout.decode() + done.stderr.decode()
    assert not set(shown) & (set(CONTROLS) - {"\n"}), repr(shown)


def test_an_enormous_text_is_shown_in_part(folder: Path) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("UPDATE items SET text = ? WHERE text IS NOT NULL", ("x" * 50_000_000,))
    done = faked("search", "red", "--for", "text", "--store", folder)
    assert max(map(len, done.stdout.splitlines())) < 300
