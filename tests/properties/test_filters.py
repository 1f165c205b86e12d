"""Filtered searches against brute force: the same hits as ranking all and leaving some out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from math import acos, cos, radians, sin
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmsearch.models.gazetteer import gazetteer
from cmsearch.models.plugins import encoders
from cmsearch.search.engine import Engine
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog import files, pairs
from cmsearch.store.index import faiss_index
from cmsearch.store.store import Store
from cmsearch.types import Capture, Filter, Hit
from tests import fakes
from tests.builders import asset, caption, photo
from tests.examples import examples

FOLDERS = ["", "2023/", "2024/alps/", "2024/sea/"]
CAMERAS = [None, "Canon EOS R5", "NIKON D750", "Leica 100% Q_2"]
BY_PICTURE = Ranking(match="picture", fold=False)
COUNT = 60
AREAS = [("IT", ""), ("CH", ""), ("FR", "")] if gazetteer() else []


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Sixty pictures with all there is to filter by, half in a published graph, half newer."""
    random = np.random.default_rng(0)
    place = tmp_path_factory.mktemp("filters")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        patch.setattr(faiss_index, "EXACT_LIMIT", 16)
        store = Store(place / ".cmsearch", place)
        with store.catalog.writing() as writer:
            space = writer.put_space(fakes.SPACE, "numpy")
            writer.serve(1)
        for number in range(COUNT):
            vectors = random.normal(size=(2, fakes.DIM)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            path = f"{FOLDERS[number % 4]}IMG_{number}.{'jpg' if number % 3 else 'png'}"
            capture = Capture(
                datetime(2023, 12, 20) + timedelta(hours=11 * number),
                CAMERAS[number % 4],
                *((45 + number / 50, 7 + number / 40) if number % 5 else (None, None)),
            )
            with store.catalog.writing() as writer:
                own = writer.put_asset(asset(path, capture=capture))
                writer.add_item(own, space, photo(vectors[0], f"photo {number}"))
                if number % 2:
                    text = writer.put_asset(asset(f"{path}.txt", "sidecar"))
                    item = caption(f"caption {number}", vectors[1], path)
                    writer.add_item(text, space, item)
            if number == COUNT // 2:
                store.publish()
        _change(store)
        with Engine(store) as opened:
            yield opened


def _change(store: Store) -> None:
    """Move files that are published, let some have another day, camera or place, and delete one
    whose number the next new one has.
    """
    with store.catalog.writing() as writer:
        for number in (0, 1, 2, 9):
            old = f"{FOLDERS[number % 4]}IMG_{number}.{'jpg' if number % 3 else 'png'}"
            capture = Capture(datetime(2024, 1, 5 + number), CAMERAS[3 - number % 4], 46.2, 7.1)
            writer.move_asset(old, asset(f"2025/S\u00c9A/moved {number}.jpg", capture=capture))
        for number in (4, 5):
            path = f"{FOLDERS[number % 4]}IMG_{number}.jpg"
            capture = Capture(datetime(2024, 1, 19), "Leica Q", None, None)
            writer.put_asset(asset(path, capture=capture))
    first = writer_number = None
    for name in ("gone.jpg", "[x].jpg"):
        with store.catalog.writing() as writer:
            if first is not None:
                writer.remove_asset("gone.jpg", store.snapshot())
            capture = Capture(datetime(2023, 12, 20), CAMERAS[1], 45.0, 7.0)
            writer_number = writer.put_asset(asset(name, capture=capture))
        first = first or writer_number
    assert first == writer_number


days = st.dates(date(2023, 12, 18), date(2024, 1, 20))
globs = st.sampled_from(
    [
        *("*", "2024/*", "*.png", "IMG_1*", "*/sea/*", "2023/IMG_?.jpg", "none", "[", "2024"),
        *("2025", "**/se\u0301a/*", "*.jpg.txt", "IMG_3.png", "*/s*a/*", "./2024/*/", "[2]*/*"),
        *("2024/", "SEA", "sea/", "*.PNG", "./2024/sea", "2024/alps", "**/sea", "**/*.jpg", "."),
    ]
)
near = st.tuples(st.floats(44, 47), st.floats(6, 9), st.floats(0, 200))
filters = st.builds(
    Filter,
    path=st.none() | globs,
    since=st.none() | days,
    until=st.none() | days,
    camera=st.none() | st.sampled_from(["canon", "NIKON d", "%", "_", "leica"]),
    days=st.lists(st.tuples(days, days), max_size=3).map(tuple),
    near=st.none() | near,
    area=st.sampled_from([None, None, None, *AREAS]),
    has_caption=st.none() | st.booleans(),
)


def passes(hit: Hit, wanted: Filter, engine: Engine, captioned: set[str]) -> bool:
    path = hit.path.relative_to(engine.store.root).as_posix()
    capture = files.assets(engine.store.catalog)[path].capture
    assert capture.taken is not None
    return all(
        (
            wanted.path is None or lies_there(path, wanted.path),
            wanted.since is None or capture.taken.date() >= wanted.since,
            wanted.until is None or capture.taken.date() <= wanted.until,
            wanted.camera is None or wanted.camera.lower() in (capture.camera or "").lower(),
            not wanted.days
            or any(first <= capture.taken.date() <= last for first, last in wanted.days),
            wanted.area is None or country(capture) == wanted.area,
            wanted.near is None or distance(capture, wanted.near) <= wanted.near[2],
            wanted.has_caption is None or (path in captioned) is wanted.has_caption,
        )
    )


def lies_there(path: str, given: str) -> bool:
    """Whether a path, or that of a folder that it is in, is the wanted one in any case."""
    wanted = normalize("NFC", given.lower()).removeprefix("./")
    is_folder, wanted = wanted.endswith("/"), wanted.rstrip("/")
    anywhere = "/" not in given.rstrip("/") or wanted.startswith("**/")
    wanted = wanted.removeprefix("**/")
    whole = Path(path.lower())
    if wanted == ".":
        return True
    candidates = list(whole.parents) if is_folder else [whole, *whole.parents]
    tails = [
        "/".join(one.parts[start:])
        for one in candidates
        for start in range(len(one.parts) if anywhere else min(1, len(one.parts)))
    ]
    return any(fnmatchcase(tail, wanted) for tail in tails)


def distance(capture: Capture, near: tuple[float, float, float]) -> float:
    """By the spherical law of cosines, which the program doesn't use."""
    if capture.latitude is None or capture.longitude is None:
        return float("inf")
    one, other = radians(near[0]), radians(capture.latitude)
    angle = sin(one) * sin(other) + cos(one) * cos(other) * cos(
        radians(capture.longitude - near[1])
    )
    return 6371.0 * acos(max(-1.0, min(1.0, angle)))


def country(capture: Capture) -> tuple[str, str] | None:
    """That of the nearest town to a place as it is told apart from others, in all towns' list."""
    if capture.latitude is None or capture.longitude is None:
        return None
    towns = gazetteer()
    assert towns is not None
    town = towns.at(round(capture.latitude, 2), round(capture.longitude, 2))
    return town and (town.country, "")


@cache
def everything(engine: Engine, target: str) -> list[Hit]:
    return engine.search("red", target=target, k=1000, ranking=BY_PICTURE)


@settings(examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=filters, k=st.integers(1, 70), target=st.sampled_from(["image", "caption"]))
def test_filters_leave_exactly_what_brute_force_leaves(
    engine: Engine, wanted: Filter, k: int, target: str
) -> None:
    captioned = {path for path, _ in pairs.captions(engine.store.catalog)}
    expected = [
        hit for hit in everything(engine, target) if passes(hit, wanted, engine, captioned)
    ][:k]
    found = engine.search("red", target=target, k=k, where=wanted, ranking=BY_PICTURE)
    assert found == [replace(hit, rank=rank) for rank, hit in enumerate(expected, 1)]


def test_the_pictures_are_as_different_as_the_filters_suppose(engine: Engine) -> None:
    assert len(engine.search("red", target="image", k=1000, ranking=BY_PICTURE)) == COUNT
    assert (
        len(
            engine.search(
                "red", target="image", k=1000, where=Filter(camera="100% q"), ranking=BY_PICTURE
            )
        )
        == 16
    )
    assert (
        len(
            engine.search(
                "red", target="image", k=1000, where=Filter(camera="100_"), ranking=BY_PICTURE
            )
        )
        == 0
    )
