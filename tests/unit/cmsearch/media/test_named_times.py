"""Times in the names that devices and programs give to files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cmsearch.media import moments
from cmsearch.media.named_times import completed, named_time
from cmsearch.types import Capture

SECOND = "2024-05-31 12:34:56"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_20240531_123456.jpg", SECOND),
        ("IMG_20240531_123456_HDR.jpg", SECOND),
        ("IMG_20240531_123456789.jpg", "2024-05-31 12:34:56.789000"),
        ("VID_20240531_123456.mp4", SECOND),
        ("20240531_123456.jpg", SECOND),
        ("20240531_123456(0).jpg", SECOND),
        ("Screenshot_20240531-123456.png", SECOND),
        ("Screenshot_20240531-123456_Chrome.jpg", SECOND),
        ("Screenshot 2024-05-31 at 12.34.56.png", SECOND),
        ("Screen Shot 2024-05-31 at 12.34.56 PM.png", SECOND),
        ("Screen Shot 2024-05-31 at 01.34.56 PM.png", "2024-05-31 13:34:56"),
        ("Bildschirmfoto 2024-05-31 um 12.34.56.png", SECOND),
        ("Screenshot from 2024-05-31 12-34-56.png", SECOND),
        ("WhatsApp Image 2024-05-31 at 12.34.56.jpeg", SECOND),
        ("WhatsApp Video 2024-05-31 at 12.34.56 (1).mp4", SECOND),
        ("IMG-20240531-WA0012.jpg", "2024-05-31 00:00:00"),
        ("signal-2024-05-31-12-34-56-789.jpg", SECOND),
        ("signal-2024-05-31-123456.jpg", SECOND),
        ("photo_2024-05-31_12-34-56.jpg", SECOND),
        ("2024-05-31 12.34.56.jpg", SECOND),
        ("2024-05-31T12:34:56.jpg", SECOND),
        ("C360_2024-05-31-12-34-56-789.jpg", SECOND),
        ("DJI_20240531123456_0001_D.JPG", SECOND),
        ("WP_20140531_12_34_56_Pro.jpg", "2014-05-31 12:34:56"),
        ("MVIMG_20240531_123456.jpg", SECOND),
        ("Recording 2024-05-31.m4a", "2024-05-31 00:00:00"),
        ("Scan_20240531.png", "2024-05-31 00:00:00"),
        ("2024.05.31 party.jpg", "2024-05-31 00:00:00"),
    ],
)
def test_a_name_says_when(name: str, expected: str) -> None:
    found = named_time(name)
    assert found is not None and str(found) == expected


@pytest.mark.parametrize(
    "name",
    [
        "DSC_0042.jpg", "IMG_1234.HEIC", "20241331_123456.jpg", "20240230.jpg", "19001231.jpg",
        "IMG_202405311.jpg", "120240531.jpg", "20990101.jpg", "party.jpg", "2024.jpg",
        "05312024.jpg", "order-20240531123.jpg", "", "12345678.jpg",
    ],
)  # fmt: skip
def test_a_name_that_says_nothing(name: str) -> None:
    assert named_time(name) is None


def test_names_in_utc() -> None:
    utc = datetime(2024, 5, 31, 12, 34, 56, 789_000)
    assert named_time("PXL_20240531_123456789.MP.jpg") == moments.here(utc)
    milliseconds = int(utc.replace(tzinfo=UTC).timestamp() * 1000)
    assert named_time(f"FB_IMG_{milliseconds}.jpg") == moments.here(utc)
    assert named_time(f"mmexport{milliseconds}.jpg") == moments.here(utc)


def test_a_name_counts_before_what_says_when_a_file_was_changed() -> None:
    path, named = "trip/IMG_20240531_123456.jpg", datetime(2024, 5, 31, 12, 34, 56)
    for source in ("exif", "xmp", "iptc", "container"):
        own = Capture(datetime(2020, 1, 1), "Canon", 1, 2, source, "+02:00")
        assert completed(own, path) == own
    for source in ("changed", "gps"):
        own = Capture(datetime(2020, 1, 1), "Canon", 1, 2, source, "+02:00")
        assert completed(own, path) == Capture(named, "Canon", 1, 2, "name")
    assert completed(Capture(), path) == Capture(named, source="name")
    assert completed(Capture(), "2024-05-31/a.jpg") == Capture()
