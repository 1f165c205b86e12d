"""What was read in pictures, as a catalog keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.errors import StoreError
from cmsearch.store.catalog import reading_rows, readings
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.reading_rows import Reading
from cmsearch.types import Asset, TextLine
from tests import builders

BOX = (0.1, 0.1, 0.5, 0.1, 0.5, 0.2, 0.1, 0.2)
LINE = TextLine("GOLDEN HARBOUR", 0.987, BOX)
READER = "a reader"


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1), max_size=4),
    st.booleans() | st.integers(1, 2**31 - 1),
)
def test_readings_come_back_as_they_were(blocks: list[list[str]], state: bool | int) -> None:
    found = [[TextLine(text, 0.5, BOX, 3) for text in own] for own in blocks]
    page = 0 if isinstance(state, bool) else state
    reading = Reading(READER, bool(state), found, page)
    assert reading_rows.unpack(reading_rows.pack(reading)) == reading


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[1, 1]", '[1, 1, "a", []]', "[1, 1, 5, [[]]]", "[" * 100_000),
        *(
            '[1, 1, "a", [[["x", 0.5, 0, 1, 2]]]]',
            '[1, 1, "a", [[[5, 0.5, 0, 1, 2, 3, 4, 5, 6, 7, 8]]]]',
        ),
        *('[1, 1, "a", [[["x", 0.5, 0, 1, 2, 3, 4, 5, 6, 7, 99999]]]]', '[1, 1, "a", 7]'),
        *('[0, 2, "a", []]', '[0, "1", "a", []]', '[0, -9999999999, "a", []]'),
        '[1, 1, "a", [[["x", NaN, 0, 1, 2, 3, 4, 5, 6, 7, 8]]]]',
    ],
)
def test_damaged_readings_are_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading_rows.unpack(text)


def test_digests_of_items_say_of_which_block_they_are() -> None:
    assert reading_rows.block_of(reading_rows.item_digest("ab12", 7)) == ("ab12", 7)
    assert [reading_rows.block_of(one) for one in ("ab12", "ocr:ab12", "ocr:ab:x", "")] == [
        None
    ] * 4
    assert reading_rows.is_of("ocr:ab12:7", "ab12") and not reading_rows.is_of("ocr:ab12:7", "ab1")
    assert not reading_rows.is_of("ab12", None)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = builders.opened(tmp_path / "catalog.db")
    with made.writing() as writer:
        for name, digest in (("a.jpg", "d1"), ("b.jpg", "d2"), ("copy.jpg", "d1")):
            writer.put_asset(Asset(name, "image", 1, 1, digest))
        writer.put_asset(Asset("notes.txt", "document", 1, 1, "d3"))
        writer.put_asset(Asset("damaged.jpg", "image", 1, None, "d4"))
    return made


def unread(catalog: Catalog, every: bool = False, reader: str = READER) -> list[str]:
    return [one.path for one in readings.unread(catalog, ["image"], reader, every)]


def put(catalog: Catalog, digest: str, every: bool = False) -> None:
    with catalog.writing() as writer:
        writer.put_reading(digest, Reading(READER, every, [[LINE]]))


def test_each_content_is_read_once_and_anew_for_another_reader(catalog: Catalog) -> None:
    assert unread(catalog) == ["a.jpg", "b.jpg"]
    put(catalog, "d1")
    assert unread(catalog) == ["b.jpg"]
    assert unread(catalog, reader="another") == ["a.jpg", "b.jpg"]


def test_a_glance_is_not_enough_where_every_picture_is_wanted(catalog: Catalog) -> None:
    put(catalog, "d1")
    put(catalog, "d2", every=True)
    assert unread(catalog, every=True) == ["a.jpg"] and unread(catalog) == []


def test_a_document_that_is_still_being_read_is_to_be_read(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        writer.put_reading("d1", Reading(READER, True, [[LINE]], 7))
    assert unread(catalog) == ["a.jpg", "b.jpg"] and unread(catalog, every=True) == unread(catalog)
    found = readings.reading(catalog, "d1")
    assert found and (found.page, found.every) == (7, True)
    put(catalog, "d1", every=True)
    assert unread(catalog) == ["b.jpg"]


def test_all_copies_are_to_be_encoded(catalog: Catalog) -> None:
    put(catalog, "d1")
    assert [one.path for one in readings.unencoded(catalog, 1)] == ["a.jpg", "copy.jpg"]
    assert readings.unencoded(catalog, 1, ["d2"]) == []


def test_lines_are_found_by_their_items(catalog: Catalog) -> None:
    put(catalog, "d1")
    assert readings.lines(catalog, "ocr:d1:1") == (LINE,)
    for other in ("ocr:d1:2", "ocr:d1:0", "ocr:d9:1", "d1"):
        assert readings.lines(catalog, other) == ()


def test_a_damaged_reading_is_an_error_of_the_store(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        writer._set(reading_rows.name("d1"), "[1, 1, 5")
    with pytest.raises(StoreError, match="doesn't write"):
        readings.lines(catalog, "ocr:d1:1")


def test_what_was_read_in_files_that_are_gone_is_forgotten(catalog: Catalog) -> None:
    put(catalog, "d1")
    put(catalog, "gone")
    with catalog.writing() as writer:
        writer.put_ocr("auto")
        writer.forget_readings()
    assert readings.reading(catalog, "gone") is None and readings.reading(catalog, "d1")
    assert catalog.ocr() == "auto"
