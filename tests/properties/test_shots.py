"""The day and the place of pictures in all forms of their notes: the first good field counts."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from cmsearch.media.images import read_picture
from cmsearch.types import Capture
from tests.examples import examples

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {}>{}</rdf:Description></rdf:RDF>
</x:xmpmeta>"""
FIELDS = [
    *("DateTimeOriginal", "DateTimeDigitized"),
    *("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate", "DateTime"),
]
"""In the order in which they count."""
JUNK = [
    *("", " ", "    :  :     :  :  ", "0000:00:00 00:00:00", "0000-00-00T00:00:00", "unknown"),
    *("2019:13:01 00:00:00", "2019:02:30 12:00:00", "2019:00:00 00:00:00", "2019", "a:b:c d:e:f"),
    *("0001:01:01 00:00:00", "1:2:3", "n/a", "2019:04:31", "-", "2019:1", "07:08:09"),
]
MIDNIGHT = {"hour": 0, "minute": 0, "second": 0}
FORMS: list[tuple[str, dict[str, int]]] = [
    *((form, {}) for form in ("%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S")),
    *((f"%Y-%m-%dT%H:%M:%S{end}", {}) for end in ("", "Z", "+02:00")),
    ("%Y-%m-%dT%H:%M:%S.125", {"microsecond": 125_000}),
    ("%Y-%m-%dT%H:%M:%S.5-07:00", {"microsecond": 500_000}),
    *((form, {}) for form in ("  %Y:%m:%d %H:%M:%S ", "%Y.%m.%d %H.%M.%S", "%Y:%m:%d:%H:%M:%S")),
    *((form, {"second": 0}) for form in ("%Y:%m:%d %H:%M", "%Y-%m-%dT%H:%MZ")),
    *(
        (form, MIDNIGHT)
        for form in ("%Y:%m:%d", "%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y:%m:%d   :  :  ")
    ),
    ("%Y:%m:%d %H:%M:60", {"second": 59}),
    ("%Y:%m:%d 24:%M:%S", {"hour": 0}),
    ("%Y:%m:%d 61:99:99", MIDNIGHT),
]

moments = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)).map(
    lambda one: one.replace(microsecond=0)
)
junk = st.sampled_from(JUNK).map(lambda text: (text, None))
good = st.tuples(moments, st.sampled_from(FORMS)).map(
    lambda drawn: (drawn[0].strftime(drawn[1][0]), drawn[0].replace(**drawn[1][1]))  # type: ignore[arg-type]
)
noted = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, junk | good))
satellites = st.none() | st.tuples(moments, st.booleans())


def read(exif: dict[str, Any], xmp: dict[str, str], as_elements: bool = False) -> Capture:
    """What is read of a JPEG with these fields."""
    written = Image.Exif()
    for name, value in exif.items():
        if name.startswith("GPS"):
            written.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS[name]] = value
        elif name == "DateTime":
            written[ExifTags.Base.DateTime] = value
        else:
            written.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    elements = "".join(f"<{name}>{text}</{name}>" for name, text in xmp.items())
    attributes = " ".join(f'{name}="{text}"' for name, text in xmp.items())
    packet = XMP.format(*(("", elements) if as_elements else (attributes, "")))
    buffer = BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG", exif=written, xmp=packet.encode())
    return read_picture(BytesIO(buffer.getvalue()), 8)[1]


@examples(60)
@given(noted, satellites, st.booleans())
def test_the_first_good_field_is_the_day(
    fields: dict[str, tuple[str, datetime | None]],
    gps: tuple[datetime, bool] | None,
    as_elements: bool,
) -> None:
    days = [(name, day) for name in FIELDS if (day := fields.get(name, ("", None))[1])]
    expected = _first(days)
    texts = {name: text for name, (text, _) in fields.items()}
    exif: dict[str, Any] = {name: text for name, text in texts.items() if ":" not in name}
    xmp = {name: text for name, text in texts.items() if ":" in name}
    if gps is not None:
        exif["GPSDateStamp"] = f"{gps[0]:%Y:%m:%d}"
        if gps[1]:
            clock = (gps[0].hour, gps[0].minute, gps[0].second)
            exif["GPSTimeStamp"] = tuple(IFDRational(one) for one in clock)
        expected = expected or (gps[0] if gps[1] else datetime.combine(gps[0], datetime.min.time()))
    assert read(exif, xmp, as_elements).taken == expected


