"""Columns of assets: made, kept, brought up to date, and refused where they can't be that."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cmsearch.store.index import asset_table
from cmsearch.store.index.asset_table import ODD, AssetTable

ROWS: list[tuple[Any, ...]] = [
    (2, "a.JPG", "2024-05-31 18:20:00", "Leica", 45.5, 7.25),
    (3, "2024/b/c.png", None, None, None, None),
    (9, "2024/b/none", "2023-12-31 00:00:00", "Canon", None, None),
]


def rows_of(table: AssetTable) -> list[tuple[Any, ...]]:
    """By id what the columns say of each asset."""
    names = table.names
    north = table.north.tolist() or [np.nan] * len(table.ids)
    east = table.east.tolist() or [np.nan] * len(table.ids)
    return [
        (
            int(table.ids[row]),
            int(table.days[row]),
            None if table.cameras[row] < 0 else names.cameras[table.cameras[row]],
            names.folders[table.folders[row]],
            names.suffixes[table.suffixes[row]],
            *(None if np.isnan(at) else at for at in (north[row], east[row])),
        )
        for row in range(len(table.ids))
    ]


EXPECTED = [
    (2, 20240531, "Leica", "", ".jpg", 45.5, 7.25),
    (3, 0, None, "2024/b/", ".png", None, None),
    (9, 20231231, "Canon", "2024/b/", "", None, None),
]


def test_it_tells_of_each_asset_what_filters_ask() -> None:
    table = asset_table.made([ROWS[:1], ROWS[1:]])
    assert rows_of(table) == EXPECTED
    assert (table.names.is_special, table.names.is_ascii) == (False, True)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_it_is_the_same_after_it_was_kept(count: int) -> None:
    rows = ROWS[3 - count :]  # with two none has a place
    data = asset_table.made([rows]).packed()
    assert data is not None
    again = asset_table.unpacked(data)
    assert rows_of(again) == EXPECTED[3 - count :]
    assert len(again.north) == (3 if count == 3 else 0)


def test_what_was_changed_takes_the_place_of_what_was() -> None:
    table = asset_table.made([ROWS[1:]])
    news = [(1, "x/é.gif", "2020-01-01 10:00:00", "Leica", 1.0, 2.0), (9, "[a].png", *ROWS[0][2:])]
    after = table.updated(np.array([1, 3, 9]), news)
    assert rows_of(after) == [
        (1, 20200101, "Leica", "x/", ".gif", 1.0, 2.0),
        (9, 20240531, "Leica", "", ".png", 45.5, 7.25),
    ]
    assert (after.names.is_special, after.names.is_ascii) == (True, False)
    assert table.updated(np.empty(0, np.int64), []) is table


@pytest.mark.parametrize(
    "taken",
    ["", "2024", "2024-05-31T18:20:00", "2024-05-31 24:20:00", "2024-05-31 18:20:00.5", 5, b"x"],
)
def test_a_time_in_another_form_is_left_to_the_catalog(taken: Any) -> None:
    assert asset_table.made([[(1, "a.jpg", taken, None, None, None)]]).days.tolist() == [ODD]


@pytest.mark.parametrize("number", [-1, 2**31])
def test_ids_that_don_t_fit_make_no_table(number: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        asset_table.made([[(number, *ROWS[0][1:])]])


def test_ids_far_apart_make_no_table() -> None:
    assert asset_table.made([[ROWS[0], (2**30, *ROWS[1][1:])]]).packed() is None


def test_so_many_names_make_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset_table, "_MOST_NAMES", 1)
    assert asset_table.made([ROWS]).packed() is None


def kept() -> np.ndarray[Any, Any]:
    data = asset_table.made([ROWS]).packed()
    assert data is not None
    return data.copy()


def number(data: np.ndarray[Any, Any], place: int, value: int) -> np.ndarray[Any, Any]:
    """The bytes with another number after the header and the places, which are six."""
    data[16 + 48 + 4 * place :][:4] = np.frombuffer(np.int32(value).tobytes(), np.uint8)
    return data


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, -5), (0, 3), (1, 2**30), (6, 2), (6, -2), (9, 7), (12, 99)],
    ids=["below", "twice", "far", "camera", "camera below", "folder", "end"],
)
def test_numbers_out_of_range_are_refused(place: int, value: int) -> None:
    with pytest.raises(ValueError, match=r"out of range|none of its own"):
        asset_table.unpacked(number(kept(), place, value))


@pytest.mark.parametrize("size", [0, 15, 16, 100])
def test_a_shorter_file_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"short|length"):
        asset_table.unpacked(kept()[:size])


@pytest.mark.parametrize(
    "names", ["[]", "{", "5", "[1,2,3,4,5]", "[[1],[],[],0,1]", "null", "[" * 5000]
)
def test_names_that_are_none_are_refused(names: str) -> None:
    data = kept()
    size = int(data[8:12].view("<i4")[0])
    data = np.concatenate([data[:-size], np.frombuffer(names.encode(), np.uint8)])
    data[8:12] = np.frombuffer(np.int32(len(names)).tobytes(), np.uint8)
    with pytest.raises(ValueError, match=r"name|Expecting|values"):
        asset_table.unpacked(data)


def test_the_names_are_json() -> None:
    data = kept()
    size = int(data[8:12].view("<i4")[0])
    cameras, folders, suffixes, *_ = json.loads(bytes(data[-size:]))
    assert (cameras, folders) == (["Leica", "Canon"], ["", "2024/b/"])
    assert suffixes == [".jpg", ".png", ""]


def test_tables_are_alike_whatever_the_order_of_their_names() -> None:
    table = asset_table.made([ROWS])
    other = asset_table.made([[(1, *ROWS[2][1:]), *ROWS]]).without(np.array([1]))
    assert other.names.cameras != table.names.cameras
    assert asset_table.are_alike(table, other)
    for place, value in ((1, "2024/a.JPG"), (1, "a.png"), (2, None), (3, None), (4, 45.6)):
        row = (*ROWS[0][:place], value, *ROWS[0][place + 1 :])
        assert not asset_table.are_alike(table, asset_table.made([[row, *ROWS[1:]]]))
    assert not asset_table.are_alike(table, table.without(np.array([3])))
