"""How SQLite spells what `constructs` means."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles

from cmsearch.store.catalog import constructs


@compiles(constructs.At, "sqlite")
def _at(element: constructs.At, compiler: Any, **options: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **options)})"


@compiles(constructs.IsBlob, "sqlite")
def _is_blob(element: constructs.IsBlob, compiler: Any, **options: Any) -> str:
    return f"typeof({compiler.process(element.clauses, **options)}) = 'blob'"


@compiles(constructs.ByteCount, "sqlite")
def _byte_count(element: constructs.ByteCount, compiler: Any, **options: Any) -> str:
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(constructs.LeadingNumber, "sqlite")
def _leading_number(element: constructs.LeadingNumber, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


@compiles(constructs.Damaged, "sqlite")
def _damaged(element: constructs.Damaged, compiler: Any, **options: Any) -> str:
    return "0"


@compiles(constructs.EachText, "sqlite")
@compiles(constructs.EachNumber, "sqlite")
def _each(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(constructs.MatchesAscii, "sqlite")
def _matches_ascii(element: constructs.MatchesAscii, compiler: Any, **options: Any) -> str:
    text, glob = (compiler.process(one, **options) for one in [*element.clauses][:2])
    return f"(lower({text}) GLOB {glob})"


@compiles(constructs.Matches, "sqlite")
def _matches(element: constructs.Matches, compiler: Any, **options: Any) -> str:
    """To call Python for each text takes SQLite longer than all else, so that it is called only for
    other texts than ASCII.
    """
    text, glob = (compiler.process(one, **options) for one in [*element.clauses][:2])
    is_other = f"length({text}) <> length(CAST({text} AS BLOB))"  # nor is NULL
    return f"(CASE WHEN ({is_other}) THEN caseless({text}) ELSE lower({text}) END GLOB {glob})"
