"""What only SQLite can do stands in the modules that are named for it, so that another database
can stand beside them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "cmsearch" / "store" / "catalog"
OF_SQLITE = re.compile(
    r"PRAGMA|\bVACUUM\b|\bREINDEX\b|\bMATCH\b|\bGLOB\b|\bBEGIN\b|\bOR REPLACE\b|fts5|bm25"
    r"|exec_driver_sql|dialects|\bsqlite3\b|sqlite_(?!constructs|copy|notes|run|words|tables|journals|autoincrement)\w"
    r"|\b(?:json_extract|json_each|typeof|caseless|text_words|path_words)\("
)
"""What not every database understands; a table may still say how SQLite gives its numbers."""
KEY = re.compile(
    r"\b(?:setting|set)\(\s*f?[\"'](?:bank|stages|reranker|snapshots|root|transcr|sound)"
)


@pytest.mark.parametrize("path", sorted(CATALOG.glob("*.py")), ids=lambda path: path.stem)
def test_only_modules_of_sqlite_speak_its_own_sql(path: Path) -> None:
    found = [line for line in path.read_text().splitlines() if OF_SQLITE.search(line)]
    if path.name == "terms.py":  # what the functions do that SQLite is given
        found = [line for line in found if not line.startswith("def ")]
        found = [line for line in found if "SQL's" not in line]
    assert path.stem.startswith(("sqlite", "postgres")) or found == []


def test_modules_of_sqlite_are_seen_by_the_test() -> None:
    assert OF_SQLITE.search((CATALOG / "sqlite.py").read_text())
    assert OF_SQLITE.search((CATALOG / "sqlite_words.py").read_text())


@pytest.mark.parametrize("package", ["cmsearch", "indexer"])
def test_settings_are_named_within_the_catalog_alone(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if path.parent != CATALOG:
            text = path.read_text()
            assert not KEY.search(text), path
            assert "catalog.settings" not in text, path


@pytest.mark.parametrize("package", ["cmsearch", "indexer"])
def test_no_module_takes_a_private_name_of_the_catalog(package: str) -> None:
    private = re.compile(r"\b(?:catalog|items|files|pairs|health|fulltext|sqlite\w*)\._[a-z]\w*")
    for path in (ROOT / package).rglob("*.py"):
        assert not private.search(path.read_text()), path


def test_the_modules_of_the_catalog_are_short() -> None:
    assert all(len(path.read_text().splitlines()) <= 350 for path in CATALOG.glob("*.py"))
