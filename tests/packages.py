"""Packages as others write them: built, installed into a folder, and found by entry points."""

from __future__ import annotations

import subprocess
import sys
import zipfile
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
_BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


def built(source: Path, folder: Path) -> Path:
    """Build the wheel of a project in `source`, into a folder, by the call that PEP 517 has for it;
    nothing is fetched, and pip itself, which would make the same call, isn't started.
    """
    command = [sys.executable, "-c", _BUILD, str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


def unpacked(wheel: Path, target: Path) -> Path:
    """Install a wheel into a folder: one of Python alone lies there as it does in its archive."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def installed(folder: Path, code: Path, group: str, point: str, attribute: str) -> Path:
    """Install one module as a package with an entry point; returns what to put on the path."""
    source = folder / "source"
    source.mkdir(parents=True)
    name = code.stem
    (source / code.name).write_text(code.read_text())
    (source / "pyproject.toml").write_text(
        _PROJECT.format(name=name, group=group, point=point, attribute=attribute)
    )
    return unpacked(built(source, folder), folder / "site")
