"""What is noted in pictures and beside them is indexed, followed, and encodes no picture anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch.media.xmp import MAX_PACKET
from cmsearch.store.catalog import embeddings, files, items, notes
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Modality, Notes
from indexer import Indexer
from tests.builders import write_files
from tests.films import film
from tests.packets import alt, bag, jpeg, packet

TAKEOUT = {
    "title": "c.jpg", "description": "a green thing", "people": [{"name": "Carla"}],
    "photoTakenTime": {"timestamp": "1557126489"},
    "geoData": {"latitude": 38.7, "longitude": -9.1},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """Three pictures: one with XMP in it, one with XMP beside it, and one of Takeout's."""
    folder = tmp_path / "photos"
    own = packet(
        bag("dc:subject", "Lisbon") + alt("dc:description", "a red thing"), 'xmp:Rating="2"'
    )
    write_files(
        folder,
        {
            "a.jpg": jpeg(xmp=own), "b.jpg": jpeg(), "c.jpg": jpeg(),
            "b.jpg.xmp": packet(bag("dc:subject", "Porto") + alt("dc:title", "a blue thing")),
            "c.jpg.supplemental-metadata.json": json.dumps(TAKEOUT),
        },
    )  # fmt: skip
    report = Indexer(folder, model=fake_model).run()
    assert (report.added, report.items) == (5, {"photo": 3, "caption": 3})
    assert report.skipped == ()
    return folder


def noted(folder: Path, path: str) -> Notes:
    with Store(folder / DIRECTORY) as store:
        return notes.of_files(store.catalog, [path])[path].notes


def vectors(folder: Path) -> set[int]:
    """The numbers of the embeddings of pictures, which are new where these were encoded anew."""
    with Store(folder / DIRECTORY) as store:
        space = store.catalog.space()
        assert space is not None
        ids, _ = items.embeddings(store.catalog, space[0], Modality.IMAGE, space[1].dim)
        return set(np.asarray(ids).tolist())


def captions(folder: Path) -> set[tuple[str, str]]:
    with cmsearch.open(folder) as engine:
        hits = engine.search("thing", target="caption")
        return {(hit.path.name, str(hit.text)) for hit in hits}


def test_what_is_noted_is_indexed(folder: Path) -> None:
    assert noted(folder, "a.jpg") == Notes(("Lisbon",), rating=2)
    assert noted(folder, "b.jpg") == Notes(("Porto",))
    assert noted(folder, "c.jpg") == Notes(people=("Carla",))
    assert captions(folder) == {
        ("a.jpg", "a red thing"), ("b.jpg", "a blue thing"), ("c.jpg", "a green thing")
    }  # fmt: skip
    with Store(folder / DIRECTORY) as store:
        capture = files.assets(store.catalog)["c.jpg"].capture
    assert (capture.source, capture.latitude) == ("takeout", 38.7)
    with cmsearch.open(folder) as engine:
        (best,) = [hit for hit in engine.search("Porto", target="image") if "words" in hit.stages]
        assert best.path.name == "b.jpg"


def test_a_changed_sidecar_is_seen_and_encodes_no_picture_anew(folder: Path) -> None:
    before = vectors(folder)
    write_files(folder, {"b.jpg.xmp": packet(bag("dc:subject", "Faro"), 'xmp:Rating="5"')})
    report = Indexer(folder).run()
    assert (report.changed, report.unchanged, report.reencoded) == (1, 4, 0)
    assert noted(folder, "b.jpg") == Notes(("Faro",), rating=5)
    assert vectors(folder) == before
    assert len(captions(folder)) == 2
    (folder / "b.jpg.xmp").unlink()
    assert Indexer(folder).run().removed == 1
    assert noted(folder, "b.jpg") == Notes()
    assert Indexer(folder).run().unchanged == 4
    assert vectors(folder) == before


def test_notes_move_with_their_pictures(folder: Path) -> None:
    before = vectors(folder)
    (folder / "trip").mkdir()
    for path in [*folder.glob("?.*")]:
        path.rename(folder / "trip" / path.name)
    report = Indexer(folder).run()
    assert (report.moved, report.added, report.changed) == (5, 0, 0)
    assert noted(folder, "trip/a.jpg") == Notes(("Lisbon",), rating=2)
    assert noted(folder, "trip/b.jpg") == Notes(("Porto",))
    assert vectors(folder) == before
    (folder / "trip" / "b.jpg").unlink()
    assert Indexer(folder).run().removed == 2
    assert len(captions(folder)) == 2


def test_a_picture_that_is_written_to_keeps_the_notes_beside_it(folder: Path) -> None:
    write_files(folder, {"b.jpg": jpeg(xmp=packet(bag("dc:subject", "Own"), 'xmp:Rating="1"'))})
    Indexer(folder).run()
    assert noted(folder, "b.jpg") == Notes(("Porto", "Own"), rating=1)


def test_pictures_of_before_there_were_notes_are_read_once_for_them(folder: Path) -> None:
    before = vectors(folder)
    with Store(folder / DIRECTORY) as store, store.catalog._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM notes WHERE asset = 1")
        connection.exec_driver_sql("UPDATE assets SET taken_source = NULL")
    assert noted(folder, "a.jpg") == Notes()
    report = Indexer(folder).run()
    assert (report.unchanged, report.changed, report.reencoded) == (5, 0, 0)
    assert noted(folder, "a.jpg") == Notes(("Lisbon",), rating=2)
    assert vectors(folder) == before
    with Store(folder / DIRECTORY) as store:
        assert notes.unnoted(store.catalog) == set()
        assert embeddings.last_embedding(store.catalog) >= max(before)


