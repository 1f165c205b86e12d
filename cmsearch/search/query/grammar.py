"""The grammar of composed queries: `horse + stripes`, `beach - people`, `2:dog + 0.5:snow`.

query  = ["-"] part { ("+" | "-") part }      a sign has white space, or an end, on both sides
part   = [weight] (quoted | literal)
weight = number ":"                           at a part's start, with no blank or digit after it
quoted = '"' { character | '\\"' | '\\\\' } '"'   up to the part's end
"""

from __future__ import annotations

import re

from cmsearch.common.text import printable
from cmsearch.errors import QueryError
from cmsearch.types import Modality, Query, QueryPart

LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0
"""Beyond it a part is as good as alone: `2001:` is no weight, but the beginning of a text."""

_SHOWN = 40  # characters of a query that a message repeats
_MINUS = "-−－"
_SIGN = re.compile(rf"(?<!\S)[{_MINUS}+＋](?!\S)")
_LEADING_MINUS = re.compile(rf"\s*[{_MINUS}](?!\S)")
_BLANKS = re.compile(r"\s*")
_DIGITS = "[0-9０-９]"
_NUMBER = rf"[-+−]?(?:{_DIGITS}+(?:[.,]{_DIGITS}+)?|\.{_DIGITS}+)"
# `24: season one` is a title. A blank may follow only where nothing but it is in the part.
_WEIGHT = re.compile(rf"({_NUMBER})[:：](?:(?![\s\d])|(?=\s*\Z|\s+{_SIGN.pattern}))")
_STRAIGHT = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_CURLY = re.compile(r"[“”„]([^“”\\]*(?:\\.[^“”\\]*)*)[“”]", re.DOTALL)
_QUOTED = {'"': _STRAIGHT, "“": _CURLY, "”": _CURLY, "„": _CURLY}
_ESCAPED = re.compile(r'\\([\\"“”„])')


def parse(text: str) -> Query:
    """Give the query that `text` writes, with the weights of subtracted parts negative.

    >>> query = cmsearch.parse("2:beach - people")
    >>> [(part.content, part.weight) for part in query.parts]
    [('beach', 2.0), ('people', -1.0)]

    A text without signs, weight and quotes is one part of weight 1, as it stands but for white
    space around it. Raises `QueryError`, which says where the text is no query and what to do.
    """
    if not isinstance(text, str):
        raise QueryError(f"A query is a string, not {type(text).__name__}.")
    if not text.strip():
        raise QueryError("The text to search for is empty.")
    leading = _LEADING_MINUS.match(text)
    sign = leading.end() - 1 if leading else None
    parts: list[QueryPart] = []
    while not parts or sign is not None:
        content, weight, is_literal, end = _part(text, sign)
        minus = sign is not None and text[sign] in _MINUS
        weight = -weight if minus else weight
        parts.append(QueryPart(content, weight=weight, is_literal=is_literal))
        sign = end if end < len(text) else None
    if all(part.weight < 0 for part in parts):
        raise QueryError(
            "A query can't only subtract. Say first what to search for: beach - people."
            + _literally(text)
        )
    return Query(tuple(parts))


def written(query: Query) -> str:
    """`query` as a text that `parse` gives back as an equal query, with quotes where needed.

    Raises `QueryError` for one that the grammar can't write: with a picture, with something it
    must be without, with no part to add, or with a weight out of bounds.
    """
    if query.without or not any(part.weight > 0 for part in query.parts):
        raise QueryError("Only a query that adds a part, and excludes none, can be written.")
    pieces: list[str] = []
    for part in query.parts:
        if part.weight < 0:
            pieces.append("-")
        elif pieces:
            pieces.append("+")
        pieces.append(_written(part))
    return " ".join(pieces)


