"""Packages as others write them: built, installed into a folder, and found by entry points."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"

[project.entry-points."{group}"]
{point} = "{name}:{attribute}"

[tool.setuptools]
py-modules = ["{name}"]
"""


def built(source: Path, folder: Path) -> Path:
    """Build the wheel of a project in `source`, into a folder; nothing is fetched for it."""
    command = [
        *(sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--quiet"),
        *("--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(folder)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(folder: Path, code: Path, group: str, point: str, attribute: str) -> Path:
    """Install one module as a package with an entry point; returns what to put on the path."""
    source, target = folder / "source", folder / "site"
    source.mkdir(parents=True)
    name = code.stem
    (source / code.name).write_text(code.read_text())
    (source / "pyproject.toml").write_text(
        _PROJECT.format(name=name, group=group, point=point, attribute=attribute)
    )
    wheel = built(source, folder)
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--no-index"]
    options = ["--disable-pip-version-check", "--target", str(target), str(wheel)]
    subprocess.run([*command, *options], check=True, capture_output=True, timeout=300)
    return target
