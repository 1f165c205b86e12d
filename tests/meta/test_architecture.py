"""The shape of the project: which module may import which, and what an import costs."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import cmsearch
import indexer
from tests.commands import python

ROOT = Path(__file__).parents[2]
LIBRARIES = {
    "torch", "open_clip", "transformers", "timm", "onnx", "onnxscript", "av", "faster_whisper",
}  # fmt: skip

# What each part of cmsearch may import from cmsearch; a part is a module or a package of it.
ARROWS = {
    "__init__": {
        "errors", "feedback", "grammar", "ranking", "searcher", "transcripts", "types",
    },
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
    "interruption": set(),
    "processors": set(),
    "registry": {"errors", "types"},
    "spaces": {"types"},
    "tensorfile": set(),
    "adapters": {
        "errors", "files", "multimodal", "registry", "spaces", "tensorfile", "types",
    },
    "loading": {
        "adapters", "encoders", "errors", "multimodal", "registry", "rerankers", "store", "types",
    },
    "learn": {"adapters", "types"},
    "heldout": {"evaluate", "learn", "types"},
    "models": {"adapters", "encoders", "errors", "hub", "registry", "types"},
    "indexes": {"types"},
    "digest": {"files"},
    "tokens": {"types"},
    "places": set(),
    "terms": set(),
    "locators": set(),
    "fusion": set(),
    "phash": {"types"},
    "registration": {"phash", "types"},
    "days": set(),
    "details": {"types"},
    "originals": {"media"},
    "folding": {"catalog", "phash", "registration", "types"},
    "diversity": {"types"},
    "tables": set(),
    "schema": {"errors", "journals", "tables", "terms", "text"},
    "filters": {"errors", "schema", "text", "types"},
    "words": {"filters", "schema", "terms", "types"},
    "writer": {"schema", "spaces", "tokens", "types"},
    "catalog": {
        "errors", "filters", "locators", "phash", "places", "schema", "spaces", "tokens", "types",
        "words", "writer",
    },
    "graphs": {"indexes", "types"},
    "vectors": {"digest", "errors", "files", "graphs", "indexes", "types"},
    "bank": {"queries", "types"},
    "relevance": {"composition", "types", "vectors"},
    "chance": {"types", "vectors"},
    "journals": {"errors", "files"},
    "trust": {"errors", "files", "journals"},
    "making": {"catalog", "errors", "files", "journals", "text", "trust"},
    "store": {
        "asked", "bank", "catalog", "chance", "errors", "indexes", "making", "text", "trust",
        "types", "vectors",
    },
    "encoders": {
        "adapters", "checkpoints", "devices", "digest", "errors", "files", "hub", "pretrained",
        "processors", "quiet", "registry", "text", "types",
    },
    "multimodal": {"tokens", "types"},
    "joining": {"encodings", "multimodal", "tokens", "types"},
    "training": {
        "__init__", "devices", "encoders", "errors", "evaluate", "files", "multimodal",
        "processors", "rerankers", "types",
    },
    "rerankers": {
        "checkpoints", "devices", "errors", "files", "pretrained", "processors", "registry",
        "spaces", "tensorfile", "types",
    },
    "transcribers": {"checkpoints", "digest", "errors", "hub", "processors", "registry", "types"},
    "media": {"errors", "files", "locators", "text", "types"},
    "cues": {"text", "types"},
    "transcripts": {"asked", "errors", "media", "registry", "types"},
    "hearing": {"queries", "types"},
    "grammar": {"errors", "text", "types"},
    "composition": {"errors", "joining", "multimodal", "types", "vectors"},
    "exclusion": {"store", "types"},
    "measured": {"types"},
    "asked": {"errors", "types"},
    "encodings": {"errors", "types"},
    "queries": {
        "asked", "digest", "encodings", "errors", "files", "locators", "media", "thumbnails",
        "types", "voice",
    },
    "attention": {"types"},
    "hubness": {"bank", "store", "types"},
    "kreciprocal": {"types"},
    "pooling": {"types"},
    "retrieval": {"composition", "pooling", "store", "types"},
    "ranking": {
        "attention", "composition", "encodings", "errors", "hubness", "kreciprocal", "measured",
        "registry", "retrieval", "store", "types",
    },
    "paging": {"composition", "locators", "retrieval", "store", "types"},
    "matching": {"composition", "fusion", "retrieval", "store", "types", "words"},
    "pairing": {
        "composition", "joining", "matching", "multimodal", "retrieval", "store", "types",
    },
    "explain": {
        "asked", "attention", "errors", "measured", "multimodal", "ranking", "store", "tokens",
        "types", "words",
    },
    "heatmap": {"errors", "explain", "text", "thumbnails", "types"},
    "alike": {"diversity", "folding", "retrieval", "store", "types"},
    "merging": {"retrieval"},
    "naming": {"composition", "retrieval", "store", "types"},
    "answering": {
        "alike", "composition", "errors", "exclusion", "hearing", "hubness", "joining", "locators",
        "matching", "measured", "merging", "naming", "paging", "pairing", "ranking", "relevance",
        "retrieval", "store", "types",
    },
    "searcher": {
        "adapters", "alike", "answering", "asked", "composition", "errors", "explain", "filters",
        "hubness", "joining", "loading", "matching", "measured", "multimodal", "queries", "ranking",
        "registry", "retrieval", "store", "types",
    },
    "evaluate": {"errors", "files", "ranking", "searcher", "types"},
    "generations": {"errors", "registry", "store"},
    "duplicates": {
        "details", "errors", "folding", "media", "originals", "phash", "store", "text",
        "thumbnails", "types",
    },
    "notes": {"types"},
    "inventory": {"catalog", "generations", "notes", "registry", "store", "vectors"},
    "ablation": {"evaluate", "measured", "ranking", "searcher", "types"},
    "owned": {"errors", "files"},
    "pages": {"owned"},
    "wav": {"errors", "owned", "types"},
    "speech": {"digest", "errors", "text", "wav"},
    "playing": {"errors", "files", "text", "wav"},
    "aloud": {"text", "types"},
    "microphone": {"errors", "types"},
    "voice": {"errors", "transcripts"},
    "thumbnails": {"errors", "locators", "processors", "registry", "types"},
    "preview": {"errors", "text", "thumbnails", "types"},
    "viewer": {"errors", "registry"},
    "sheet": {"errors", "locators", "pages", "text", "thumbnails", "types"},
    "layout": {"errors", "types"},
    "regions": {"layout"},
    "chart": {
        "errors", "layout", "pages", "regions", "store", "text", "thumbnails", "types",
    },
    "labels": {"attention", "bank", "errors", "hubness", "queries", "store", "types"},
    "labelfile": {"errors", "files", "labels"},
    "annotation": {
        "errors", "filters", "hubness", "labels", "measured", "searcher", "store", "types",
    },
    "questions": {
        "annotation", "attention", "errors", "labels", "queries", "searcher", "types",
    },
    "xmp": {"errors", "text"},
    "sidecars": {"annotation", "errors", "files", "registry", "text", "types", "xmp"},
    "cli": {"__init__", "errors", "interruption", "text"},
    "feedback": {"asked", "errors", "text", "thumbnails", "types"},
    "history": {"errors", "files", "types"},
    "session": {"errors", "feedback", "types"},
    "commands": {
        "aloud", "annotation", "chart", "cli", "cues", "days", "duplicates", "errors", "explain",
        "feedback", "files", "generations", "grammar", "heatmap", "history", "inventory",
        "labelfile", "labels", "layout", "locators", "media", "microphone", "models", "pages",
        "playing", "preview", "questions", "ranking", "relevance", "searcher", "session", "sheet",
        "sidecars", "speech", "store", "text", "thumbnails", "transcripts", "trust", "types",
        "viewer", "voice", "wav",
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


def test_nothing_reports_to_the_makers_of_libraries() -> None:
    """It is said to them before anything can import them; children inherit it."""
    names = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")
    for package in ("cmsearch", "indexer.indexer"):
        code = f"import os, sys, {package}\nprint([os.environ[name] for name in {names!r}])"
        without = {name: value for name, value in os.environ.items() if name not in names}
        assert python(code, env=without).strip() == "['1', '1']"


def test_onnx_runtime_is_imported_in_one_place() -> None:
    """No script and no helper of the tests imports it before cmsearch either."""
    for folder in ("cmsearch", "indexer", "scripts", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                found = any(name.split(".")[0] == "onnxruntime" for name in names)
                assert not found or path == ROOT / "cmsearch" / "encoders" / "onnx.py", path


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
    from cmsearch.commands import asking
    from cmsearch.search import engine
    from cmsearch.search.hybrid import captions_and_words

    assert asking.TARGETS == engine.TARGETS
    assert asking.MATCHES == captions_and_words.MATCHES


def test_the_command_line_knows_the_most_of_a_map() -> None:
    """Likewise."""
    from cmsearch.commands import map
    from cmsearch.show import map_page

    assert map.MOST == map_page.MOST
