"""Items by their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmsearch.store.catalog import file_items
from cmsearch.store.catalog.catalog import Catalog
from tests import builders
from tests.builders import caption, photo, put, serve

DIM = 4
AXES = np.eye(DIM, dtype=np.float32)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = builders.opened(tmp_path / "catalog.db")
    number = serve(catalog, DIM)
    put(catalog, number, "a.jpg", photo(AXES[0], "a"))
    put(catalog, number, "b.jpg", photo(AXES[1], "b"))
    lines = [caption(text, AXES[2], "a.jpg", text) for text in ("first", "second", "third")]
    put(catalog, number, "captions.txt", *lines, kind="captions")
    yield catalog
    catalog.close()


def test_items_stand_in_their_files(catalog: Catalog) -> None:
    found = file_items.in_files(catalog, ["b.jpg", "captions.txt", "gone.jpg"])
    assert [(one.path, one.text) for one in found] == [
        ("b.jpg", None),
        ("captions.txt", "first"),
        ("captions.txt", "second"),
        ("captions.txt", "third"),
    ]
    assert len(file_items.in_files(catalog, ["captions.txt"], most=2)) == 2
    assert file_items.in_files(catalog, []) == []


def test_captions_are_about_their_pictures(catalog: Catalog) -> None:
    found = file_items.captions_about(catalog, ["a.jpg", "b.jpg"])
    assert found == {"a.jpg": ["first", "second", "third"]}
    assert file_items.captions_about(catalog, ["a.jpg"], most=1) == {"a.jpg": ["first"]}
