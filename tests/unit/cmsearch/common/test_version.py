"""The version is the one that the changelog begins with."""

from __future__ import annotations

import re
from pathlib import Path

import cmsearch
from cmsearch.common.version import __version__

CHANGELOG = Path(__file__).parents[4] / "CHANGELOG.md"


def test_the_version_is_that_of_the_changelog() -> None:
    newest = re.search(r"^## \[(.*?)\]", CHANGELOG.read_text(), re.MULTILINE)
    assert newest is not None and newest[1] == __version__ == cmsearch.__version__
