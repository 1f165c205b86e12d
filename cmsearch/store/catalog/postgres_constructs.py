"""How PostgreSQL spells what `constructs` means."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles

from cmsearch.store.catalog import constructs


@compiles(constructs.At, "postgresql")
def _at(element: constructs.At, compiler: Any, **options: Any) -> str:
    column, path = (compiler.process(one, **options) for one in element.clauses)
    place = path.strip("'$.[]")
    if place.isdecimal():
        return f"((({column})::jsonb -> {place})::bigint)"
    return f"(({column})::jsonb ->> '{place}')"


@compiles(constructs.IsBlob, "postgresql")
def _is_blob(element: constructs.IsBlob, compiler: Any, **options: Any) -> str:
    return f"(({compiler.process(element.clauses, **options)}) IS NOT NULL)"


@compiles(constructs.ByteCount, "postgresql")
def _byte_count(element: constructs.ByteCount, compiler: Any, **options: Any) -> str:
    return f"octet_length({compiler.process(element.clauses, **options)})"


@compiles(constructs.LeadingNumber, "postgresql")
def _leading_number(element: constructs.LeadingNumber, compiler: Any, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    return f"coalesce(substring({text} from '^[0-9]+')::bigint, 0)"


@compiles(constructs.Damaged, "postgresql")
def _damaged(element: constructs.Damaged, compiler: Any, **options: Any) -> str:
    return "NULL"


@compiles(constructs.EachText, "postgresql")
def _each_text(element: constructs.EachText, compiler: Any, **options: Any) -> str:
    return f"each_text({compiler.process(element.clauses, **options)})"


@compiles(constructs.EachNumber, "postgresql")
def _each_number(element: constructs.EachNumber, compiler: Any, **options: Any) -> str:
    return f"each_number({compiler.process(element.clauses, **options)})"


@compiles(constructs.Matches, "postgresql")
def _matches(element: constructs.Matches, compiler: Any, **options: Any) -> str:
    text, _, pattern = element.clauses
    made = compiler.process(pattern, **options)
    return f"(caseless({compiler.process(text, **options)}) ~ {made})"


def pattern(glob: str) -> str:
    """A regular expression of PostgreSQL that is of the same texts as a glob of SQLite."""
    found, at = ["^"], 0
    while at < len(glob):
        sign = glob[at]
        at += 1
        if sign == "*":
            found.append(".*")
        elif sign == "?":
            found.append(".")
        elif sign == "[":
            start = at + (glob[at : at + 1] == "^")
            end = glob.find("]", start + 1)  # one that stands first is meant
            if end < 0:
                return _NOTHING
            inside = "".join(f"\\{one}" if one in "\\[]^" else one for one in glob[start:end])
            found.append(f"[{'^' if start > at else ''}{inside}]")
            at = end + 1
        else:
            found.append(sign if sign.isalnum() or not sign.isascii() else f"\\{sign}")
    return f"{''.join(found)}$"


_NOTHING = "^(?!)"
"""The pattern of no text."""
