"""Every public name says what it is for, and what the public calls show runs."""

from __future__ import annotations

import ast
import doctest
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmsearch
import indexer
from tests.conftest import indexed_sample

ROOT = Path(__file__).parents[2]
MODULES = sorted([*(ROOT / "cmsearch").rglob("*.py"), *(ROOT / "indexer").rglob("*.py")])
WITH_FIELDS = {
    ROOT / path
    for path in (
        *("cmsearch/types/embeddings.py", "cmsearch/types/media.py", "cmsearch/types/search.py"),
        "cmsearch/types/facets.py",
        *("cmsearch/annotate/annotation.py", "cmsearch/annotate/questions.py"),
        *("cmsearch/learning/evaluate.py", "cmsearch/learning/metrics.py"),
        *("cmsearch/learning/ablation.py", "cmsearch/learning/fit_adapter.py"),
        *("cmsearch/learning/fit_fusion.py", "cmsearch/models/choices.py"),
        *("cmsearch/search/explain.py", "cmsearch/search/rank/second_stage.py"),
        *("cmsearch/search/rank/stages.py", "indexer/report.py"),
    )
}
"""The modules whose frozen dataclasses are given to callers, or taken from them."""
CALLS = (
    cmsearch.open,
    cmsearch.parse,
    cmsearch.refined,
    cmsearch.transcribe,
    cmsearch.Engine.search,
    cmsearch.Engine.count,
    cmsearch.Engine.facets,
    cmsearch.Engine.suggest,
    cmsearch.Engine.embed,
    cmsearch.Engine.transform,
    cmsearch.Engine.explain,
    cmsearch.Engine.mark,
    cmsearch.Engine.marks,
    cmsearch.Engine.count_marks,
    cmsearch.Engine.forget_missing_marks,
    indexer.Indexer,
    indexer.Indexer.run,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(node: ast.Module | ast.ClassDef, *, fields: bool) -> Iterator[str]:
    """The public names in a module or a class that have no docstring, and if asked the fields."""
    for place, one in enumerate(node.body):
        if isinstance(one, Function | ast.ClassDef) and not one.name.startswith("_"):
            overload = any(ast.unparse(mark) == "overload" for mark in one.decorator_list)
            if not overload and not ast.get_docstring(one):
                yield one.name
            if isinstance(one, ast.ClassDef):
                frozen = any("frozen=True" in ast.unparse(mark) for mark in one.decorator_list)
                below = undocumented(one, fields=fields and frozen)
                yield from (f"{one.name}.{name}" for name in below)
        elif fields and isinstance(node, ast.ClassDef) and isinstance(one, ast.AnnAssign):
            match node.body[place + 1 : place + 2]:
                case [ast.Expr(value=ast.Constant(value=str()))]:
                    pass
                case _:
                    yield ast.unparse(one.target)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_name_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module says nothing of itself"
    assert list(undocumented(tree, fields=path in WITH_FIELDS)) == []


def test_what_lacks_a_docstring_is_seen() -> None:
    code = '''
def told(): "It says."
def f(): ...
def _g(): ...
@dataclass(frozen=True)
class C:
    a: int
    b: int = 0
    """It says."""
    def m(self): ...
'''
    assert list(undocumented(ast.parse(code), fields=True)) == ["f", "C", "C.a", "C.m"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples suppose: `sample_data`, indexed, and `query.mp3`."""
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(indexed_sample(), folder / "sample_data")
    shutil.copy(ROOT / "sample_data" / "media" / "query.mp3", folder)
    return folder


@pytest.mark.parametrize("call", CALLS, ids=lambda call: str(call.__qualname__))
def test_the_example_of_a_public_call_runs(
    call: object, shown: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shown)
    names = {"cmsearch": cmsearch, "Indexer": indexer.Indexer}
    found = doctest.DocTestFinder(recurse=False).find(call, call.__qualname__, globs=names)  # type: ignore[attr-defined]
    assert len(found) == 1 and found[0].examples, "it has no example"
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(found[0], out=said.append)
    assert result.failed == 0, "".join(said)


def test_no_example_is_left_out() -> None:
    with_examples = [path for path in MODULES if ">>> " in path.read_text()]
    assert {sys.modules[call.__module__].__file__ for call in CALLS} == set(map(str, with_examples))
