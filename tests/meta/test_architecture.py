"""The shape of the project: which module may import which, and what an import costs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cmsearch
import indexer
from tests.commands import python

ROOT = Path(__file__).parents[2]
LIBRARIES = {"torch", "open_clip", "transformers", "timm", "onnx", "onnxscript"}

# What each part of cmsearch may import from cmsearch; a part is a module or a package of it.
ARROWS = {
    "__init__": {"errors", "ranking", "searcher", "types"},
    "__main__": {"cli"},
    "types": set(),
    "errors": set(),
    "text": set(),
    "files": set(),
    "hub": set(),
    "quiet": set(),
    "devices": {"errors"},
    "checkpoints": {"errors", "hub"},
    "pretrained": {"errors", "quiet"},
    "registry": {"errors", "types"},
    "models": {"hub", "registry", "types"},
    "indexes": {"types"},
    "digest": {"files"},
    "tokens": {"types"},
    "places": set(),
    "terms": set(),
    "fusion": set(),
    "schema": {"errors", "terms"},
    "filters": {"schema", "types"},
    "words": {"filters", "schema", "terms", "types"},
    "writer": {"schema", "tokens", "types"},
    "catalog": {
        "errors", "filters", "places", "schema", "tokens", "types", "words", "writer",
    },
    "graphs": {"indexes", "types"},
    "vectors": {"errors", "files", "graphs", "indexes", "types"},
    "bank": {"queries", "types"},
    "relevance": {"types", "vectors"},
    "store": {"bank", "catalog", "errors", "indexes", "text", "types", "vectors"},
    "encoders": {
        "checkpoints", "devices", "errors", "hub", "pretrained", "quiet", "text", "types",
    },
    "rerankers": {"checkpoints", "devices", "errors", "pretrained", "registry", "types"},
    "media": {"errors", "files", "text", "types"},
    "queries": {"digest", "errors", "media", "types"},
    "attention": {"types"},
    "hubness": {"types"},
    "kreciprocal": {"types"},
    "retrieval": {"store", "types"},
    "ranking": {
        "attention", "errors", "hubness", "kreciprocal", "registry", "retrieval", "store", "types",
    },
    "matching": {"fusion", "retrieval", "store", "types", "words"},
    "explain": {"attention", "errors", "ranking", "store", "text", "types", "words"},
    "heatmap": {"errors", "explain", "registry", "text", "types"},
    "searcher": {"relevance",
        "errors", "explain", "matching", "queries", "ranking", "registry", "retrieval", "store",
        "types", "vectors",
    },
    "evaluate": {"errors", "ranking", "searcher", "types"},
    "generations": {"errors", "registry", "store"},
    "notes": {"types"},
    "inventory": {"generations", "notes", "store", "vectors"},
    "ablation": {"evaluate", "ranking", "searcher", "types"},
    "cli": {"__init__", "errors", "text"},
    "commands": {
        "cli", "errors", "explain", "generations", "heatmap", "inventory", "models", "ranking",
        "relevance", "searcher", "store", "text", "types",
    },
}  # fmt: skip


def part(path: Path) -> str:
    """The part of a package that a file belongs to."""
    relative = path.relative_to(ROOT / "cmsearch")
    return relative.parts[0].removesuffix(".py")


def imported(path: Path, package: str) -> set[str]:
    """The parts of `package` that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            own = module == package
            names = [f"{module}.{alias.name}" for alias in node.names] if own else [module]
        else:
            continue
        found |= {
            [*name.split("."), "__init__"][1] for name in names if name.split(".")[0] == package
        }
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "cmsearch").rglob("*.py")), ids=str)
def test_arrows_point_one_way(path: Path) -> None:
    known = set(ARROWS)
    allowed = ARROWS[part(path)] | {part(path)}
    used = {name if name in known else "__init__" for name in imported(path, "cmsearch")}
    assert used <= allowed, f"{path.name} imports {used - allowed}"
    assert not imported(path, "indexer"), "cmsearch never imports indexer"


def test_every_part_has_its_arrows() -> None:
    parts = {part(path) for path in (ROOT / "cmsearch").rglob("*.py")}
    assert parts == set(ARROWS)


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


def test_the_command_line_knows_the_targets_of_the_engine() -> None:
    """It has a copy, since importing the engine would cost `--help` its speed."""
    from cmsearch import matching, searcher
    from cmsearch.commands import search

    assert search.TARGETS == searcher.TARGETS
    assert search.MATCHES == matching.MATCHES
