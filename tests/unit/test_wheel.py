"""The built wheel, installed alone, has every module and every file that they read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.packages import ROOT, built, unpacked

IMPORT_ALL = """
import importlib, pkgutil, sys
import cmsearch, indexer
names = [
    module.name
    for package in (cmsearch, indexer)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    if not module.name.endswith("__main__")
]
for name in names:
    importlib.import_module(name)
assert cmsearch.__file__.startswith(sys.argv[1]) and indexer.__file__.startswith(sys.argv[1])
print(*names, sep="\\n")
"""
NOT_CODE = (".css", ".html", ".js", ".txt", ".typed")


def test_it_has_every_module_and_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("cmsearch", "indexer"):  # a build leaves files where it is made
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    installed = unpacked(built(source, tmp_path), tmp_path / "installed")
    packages = [ROOT / "cmsearch", ROOT / "indexer"]
    files = [path for package in packages for path in sorted(package.rglob("*"))]
    ours = {path.relative_to(ROOT) for path in files if path.suffix in (".py", *NOT_CODE)}
    assert ours == {one for one in ours if (installed / one).is_file()}

    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", "-c", IMPORT_ALL, str(installed)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = {path for path in ours if path.suffix == ".py" and path.stem != "__main__"}
    assert len(done.stdout.split()) == len(modules) - 2  # the two packages themselves
