"""The map has every picture of a store once, where its tile is, and what is written of it."""

from __future__ import annotations

import base64
import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import StoreError
from cmsearch.show.map_page import LEAST, MOST, _sizes, chart, gather
from cmsearch.store.store import DIRECTORY, Store, find
from indexer import Indexer
from tests import damage
from tests.builders import write_files, write_picture

COLOURS = ("red", "green", "blue", "yellow", "black")
EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """Five pictures, of which one has captions, and one is gone since it was indexed."""
    for number, colour in enumerate(COLOURS):
        write_picture(tmp_path / f"{number}.png", colour, (40 + number, 20))
    lines = [{"image": "2.png", "caption": text} for text in (EVIL, "b", "c", "d" * 999)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_files(tmp_path, {"captions.jsonl": text, "notes.md": "A note."})
    Indexer(tmp_path, model=fake_model).run()
    (tmp_path / "3.png").unlink()
    return tmp_path


def drawn(folder: Path, page_in: Path | None = None, limit: int = MOST) -> tuple[str, Any]:
    """The page, and the data in it."""
    with Store(find(folder)) as store:
        page = chart(gather(store, limit), folder=page_in or folder)
    found = re.search('<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return page, json.loads(found[1])


def test_every_picture_is_there_with_its_captions(folder: Path) -> None:
    page, data = drawn(folder)
    assert data["paths"] == [f"{number}.png" for number in range(5)]
    assert data["captions"] == [[], [], [EVIL, "b", "c"], [], []]
    assert len(base64.b64decode(data["places"])) == 5 * 2 * 2
    assert data["base"] + data["paths"][0] == "././0.png"
    assert "5 pictures" in page


def test_tiles_lie_where_the_page_looks_for_them(folder: Path) -> None:
    _, data = drawn(folder)
    (atlas,) = (Image.open(BytesIO(base64.b64decode(one.split(",")[1]))) for one in data["atlases"])
    sizes = np.frombuffer(base64.b64decode(data["sizes"]), np.uint8).reshape(-1, 2)
    for number, (width, height) in enumerate(sizes.tolist()):
        if str(number) in data["problems"]:
            continue
        left, top = number % data["columns"], number // data["columns"]
        pixel = atlas.getpixel((left * data["tile"] + width // 2, top * data["tile"] + height // 2))
        wanted = Image.new("RGB", (1, 1), COLOURS[number]).getpixel((0, 0))
        assert np.abs(np.subtract(pixel, wanted)).max() < 30  # type: ignore[arg-type]
        assert [width, height] == [40 + number, 20]


def test_a_picture_that_is_gone_says_so(folder: Path) -> None:
    _, data = drawn(folder)
    assert data["problems"] == {"3": "can't be read: No such file or directory"}
    assert [bool(one) for one in data["large"]] == [True, True, True, False, True]


def test_nothing_of_a_store_becomes_markup(folder: Path) -> None:
    page, data = drawn(folder)
    assert data["captions"][2][0] == EVIL
    assert "<img src=x" not in page
    assert page.count("</script>") == 2


def test_names_that_are_no_unicode_have_addresses_of_their_own(
    tmp_path: Path, fake_model: str
) -> None:
    write_picture(tmp_path / "a.png").rename(tmp_path / "\udcff.png")
    Indexer(tmp_path, model=fake_model).run()
    _, data = drawn(tmp_path)
    assert data["paths"] == ["�.png"]
    assert data["links"] == {"0": "././%FF.png"}


def test_a_page_elsewhere_links_by_whole_addresses(folder: Path) -> None:
    _, data = drawn(folder, Path("/"))
    assert data["base"] == f".{quote(str(folder))}/"
    _, data = drawn(folder, folder / "sub")
    assert data["base"] == f"{folder.as_uri()}/"


def test_the_same_store_gives_the_same_page(folder: Path) -> None:
    assert drawn(folder)[0] == drawn(folder)[0]


def test_of_too_many_a_sample_is_taken_and_said(folder: Path) -> None:
    page, data = drawn(folder, limit=2)
    assert len(data["paths"]) == 2
    assert "2 of 5 pictures" in page
    assert drawn(folder, limit=2)[1]["paths"] == data["paths"]


def test_stages_are_told(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with Store(find(folder)) as store:
        chart(gather(store), folder=folder, report=lambda *one: told.append(one))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["laying out", "shrinking"]
    assert told[-1] == ("shrinking", 5, 5)


def test_without_pictures_it_says_what_to_do(tmp_path: Path, fake_model: str) -> None:
    write_files(tmp_path, {"a.md": "A note."})
    Indexer(tmp_path, model=fake_model).run()
    with Store(find(tmp_path)) as store, pytest.raises(StoreError, match="cmsearch index"):
        gather(store)


def test_a_store_names_no_picture_outside_its_folder(folder: Path) -> None:
    with damage.catalog(folder) as connection:
        connection.execute("UPDATE assets SET path = '../0.png' WHERE path = '0.png'")
    with Store(folder / DIRECTORY) as store, pytest.raises(StoreError, match="outside"):
        gather(store)


def test_tiles_are_the_smaller_the_more_there_are() -> None:
    assert [_sizes(count)[0] for count in (1, 400, 401, 2001, 10_001, MOST, MOST + 1)] == [
        128, 128, 96, 64, 48, 32, LEAST,
    ]  # fmt: skip