def _written(part: QueryPart) -> str:
    """A part without its sign; in quotes unless it is read as the same without them."""
    text, weight = part.content, abs(part.weight)
    if part.modality is not Modality.TEXT or not isinstance(text, str) or not text.strip():
        raise QueryError("Only parts that are texts can be written as a query.")
    if not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise QueryError(
            f"The weight {part.weight} is out of bounds: it has to be from {LEAST_WEIGHT:g} to "
            f"{MOST_WEIGHT:g}."
        )
    prefix = "" if weight == 1 else f"{float(weight)!r}".removesuffix(".0") + ":"
    try:
        is_bare = parse(prefix + text) == Query((QueryPart(text, weight=weight),))
    except QueryError:
        is_bare = False
    return prefix + (text if is_bare else _in_quotes(text))


def _part(text: str, sign: int | None) -> tuple[str, float, bool, int]:
    """The part after the sign at `sign`, its weight, whether it is in quotes, and where the next
    sign or the end is.
    """
    begin = _start(text, 0 if sign is None else sign + 1)
    weighed = _weighed(text, begin)
    start = weighed.end() if weighed else begin
    quoted = _quoted(text, start)
    if quoted:
        content, end = quoted
    else:
        following = _SIGN.search(text, start)
        end = following.start() if following else len(text)
        content = text[start:end].strip()
    if content:
        return content, _weight(text, weighed) if weighed else 1.0, quoted is not None, end
    if weighed:
        raise QueryError(
            f"The weight {_shown(weighed[0].strip())} at character {begin + 1} has nothing to "
            f"weigh. Write a text after it, as in 2:snow.{_literally(text)}"
        )
    raise _lone(text, sign, end)


def _start(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _weighed(text: str, begin: int) -> re.Match[str] | None:
    """The weight at a part's `begin`; a number that is out of bounds is none."""
    found = _WEIGHT.match(text, begin)
    if found is None:
        return None
    size = float(found[1].lstrip("-+−").replace(",", "."))
    return found if LEAST_WEIGHT <= size <= MOST_WEIGHT else None


def _weight(text: str, weighed: re.Match[str]) -> float:
    number = weighed[1]
    where = f"The weight {_shown(number)}: at character {weighed.start() + 1}"
    if number[0] in "-+−":
        raise QueryError(
            f"{where} has a sign. Write the sign before it, with a space on both sides: "
            f"beach - 2:people.{_literally(text)}"
        )
    if "," in number:
        raise QueryError(
            f"{where} has a comma. Write it with a point, as in 0.5:snow.{_literally(text)}"
        )
    return float(number)


def _quoted(text: str, start: int) -> tuple[str, int] | None:
    """What the quotes that begin at `start` hold and where the part ends, if they are the part.

    Of a part that goes on after them, as `"stop" sign`, they are letters like others.
    """
    pattern = _QUOTED.get(text[start : start + 1])
    if pattern is None:
        return None
    where = f"The quote {text[start]} at character {start + 1}"
    found = pattern.match(text, start)
    if found is None:
        raise QueryError(
            f"{where} is not closed. Close it at the part's end with another.{_literally(text)}"
        )
    end = _start(text, found.end())
    if end < len(text) and not _SIGN.match(text, end):
        if _SIGN.search(found[1]) or "\\" in found[1]:
            raise QueryError(
                f"{where} is closed before its part ends, at {_shown(text[end:])}. Put the "
                f"whole part in quotes, or a sign between the two."
            )
        return None
    if not found[1].strip():
        raise QueryError(f"{where} has nothing in it. Write a text between the quotes.")
    return _ESCAPED.sub(r"\1", found[1]), end


def _lone(text: str, before: int | None, after: int) -> QueryError:
    """The error for the place between two signs, of which one can be an end of the text."""
    if before is None:
        what = f"Nothing stands before the sign {text[after]} at character {after + 1}"
    elif after < len(text):
        what = (
            f"Nothing stands between the signs {text[before]} and {text[after]} at characters "
            f"{before + 1} and {after + 1}"
        )
    else:
        what = f"Nothing follows the sign {text[before]} at character {before + 1}"
    return QueryError(f"{what}. Write a text on both sides of a sign.{_literally(text)}")


def _literally(text: str) -> str:
    """How to search for all of `text` as it stands."""
    quoted = _in_quotes(printable(text.strip()))
    shown = quoted if len(quoted) <= _SHOWN else '"…"'
    return f" To search for it as it stands, put it in double quotes: {shown}"


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _shown(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
