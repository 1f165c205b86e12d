"""Times in the forms in which cameras and programs write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cmsearch.media.moments import moment

DAY = datetime(2019, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "2019:05:06 07:08:09",
            "2019-05-06T07:08:09",
            "2019/05/06 07:08:09",
            "2019.05.06 07.08.09",
        ),
        *("2019-05-06T07:08:09Z", "2019-05-06T07:08:09.123+02:00", "2019:05:06 07:08:09-07:00"),
        *(
            "  2019:05:06 07:08:09\0\0",
            "2019:05:06\x0007:08:09",
            "2019: 5: 6  7: 8: 9",
            "2019:5:6 7:8:9",
        ),
        *(
            "2019:05:06:07:08:09",
            "2019:05:06 07:08:09 AM",
            "2019:05:06 7:08:09 a.m.",
            "20190506T070809",
        ),
        *(b"2019:05:06 07:08:09", b"2019:05:06 07:08:09\0", ("2019:05:06 07:08:09",)),
        *(["2019:05:06", "07:08:09"], (2019, 5, 6, 7, 8, 9), "2019:05:06 07:08:09.999999"),
        *("Mon, 06 May 2019 07:08:09 +0000", "6 May 2019 07:08:09", "Mon May  6 07:08:09 2019"),
        "06-May-2019 07:08:09",
    ],
)
def test_forms_of_a_time(written: Any) -> None:
    assert moment(written) == DAY


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2019:05:06", (0, 0, 0)),
        ("2019-05-06", (0, 0, 0)),
        ("20190506", (0, 0, 0)),
        ("2019-05-06+02:00", (0, 0, 0)),
        ("2019:05:06 07:08", (7, 8, 0)),
        ("2019:05:06   :  :  ", (0, 0, 0)),
        ("2019:05:06 99:99:99", (0, 0, 0)),
        ("2019:05:06 24:00:00", (0, 0, 0)),
        ("2019:05:06 24:15:10", (0, 15, 10)),
        ("2019:05:06 07:08:60", (7, 8, 59)),
        ("2019:05:06 07:08:09 PM", (19, 8, 9)),
        ("2019:05:06 12:08:09 AM", (0, 8, 9)),
    ],
)
def test_a_day_is_kept_whatever_its_time(written: str, time: tuple[int, int, int]) -> None:
    assert moment(written) == datetime(2019, 5, 6, *time)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            " ",
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2019:13:06 07:08:09",
            "2019:02:29",
        ),
        *(
            "2019",
            "2019-05",
            "2019:00:00 00:00:00",
            "0001:01:01 00:00:00",
            "yesterday",
            "06/05/2019",
        ),
        *(None, 5, 1.5, {}, (), [], b"\xff\xfe", (None, b""), "9" * 10_000, "\0" * 20, "Monday 6"),
    ],
)
def test_what_names_no_day(written: Any) -> None:
    assert moment(written) is None
