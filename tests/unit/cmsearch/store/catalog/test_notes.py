"""What is noted of files is kept by the file that it stands in, and goes with that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from cmsearch.store.catalog import files, fulltext, health, notes
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.fulltext import Scope
from cmsearch.types import Capture, Modality, Noted, Notes
from tests import builders
from tests.builders import asset, photo, put, serve

DAY = datetime(2024, 5, 31, 12, 34, 56, 120_000)
OWN = Capture(DAY, "Canon", 48.5, 9.0, "exif", "+02:00")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A picture with a sidecar, and one with none."""
    opened = builders.opened(tmp_path / "catalog.db")
    space = serve(opened, 2)
    for path in ("a.jpg", "b.jpg"):
        put(opened, space, path, photo([1, 0]))
        with opened.writing() as writer:
            writer.put_asset(asset(path, capture=OWN))
    put(opened, space, "a.jpg.xmp", kind="xmp")
    yield opened
    opened.close()


def note(catalog: Catalog, path: str, *found: Noted, about: str | None = None) -> None:
    with catalog.writing() as writer:
        number = writer.put_asset(files.assets(catalog)[path])
        writer.put_notes(number, about, found)


def of(catalog: Catalog, path: str = "a.jpg") -> Notes:
    return notes.of_files(catalog, [path])[path].notes


def found(catalog: Catalog, text: str) -> set[str]:
    scope = Scope(1, Modality.IMAGE)
    return {f"{match.thing}" for match in fulltext.match(catalog, text, 9, scope)}


def test_lists_are_united_and_of_stars_those_of_the_first_source_count(catalog: Catalog) -> None:
    embedded = Notes(("Animals|Dogs", "beach"), ("Anna",), rating=2, labels=("Red",))
    note(catalog, "a.jpg", Noted(embedded))
    beside = Notes(("Beach", "Lisbon"), ("Bert",), ("Cascais",), 5)
    note(catalog, "a.jpg.xmp", Noted(beside, source="sidecar"), about="a.jpg")
    assert of(catalog) == Notes(
        ("Beach", "Lisbon", "Animals|Dogs"), ("Bert", "Anna"), ("Cascais",), 5, ("Red",)
    )
    assert of(catalog, "b.jpg") == Notes()
    assert notes.counts(catalog) == {
        "keyword": 3, "person": 2, "place": 1, "rating": 1, "label": 1
    }  # fmt: skip
    note(catalog, "a.jpg.xmp", Noted(Notes(rating=0), source="sidecar"), about="a.jpg")
    assert of(catalog) == Notes(("Animals|Dogs", "beach"), ("Anna",), (), 0, ("Red",))
    with catalog.writing() as writer:
        assert writer.remove_asset("a.jpg.xmp", 0) == frozenset()
    assert of(catalog) == embedded


def test_words_of_notes_find_the_picture(catalog: Catalog) -> None:
    assert found(catalog, "lisbon dogs") == set()
    beside = Noted(Notes(("Animals|Dogs",), ("Anna Lee",), ("Lisbon",)), source="sidecar")
    note(catalog, "a.jpg.xmp", beside, about="a.jpg")
    for text in ("dogs", "animals", "anna", "lee lisbon"):
        assert found(catalog, text) == {"1"}
    assert health.words_agree(catalog)
    with catalog.writing() as writer:
        writer.remove_asset("a.jpg.xmp", 0)
    assert found(catalog, "lisbon") == set()
    assert health.words_agree(catalog)


def test_a_removed_picture_leaves_no_notes_and_its_sidecar_is_read_again(catalog: Catalog) -> None:
    note(catalog, "a.jpg", Noted(Notes(("own",))))
    note(catalog, "a.jpg.xmp", Noted(Notes(("x",)), source="sidecar"), about="a.jpg")
    with catalog.writing() as writer:
        assert writer.remove_asset("a.jpg", 0) == {"a.jpg.xmp"}
    assert notes.counts(catalog) == {}
    assert files.assets(catalog)["a.jpg.xmp"].mtime_ns is None


def test_the_time_and_the_place_of_the_source_that_counts_most(catalog: Catalog) -> None:
    right = Capture(datetime(1985, 1, 2, 3, 4, 5), None, 38.7, -9.1, "sidecar")
    late = Capture(datetime(2023, 1, 1), None, 1.0, 2.0, "takeout")

    def capture(path: str = "a.jpg") -> Capture:
        return files.assets(catalog)[path].capture

    assert capture() == OWN
    put(catalog, 1, "a.jpg.json", kind="notes")
    note(catalog, "a.jpg.json", Noted(Notes(), late, "takeout"), about="a.jpg")
    assert capture() == OWN  # its own counts before Takeout's
    note(catalog, "a.jpg.xmp", Noted(Notes(), right, "sidecar"), about="a.jpg")
    assert capture() == Capture(right.taken, "Canon", 38.7, -9.1, "sidecar")
    read_anew = Capture(datetime(2020, 2, 2), "Canon", 50.0, 8.0, "exif")
    with catalog.writing() as writer:  # the picture is read again
        number = writer.put_asset(asset("a.jpg", capture=read_anew))
        writer.put_notes(number, None, [])
    assert capture() == Capture(right.taken, "Canon", 38.7, -9.1, "sidecar")
    note(catalog, "a.jpg.xmp", Noted(Notes(("k",)), source="sidecar"), about="a.jpg")
    assert capture() == read_anew
    with catalog.writing() as writer:
        writer.remove_asset("a.jpg.json", 0)
    assert capture() == read_anew
    own = notes.of_files(catalog, ["b.jpg"])["b.jpg"]
    assert (own.source, own.zone, own.exact(DAY.replace(microsecond=0))) == ("exif", "+02:00", DAY)
    assert capture("b.jpg") == OWN


def test_a_picture_without_a_time_has_that_of_takeout(catalog: Catalog) -> None:
    with catalog.writing() as writer:
        writer.put_asset(asset("a.jpg", capture=Capture()))
    assert files.assets(catalog)["a.jpg"].capture.source == "file"
    takeout = Capture(datetime(2010, 1, 1), None, 1.0, 2.0, "takeout")
    put(catalog, 1, "a.jpg.json", kind="notes")
    note(catalog, "a.jpg.json", Noted(Notes(), takeout, "takeout"), about="a.jpg")
    assert files.assets(catalog)["a.jpg"].capture == takeout
    assert notes.taken_by(catalog) == {"takeout": 1, "exif": 1}


def test_a_note_that_another_program_wrote_is_no_trap(catalog: Catalog) -> None:
    """A store travels, so its rows may hold anything."""
    late = Capture(datetime(2023, 1, 1), None, 1.0, 2.0, "takeout")
    note(catalog, "a.jpg.xmp", Noted(Notes(), late, "takeout"), about="a.jpg")
    with catalog._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE notes SET value = '[[[' WHERE kind = 'taken'")
    note(catalog, "a.jpg.xmp", Noted(Notes(("k",)), source="sidecar"), about="a.jpg")
    assert of(catalog) == Notes(("k",))
