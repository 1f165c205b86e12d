"""What rows are of: made from the catalog's rows, kept as bytes, and joined."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.store.index import row_table
from cmsearch.store.index.row_table import RowTable

ROWS = [(4, 40, 400, "photo"), (7, 70, 400, "caption"), (9, 90, 2**32 - 1, "photo")]


def described(table: RowTable) -> list[tuple[int, int, str]]:
    kinds = [table.names[one] for one in table.kinds.tolist()]
    return list(zip(table.items.tolist(), table.subjects.tolist(), kinds, strict=True))


def made(ids: list[int]) -> RowTable:
    table = row_table.made(np.array(ids, np.int64), ROWS)
    assert table is not None
    return table


def test_it_has_the_rows_in_the_order_of_the_ids() -> None:
    assert described(made([9, 4, 7])) == [ROWS[2][1:], ROWS[0][1:], ROWS[1][1:]]


def test_a_row_that_is_gone_is_of_nothing() -> None:
    table = made([4, 5])
    assert described(table) == [ROWS[0][1:], (0, 0, "")]
    assert table.of_kind("photo").tolist() == [True, False]
    assert not table.of_kind("no such").any()


def test_it_is_the_same_after_it_was_kept() -> None:
    table = made([4, 7, 9])
    data = table.packed()
    assert data is not None and len(data) == 3 * row_table.WIDTH
    assert described(row_table.unpacked(data, 3, table.names)) == described(table)


@pytest.mark.parametrize(("rows", "names"), [(2, ["photo"]), (4, ["photo"]), (3, ["x"] * 256)])
def test_what_can_t_be_a_table_is_refused(rows: int, names: list[str]) -> None:
    with pytest.raises(ValueError, match="of other rows"):
        row_table.unpacked(np.zeros(3 * row_table.WIDTH, np.uint8), rows, names)


def test_a_code_without_a_name_is_of_no_kind() -> None:
    data = np.full(row_table.WIDTH, 7, np.uint8)
    odd = row_table.unpacked(data, 1, ["photo"])
    joined = row_table.joined([odd, made([4])])
    assert joined.of_kind("photo").tolist() == [False, True]


def test_parts_are_joined_with_one_list_of_names() -> None:
    joined = row_table.joined([made([4]), made([7, 9]).at(np.array([0, 1]))])
    assert described(joined) == [row[1:] for row in ROWS]
    assert list(joined.names) == ["photo", "caption"]


@pytest.mark.parametrize("number", [-1, 2**32])
def test_numbers_that_don_t_fit_make_no_table(number: int) -> None:
    assert row_table.made(np.array([1]), [(1, number, 1, "photo")]) is None
    assert row_table.made(np.array([1]), [(1, 1, number, "photo")]) is None


def test_so_many_kinds_make_no_table() -> None:
    rows = [(one, 1, 1, f"kind {one}") for one in range(300)]
    assert row_table.made(np.arange(300), rows) is None
