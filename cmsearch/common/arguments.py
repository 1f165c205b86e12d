"""What a caller gave as a query or as a path, checked: a wrong type is a `QueryError`."""

# Tested by tests/properties/test_api.py

from __future__ import annotations

import errno
import operator
from collections.abc import Set
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from cmsearch.common.kinds import TARGETS
from cmsearch.errors import QueryError
from cmsearch.types import Filter, Modality, Query, QueryPart

MOST = 1e6
"""The largest weight of a part."""
MOST_NAMES = 100
"""Keywords, people or labels of a filter."""
ASKED = (Modality.TEXT, Modality.IMAGE, Modality.SPEECH, Modality.VIDEO, Modality.SOUND)

_FILTER_TYPES: dict[str, Any] = {
    "path": str, "since": date, "until": date, "camera": str, "near": tuple, "has_caption": bool,
    "rating": tuple,
}  # fmt: skip


def checked_query(query: Any) -> Query:
    """A text or a `Query` as a query whose parts can be asked; raises `QueryError`."""
    if isinstance(query, str):
        return Query((QueryPart(query),))
    if not isinstance(query, Query):
        raise QueryError(f"A query is a text or a cmsearch.Query, not {type(query).__name__}.")
    if not all(isinstance(some, list | tuple) for some in (query.parts, query.without)):
        raise QueryError("The parts of a query are a tuple of cmsearch.QueryPart.")
    parts, without = (tuple(map(_part, some)) for some in (query.parts, query.without))
    if not any(part.weight > 0 for part in parts):
        raise QueryError("A query needs a part to look for, beside what is taken away.")
    numbers = (_numbers(name, getattr(query, name)) for name in ("left_out", "given"))
    return Query(parts, without, *numbers)


def _numbers(name: str, numbers: Any) -> frozenset[int]:
    """Numbers of items; raises `QueryError` for anything else."""
    if not isinstance(numbers, Set) or not all(type(number) is int for number in numbers):
        raise QueryError(f"{name} is a set of numbers of items, as in `Hit.item`.")
    return frozenset(numbers)


def checked_path(path: Any, noun: str) -> Path:
    """The path of a file or folder; raises `QueryError` for what can be none."""
    if not isinstance(path, str | Path):
        raise QueryError(f"{noun} is a path, not {type(path).__name__}.")
    try:
        Path(path).lstat()
    except ValueError as error:
        raise QueryError(f"{noun} can't be {str(path)!r}: {error}.") from error
    except OSError as error:  # others are told of where it is needed
        if error.errno == errno.ENAMETOOLONG:
            raise QueryError(f"{noun} can't be {str(path)[:80]}…: {error.strerror}.") from error
    return Path(path)


def checked_k(k: Any) -> int:
    """The number of hits that are wanted; raises `QueryError`."""
    try:
        number = operator.index(k)
    except TypeError:
        number = 0
    if number < 1:
        raise QueryError(f"k is the number of hits and at least 1, not {k!r}.")
    return number


def check_target(target: Any) -> None:
    """Raise `QueryError` for what is no target of a search."""
    if not isinstance(target, str) or target not in TARGETS:
        raise QueryError(f"There is no target {target!r}; it is one of {', '.join(TARGETS)}.")


def check_filter(where: Any) -> None:
    """Raise `QueryError` for what is no filter, or has values of other types."""
    if not isinstance(where, Filter):
        raise QueryError(f"where is a cmsearch.Filter, not {type(where).__name__}.")
    for name, kind in _FILTER_TYPES.items():
        value = getattr(where, name)
        if value is not None and not isinstance(value, kind):
            raise QueryError(f"The filter {name} is a {kind.__name__}, not {value!r}.")
        if isinstance(value, str) and value != value.encode(errors="replace").decode():
            raise QueryError(f"The filter {name} is not valid Unicode: {value!r}.")
    if not isinstance(where.days, tuple) or not all(map(_is_span, where.days)):
        raise QueryError("The filter days is a tuple of first and last days, as dates.")
    area = where.area
    if area is not None and not (
        isinstance(area, tuple) and len(area) == 2 and all(isinstance(one, str) for one in area)
    ):
        raise QueryError("The filter area is the codes of a country and of a part of it, or ''.")
    for name in ("keywords", "people", "labels"):
        _check_names(name, getattr(where, name))
    if where.rating is not None and [type(one) for one in where.rating] != [int, int]:
        raise QueryError("The filter rating is the fewest and the most stars, as whole numbers.")
    if where.near is not None and not (len(where.near) == 3 and all(map(_is_number, where.near))):
        raise QueryError("The filter near is degrees north, degrees east, and kilometres.")


def _check_names(name: str, values: Any) -> None:
    """Raise `QueryError` for what are no names that a filter may ask for."""
    if not isinstance(values, tuple) or not all(isinstance(one, str) for one in values):
        raise QueryError(f"The filter {name} is a tuple of texts, not {values!r}.")
    if len(values) > MOST_NAMES:
        raise QueryError(f"The filter {name} has at most {MOST_NAMES} of them.")
    if any(one != one.encode(errors="replace").decode() for one in values):
        raise QueryError(f"The filter {name} is not valid Unicode: {values!r}.")


def _is_span(value: Any) -> bool:
    pair = isinstance(value, tuple) and len(value) == 2
    return pair and all(isinstance(one, date) for one in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and -MOST <= value <= MOST


def _part(part: Any) -> QueryPart:
    if not isinstance(part, QueryPart) or part.modality not in ASKED:
        raise QueryError(
            f"A query consists of texts, pictures, recordings and films, not of {part!r}."
        )
    if not isinstance(part.weight, int | float) or not 0 < abs(part.weight) <= MOST:
        raise QueryError(f"A part's weight is a number other than 0, not {part.weight!r}.")
    return replace(part, modality=Modality(part.modality))