def _first(days: list[tuple[str, datetime]]) -> datetime | None:
    """The first; or where that is at midnight, as a day alone is, the first time on that day at
    which the picture was taken, and not changed.
    """
    if not days or days[0][1].time() != time():
        return days[0][1] if days else None
    day = days[0][1]
    taken = (one for name, one in days if name != "DateTime")
    return next((one for one in taken if one.date() == day.date() and one > day), day)


def _written(degrees: float, form: int) -> Any:
    """Degrees in a form of cameras, of which they may use any."""
    whole, part = divmod(round(abs(degrees) * 3_600_000), 3_600_000)
    minutes, thousandths = divmod(part, 60_000)
    nothing = IFDRational(0, 0)
    decimals = IFDRational(round(abs(degrees) * 10**6), 10**6)
    return [
        (IFDRational(whole), IFDRational(minutes), IFDRational(thousandths, 1000)),
        (IFDRational(whole), IFDRational(part, 60_000), IFDRational(0)),
        (IFDRational(whole), IFDRational(part, 60_000), nothing),
        (IFDRational(whole), IFDRational(part, 60_000)),
        (decimals, IFDRational(0), IFDRational(0)),
        (decimals, nothing, nothing),
        (decimals,),
    ][form]


BAD = [
    (IFDRational(0, 0),) * 3,
    (IFDRational(200), IFDRational(0), IFDRational(0)),
    (IFDRational(10), IFDRational(70), IFDRational(0)),
    (IFDRational(10), IFDRational(7), IFDRational(99)),
    (IFDRational(10), IFDRational(0, 0), IFDRational(0, 0)),
]
SIDES = [str, str.lower, lambda side: f"{side}\0", str.encode, lambda side: f" {side} "]
# With six decimals there always are some, which tell degrees from halves of a place.
angles = (
    st.integers(-89_000_000, 89_000_000).filter(lambda one: one % 1000).map(lambda one: one / 10**6)
)


@examples(60)
@given(st.data())
def test_a_place_is_read_in_any_form_or_not_at_all(data: st.DataObject) -> None:
    north, east = data.draw(angles), data.draw(angles)
    forms = [data.draw(st.integers(0, 6)) for _ in "ne"]
    side = data.draw(st.sampled_from(SIDES))
    bad = data.draw(st.none() | st.sampled_from(BAD))
    exif = {
        "GPSLatitude": bad or _written(north, forms[0]),
        "GPSLatitudeRef": side("S" if north < 0 else "N"),
        "GPSLongitude": _written(east, forms[1]),
        "GPSLongitudeRef": side("W" if east < 0 else "E"),
        "DateTime": "2019:05:06 07:08:09",
    }
    found = read(exif, {})
    assert found.taken == datetime(2019, 5, 6, 7, 8, 9)
    if bad:
        assert (found.latitude, found.longitude) == (None, None)
    else:
        assert (found.latitude, found.longitude) == pytest.approx((north, east), abs=1e-5)


@examples(60)
@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "Make"]), st.text(max_size=30) | st.binary(max_size=30)
    )
)
def test_any_field_is_read_or_passed_over(fields: dict[str, Any]) -> None:
    exif = {
        name: one if isinstance(one, bytes) else one.encode("utf-8", "replace")
        for name, one in fields.items()
        if ":" not in name
    }
    capture = read(exif, {})
    assert capture.taken is None or capture.taken > datetime(1825, 1, 1) - timedelta(1)