def people(folder: Path, *paths: str) -> list[tuple[str, ...]]:
    return [noted(folder, path).people for path in paths]


def taken_from(folder: Path, path: str) -> str | None:
    with Store(folder / DIRECTORY) as store:
        return files.assets(store.catalog)[path].capture.source


def test_notes_of_takeout_are_of_its_edited_copies_too(folder: Path) -> None:
    own = json.dumps({**TAKEOUT, "people": [{"name": "Dora"}]})
    write_files(
        folder,
        {
            "c-bearbeitet.jpg": jpeg(quality=70), "c-2.jpg": jpeg(quality=60),
            "c-sea.jpg": jpeg(quality=50), "c-sea.jpg.json": own, "cc-edited.jpg": jpeg(quality=40),
        },
    )  # fmt: skip
    report = Indexer(folder).run()
    assert report.changed == 1  # the notes, which are about one more picture now
    assert people(folder, "c.jpg", "c-bearbeitet.jpg") == [("Carla",), ("Carla",)]
    assert people(folder, "c-2.jpg", "cc-edited.jpg", "c-sea.jpg") == [(), (), ("Dora",)]
    assert taken_from(folder, "c-bearbeitet.jpg") == "takeout"
    assert Indexer(folder).run().changed == 0
    (folder / "c.jpg.supplemental-metadata.json").unlink()
    Indexer(folder).run()
    assert people(folder, "c.jpg", "c-bearbeitet.jpg") == [(), ()]
    assert taken_from(folder, "c-bearbeitet.jpg") == "file"


def test_a_copy_is_seen_where_only_what_changed_is_looked_at(folder: Path) -> None:
    write_files(folder, {"c-edited.jpg": jpeg(quality=70)})
    report = Indexer(folder).run(changed=["c-edited.jpg"])
    assert (report.added, report.changed) == (1, 1)
    assert people(folder, "c.jpg", "c-edited.jpg") == [("Carla",)] * 2
    (folder / "c-edited.jpg").unlink()
    Indexer(folder).run(changed=["c-edited.jpg"])
    assert people(folder, "c.jpg") == [("Carla",)]
    assert Indexer(folder).run().unchanged == 5


def test_a_further_picture_of_a_name_has_its_own_copies(tmp_path: Path, fake_model: str) -> None:
    first, second = ({**TAKEOUT, "people": [{"name": name}]} for name in ("Ada", "Eve"))
    write_files(
        tmp_path,
        {
            "d/1.jpg": jpeg(), "d/1-edited.jpg": jpeg(quality=70), "d/1(1).jpg": jpeg(quality=60),
            "d/1-edited(1).jpg": jpeg(quality=50), "1-edited.jpg": jpeg(quality=40),
            "d/1.jpg.json": json.dumps(first), "d/1.jpg(1).json": json.dumps(second),
        },
    )  # fmt: skip
    Indexer(tmp_path, model=fake_model).run()
    assert people(tmp_path, "d/1.jpg", "d/1-edited.jpg") == [("Ada",)] * 2
    assert people(tmp_path, "d/1(1).jpg", "d/1-edited(1).jpg") == [("Eve",)] * 2
    assert people(tmp_path, "1-edited.jpg") == [()]


def test_the_film_of_a_picture_that_moves_has_its_notes(tmp_path: Path, fake_model: str) -> None:
    write_files(
        tmp_path,
        {
            "1.jpg": jpeg(),
            "1.jpg.json": json.dumps(TAKEOUT),
            "1.mp4": film(),
            "2.mp4": film(["red"]),
        },
    )
    Indexer(tmp_path, model=fake_model).run()
    assert people(tmp_path, "1.jpg", "1.mp4", "2.mp4") == [("Carla",), ("Carla",), ()]


def test_notes_that_cannot_be_read_are_told_with_what_to_do(folder: Path) -> None:
    entities = b"<!DOCTYPE a>" + packet(bag("dc:subject", "x"))
    bad = {
        "a.jpg.xmp": (b"<a" + b" " * MAX_PACKET, "larger than 4 MiB"),
        "b.jpg.xmp": (b"no XMP", "it is no XMP, or damaged"),
        "c.xmp": (packet(bag("dc:subject", "x"))[:-60], "what comes before that is read"),
        "d.jpg.json": (b'{"photoTakenTime": {"times', "it is no JSON, or damaged"),
        "e.jpg.json": (b'{"photoTakenTime": {}, "a": "' + b"x" * 2**20 + b'"}', "than 1 MiB"),
        "d.jpg": (jpeg(xmp=entities), "document type"),
    }
    write_files(folder, {name: data for name, (data, _) in bad.items()} | {"e.jpg": jpeg()})
    found = {one.path: one.reason for one in Indexer(folder).run().skipped}
    assert found.keys() == bad.keys()
    assert all(reason in found[name] for name, (_, reason) in bad.items())
    assert all(one.endswith("or delete it") for name, one in found.items() if name != "d.jpg")
    assert noted(folder, "c.jpg").keywords == ("x",)
    again = {one.path: one.reason for one in Indexer(folder).run().skipped}
    with Store(folder / DIRECTORY) as store:
        told = notes.unread(store.catalog, 100)
        assert {one.path: one.reason for one in told} == found == again
        assert [one.path for one in notes.unread(store.catalog, 1)] == ["a.jpg.xmp"]


def test_json_beside_a_picture_that_says_nothing_is_no_mistake(folder: Path) -> None:
    write_files(folder, {"a.jpg.json": b'{"camera": 3}', "b.jpg.json": b"[]"})
    assert Indexer(folder).run().skipped == ()
