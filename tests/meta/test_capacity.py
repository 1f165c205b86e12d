"""The page about scaling is made from what was measured, and only from that."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scripts.bench import capacity, capacity_postgres


def test_the_page_and_its_plot_are_those_of_the_data() -> None:
    data, text = capacity.read(), capacity.PAGE.read_text(encoding="utf-8")
    assert capacity.page(text, data) == text, "run python -m scripts.bench.capacity page"
    assert capacity.drawn(data) == capacity.PLOT.read_text(encoding="utf-8")


def test_a_fit_goes_through_points_that_lie_on_it() -> None:
    a, b = capacity.fitted([(n, 3 + 0.5 * n**0.5) for n in (100, 10_000, 1_000_000)], 0.5)
    assert (a, b) == (pytest.approx(3), pytest.approx(0.5))


def test_needs_grow_with_the_items_and_with_what_an_item_takes() -> None:
    data = capacity.read()
    few, many = capacity.needs(data, 10**6), capacity.needs(data, 10**11)
    disk = "catalog and derived files"
    assert number(many[disk]) == pytest.approx(1e5 * number(few[disk]), rel=0.2)
    larger: dict[str, Any] = copy.deepcopy(data)
    larger["indexing"]["CPU s a photograph"] *= 2
    hours = "indexing, hours of a core"
    doubled = number(capacity.needs(larger, 10**9)[hours])
    assert doubled == pytest.approx(2 * number(capacity.needs(data, 10**9)[hours]), rel=0.01)


def test_what_nobody_measured_is_shown_as_such() -> None:
    data = copy.deepcopy(capacity.read())
    data["backends"]["another"] = {
        "disk bytes": None, "memory bytes": None, "search": None, "at": ""
    }  # fmt: skip
    assert "| another | — | — | — | not measured yet |" in capacity.tables(data)


def test_what_was_measured_in_postgresql_is_shown_and_its_row_is_that_of_most_items() -> None:
    data = copy.deepcopy(capacity.read()) | {"postgres": []}
    own = {"plain ms": 5.0, "plain ms there": 1.5, "default ms": 7.0, "default ms there": 2.5}
    sizes = dict.fromkeys(("catalog", "vectors", "derived"), 2_000_000)
    own |= {f"{name} bytes": size for name, size in sizes.items()} | {"graph bytes": 500_000}
    for items in (2_000, 1_000):
        capacity_postgres.add(data, own | {"items": items, "recall": 0.9876})
    tables = capacity.tables(data)
    assert "| 3,000 | 250 | CPU 5.0 + 1.5 plain, 7.0 + 2.5 default; 0.988 | 2,000 items |" in tables
    rows = [line for line in tables.splitlines() if "| 0.9876 |" in line]
    assert [row.split("|")[1].strip() for row in rows] == ["1,000", "2,000"]
    assert "| 2,000 | 2,000 | 500 | 2,000 |" in rows[0]


def number(text: str) -> float:
    """The number that a cell begins with."""
    return float(text.split()[0].replace(",", ""))
