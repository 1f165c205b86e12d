"""Drawings show the attention where it is, within what the model sees, whatever the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cmsearch
from cmsearch import MediaError, QueryError
from cmsearch.search.explain import Explanation
from cmsearch.search.looking import Word
from cmsearch.show import heatmap
from indexer import Indexer
from tests.builders import write_files, write_picture

GREY = Image.new("RGB", (300, 200), (128, 128, 128))


def explanation(cell: int, count: int = 10, words: int = 2) -> Explanation:
    """Of words that attend to one of the regions."""
    row = np.zeros(count, np.float32)
    row[cell] = 1
    found = tuple(Word(f"word{n}", 1 / words, 0.5, row) for n in range(words))
    return Explanation("red", Path("a.png"), 3, 1, 0.5, {"cosine": 0.5}, words=found)


def large(drawn: Image.Image, size: tuple[int, int] = (640, 427)) -> np.ndarray:
    """The pixels of the large picture, which begins at the same place in each drawing."""
    return np.asarray(drawn.crop((24, 78, 24 + size[0], 78 + size[1])), np.float32)


def brightest(pixels: np.ndarray) -> int:
    """The number of the brightest of 3 x 3 cells."""
    height, width = (length // 3 * 3 for length in pixels.shape[:2])
    cells = pixels[:height, :width].sum(2).reshape(3, height // 3, 3, width // 3).mean((1, 3))
    return int(cells.argmax())


@pytest.mark.parametrize("cell", range(9))
@pytest.mark.parametrize("count", [9, 10])
def test_the_brightest_region_is_the_one_attended_to(cell: int, count: int) -> None:
    assert brightest(large(heatmap.draw(explanation(cell, count), GREY))) == cell


def test_attention_to_the_whole_picture_is_no_region(tmp_path: Path) -> None:
    pixels = large(heatmap.draw(explanation(9), GREY))
    assert np.ptp(pixels.reshape(-1, 3), axis=0).max() == 0


def test_heat_is_within_what_the_model_sees() -> None:
    seen = replace(explanation(0), crop=(1.0, 1.0))
    pixels = large(heatmap.draw(seen, GREY))
    border = (640 - 427) // 2
    outside = np.concatenate([pixels[:, : border - 1], pixels[:, border + 428 :]], 1)
    assert (outside == outside[0, 0]).all()
    assert np.ptp(outside[0, 0]) == 0, "no colour where the model sees nothing"
    assert brightest(pixels[:, border : border + 426]) == 0


@pytest.mark.parametrize("size", [(8, 8), (3000, 20), (20, 3000), (1, 1), (4000, 3000)])
@pytest.mark.parametrize("words", [1, 3, 4, 9])
def test_any_picture_can_be_drawn(size: tuple[int, int], words: int) -> None:
    query = "long words " * 30
    found = replace(explanation(4, words=words), query=query, crop=(0.9, 0.9))
    drawn = heatmap.draw(found, Image.new("RGB", size, "green"))
    assert 400 < drawn.width < 1200
    assert 150 < drawn.height < 1000
    edge = np.asarray(drawn)[:, -8:]
    assert (edge == 255).all(), "nothing runs over the margin"


def test_a_word_is_drawn_alone_though_it_weighs_nothing() -> None:
    rows = np.eye(10, dtype=np.float32)
    light, heavy = Word("the", 0.0, 0.5, rows[0]), Word("cat", 1.0, 0.5, rows[8])
    found = replace(explanation(0), words=(light, heavy))
    assert brightest(large(heatmap.draw(found, GREY))) == 8
    for which, cell in (("the", 0), ("0", 0), ("cat", 8), ("1", 8)):
        assert brightest(large(heatmap.draw(heatmap.of_word(found, which), GREY))) == cell
    for which in ("2", "-1", "dog", ""):
        with pytest.raises(QueryError, match="there are: the, cat"):
            heatmap.of_word(found, which)


def test_the_size_is_that_of_picture_and_panels() -> None:
    assert heatmap.draw(explanation(0, words=3), GREY).size == (24 + 640 + 20 + 208 + 24, 705)


def test_without_regions_there_is_nothing_to_draw() -> None:
    with pytest.raises(QueryError, match="No regions"):
        heatmap.draw(replace(explanation(0), words=()), GREY)


def test_colours_grow_evenly_lighter() -> None:
    red, green, blue = (heatmap._colours().astype(float) / 255).T
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    assert (np.diff(luminance) > -0.002).all()
    assert luminance[0] < 0.03
    assert luminance[-1] > 0.75


def test_pictures_are_read_by_their_kind(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.PNG", "red", (7, 5))
    write_files(tmp_path, {"bad.jpg": b"no", "a.md": "text"})
    assert heatmap.read(tmp_path / "a.PNG").size == (7, 5)
    with pytest.raises(MediaError, match=r"bad.jpg can't be read: .*not a picture"):
        heatmap.read(tmp_path / "bad.jpg")
    with pytest.raises(MediaError, match="no picture in"):
        heatmap.read(tmp_path / "a.md")
    with pytest.raises(MediaError, match="can't be read"):
        heatmap.read(tmp_path / "gone.png")


def test_lite_looks_at_the_quarter_that_shows_what_was_asked_for(tmp_path: Path) -> None:
    """A bee in the bottom left corner of a grey picture, and nothing else."""
    photos = Path(__file__).parents[4] / "sample_data" / "photos"
    picture = Image.new("RGB", (600, 600), (128, 128, 128))
    with Image.open(photos / "honey_bee.jpg") as bee:
        picture.paste(bee.resize((300, 300)), (0, 300))
    picture.save(tmp_path / "quarter.png")
    Indexer(tmp_path, model="lite").run()
    with cmsearch.open(tmp_path) as engine:
        found = engine.explain("bee", tmp_path / "quarter.png")
    drawn = heatmap.draw(found, Image.new("RGB", (600, 600), (128, 128, 128)))
    assert brightest(large(drawn, (480, 480))) == 6


def test_words_that_hardly_count_get_no_panel() -> None:
    row = np.ones(9, np.float32) / 9
    words = (Word("the", 0.05, 0.1, row), Word("red", 0.35, 0.5, row), Word("car", 0.6, 0.5, row))
    assert [word.text for word in heatmap._heaviest(words)] == ["car", "red"]
    assert len(heatmap._heaviest([Word("one", 0.1, 0.5, row)] * 10)) == heatmap.SHOWN
