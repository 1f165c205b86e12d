"""Say how many queries with days and places are understood, and how many that only look so.

    python -m scripts.bench.understanding

The queries are those of tests/data/queries, which were written by somebody who didn't know the
grammar; half of them were seen while it was made. What was misunderstood is printed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cmsearch.models.areas import areas
from cmsearch.search.query.spans import EVER
from cmsearch.search.query.understanding import Shown, Understood, understood
from cmsearch.types import Filter, Query, QueryPart

QUERIES = Path(__file__).parents[2] / "tests" / "data" / "queries"
_SHOWN = Shown(lambda: 2006, lambda: None, lambda _: True)
_TODAY = date(2026, 11, 29)


def measured() -> dict[str, tuple[int, list[str]]]:
    """By kind of queries how many there are, and those that were misunderstood."""
    found = {}
    for name, wrong in {
        "days": _wrong_days(), "no_days": _wrongly_applied("no_days"),
        "places": _wrong_places(), "no_places": _wrongly_applied("no_places"),
    }.items():  # fmt: skip
        file = next(QUERIES.glob(f"{name}.*"))
        found[name] = len(file.read_text(encoding="utf-8").splitlines()), list(wrong)
    return found


def _read(text: str) -> Understood:
    return understood(Query((QueryPart(text),)), Filter(), _TODAY, _SHOWN)


def _rows(name: str) -> Iterator[list[str]]:
    for line in (QUERIES / name).read_text(encoding="utf-8").splitlines():
        yield [*line.split("\t"), ""][:3]


def _wrong_days() -> Iterator[str]:
    """Those of which the days, or what is left, aren't as written beside them."""
    for text, wanted, rest in _rows("days.tsv"):
        found = _read(text)
        spans = found.where.days
        if wanted.startswith("yearly:"):
            own = {f"{a:%m-%d}..{b:%m-%d}" for a, b in spans if a.year == 2020}
            is_right = own == {wanted.removeprefix("yearly:")} and len(spans) > 10
        else:
            ends = {EVER[0]: "", EVER[1]: ""}
            said = ";".join(f"{ends.get(a, str(a))}..{ends.get(b, str(b))}" for a, b in spans)
            is_right = said == wanted
        left = str(found.query.parts[0].content)
        if not is_right or (rest and left != rest):
            yield text


def _wrong_places() -> Iterator[str]:
    """Those without a place in the country, or with another rest."""
    for text, wanted, rest in _rows("places.tsv"):
        found = _read(text)
        (code,) = wanted.split(", ")[-1:]
        names = {place for one in found.applied if (place := one.place)}
        ours = {areas().get(name.rpartition(", ")[2].lower(), ("", ""))[0] for name in names}
        is_right = ours == {code} or names == {wanted.rpartition(", ")[0]}
        if not is_right or (rest and str(found.query.parts[0].content) != rest):
            yield text


def _wrongly_applied(name: str) -> Iterator[str]:
    for text, *_ in _rows(f"{name}.txt"):
        if _read(text).applied:
            yield text


def main() -> None:
    os.environ["LC_ALL"] = "en_US.UTF-8"
    start = time.process_time()
    for name, (count, wrong) in measured().items():
        print(f"{name:10} {count - len(wrong)} of {count}")
        for text in wrong:
            print(f"           {text}")
    print(f"{time.process_time() - start:.1f} s of processor time")


if __name__ == "__main__":
    main()
