"""The shape of the project: which module may import which, and what an import costs."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cmsearch
import indexer
from tests.commands import python

ROOT = Path(__file__).parents[2]
LIBRARIES = {
    "torch", "open_clip", "transformers", "timm", "onnx", "onnxscript", "av", "faster_whisper",
}  # fmt: skip

# A row a room: what it may import of cmsearch. Every row names only rooms above it in this table.
_BASE = {"errors", "types", "common", "protocols"}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "types": set(),
    "common": {"errors", "types"},
    "protocols": {"types"},
    "registry": {"errors"},
    "media": _BASE | {"registry"},
    "models": _BASE | {"registry", "media"},
    "store": _BASE | {"registry", "media", "models"},
    "search": _BASE | {"media", "models", "store"},
    "show": _BASE | {"media", "models", "store", "search"},
    "annotate": _BASE | {"media", "models", "store", "search"},
    "learning": _BASE | {"media", "models", "store", "search"},
    "__init__": _BASE | {"models", "search"},
    "server": _BASE | {"media", "models", "store", "search", "show", "annotate", "learning"},
    "commands": _BASE
    | {"media", "models", "store", "search", "show", "annotate", "learning", "server"},
    "cli": {"common", "errors", "commands"},
    "__main__": {"cli"},
}
SEARCH = (
    {"query", "regions"}, {"own_models", "retrieve"}, {"rank"}, {"hybrid", "looking", "merge"},
    {"direction", "explain", "hits"}, {"shared_space"}, {"facets", "pipeline", "wire"},
    {"asking", "listing", "marking", "suggest"}, {"browsing", "remembering"}, {"engine"},
    {"federated", "pages"},
)  # fmt: skip
"""Within `search` each may import what stands before it."""
STRINGS = {("cmsearch.commands.table", "indexer.commands")}
"""The one import string that leads to the other package: the table of the commands of both."""


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    name_of(path): path
    for package in ("cmsearch", "indexer")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imported(name: str) -> set[str]:
    """The modules that a module imports anywhere in it, by import strings too."""
    found: list[str] = []
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        match node:
            case ast.Import(names=names):
                found += [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                whole = [f"{module}.{alias.name}" for alias in names]
                found += [one if one in MODULES else module for one in whole]
            case ast.Constant(value=str(text)) if re.fullmatch(r"\w+(\.\w+)+(:\w+)?", text):
                found.append(text.partition(":")[0])
    return {one for one in found if one in MODULES and one != name}


def room(name: str) -> str:
    """The room of cmsearch that a module is in; the package itself is `__init__`."""
    return [*name.split("."), "__init__"][1]


def layer(name: str) -> int:
    """Where a module stands within `search`."""
    return next(row for row, names in enumerate(SEARCH) if name.split(".")[2] in names)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("cmsearch")])
def test_arrows_point_down(name: str) -> None:
    for other in imported(name):
        if other.startswith("indexer"):
            assert any(name == one and other.startswith(to) for one, to in STRINGS), other
        elif room(other) != room(name):
            assert room(other) in ARROWS[room(name)], f"{name} imports {other}"
        elif room(name) == "search" and name.split(".")[2:3] != other.split(".")[2:3]:
            assert layer(other) < layer(name), f"{name} imports {other}"


def test_every_room_has_its_row_and_names_only_rooms_before_it() -> None:
    assert {room(name) for name in MODULES if name.startswith("cmsearch")} == set(ARROWS)
    for place, (_, allowed) in enumerate(ARROWS.items()):
        assert allowed <= set(list(ARROWS)[:place])


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imported(name) for name in MODULES}
    TopologicalSorter(graph).prepare()  # raises for a circle, and names it


def test_the_house_has_few_entries() -> None:
    entries = {path.name for path in (ROOT / "cmsearch").iterdir()} - {"__pycache__", "py.typed"}
    assert len(entries) <= 17


@pytest.mark.parametrize("package", [cmsearch, indexer])
def test_public_names_are_sorted_and_there(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert names == sorted(names)
    assert all(getattr(package, name).__doc__ for name in names)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import cmsearch", LIBRARIES | {"numpy", "sqlalchemy", "faiss", "onnxruntime", "click"}),
        ("import indexer", LIBRARIES | {"numpy", "sqlalchemy", "faiss", "onnxruntime"}),
        (
            "import sys; sys.argv = ['cmsearch', '--help']\n"
            "import contextlib, io\n"
            "from cmsearch.cli import main\n"
            "with contextlib.suppress(SystemExit):\n"
            "    with contextlib.redirect_stdout(io.StringIO()): main()",
            LIBRARIES | {"numpy", "sqlalchemy", "faiss", "onnxruntime"},
        ),
    ],
    ids=["import cmsearch", "import indexer", "--help"],
)  # fmt: skip
def test_imports_pull_in_nothing_heavy(code: str, heavy: set[str]) -> None:
    found = python(f"{code}\nimport sys; print(sorted({heavy!r} & set(sys.modules)))")
    assert found.strip() == "[]"


def test_only_the_command_line_prints_and_exits() -> None:
    for package in ("cmsearch", "indexer"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "cli.py" or path.parent.name == "commands":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    called = ast.unparse(node.func)
                    assert called not in ("print", "sys.exit", "exit", "click.echo"), path


def test_sessions_are_opened_in_one_place_which_tells_onnx_runtime_to_be_silent() -> None:
    """The variable that `import cmsearch` sets is too late where onnxruntime is there already."""
    opens = {
        name: calls
        for name, path in MODULES.items()
        if "onnxruntime.InferenceSession"
        in (calls := [ast.unparse(node.func) for node in calls_of(path)])
    }
    assert {*opens} == {"cmsearch.models.encoders.onnx"}
    (calls,) = opens.values()
    silent = calls.index("onnxruntime.disable_telemetry_events")
    assert silent < calls.index("onnxruntime.InferenceSession")


def calls_of(path: Path) -> list[ast.Call]:
    """The calls in a module, in the order of its lines."""
    found = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)]
    return sorted(found, key=lambda one: one.lineno)


def test_the_command_line_knows_the_matches_of_the_engine() -> None:
    """It has a copy, since importing the engine would cost `--help` its speed."""
    from cmsearch.commands import asking
    from cmsearch.search.hybrid import captions_and_words

    assert asking.MATCHES == captions_and_words.MATCHES


def test_the_command_line_knows_the_most_of_a_map() -> None:
    """Likewise."""
    from cmsearch.commands import map
    from cmsearch.show import map_page

    assert map.MOST == map_page.MOST
