"""Near-duplicates are folded into the best of them, and nothing else is."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from cmsearch.media.phash import pack, phash
from cmsearch.search.merge.near_duplicates import fold, least_cosine
from cmsearch.types import FloatArray
from tests.builders import scene

ALIKE = np.tile(np.eye(1, 4, dtype=np.float32), (10, 1))
APART = np.eye(10, dtype=np.float32)


def folded(
    images: Sequence[Image.Image | None],
    vectors: FloatArray = ALIKE,
    paths: Sequence[str] | None = None,
    digests: Sequence[str] | None = None,
) -> list[int]:
    names = [f"{place}.jpg" for place in range(len(images))]
    hashes = [image and phash(image) for image in images]
    return fold(
        pack(hashes), lambda places: vectors[places], paths or names, digests or names,
        least_cosine=lambda: 0.5,
    ).tolist()  # fmt: skip


def encoded(image: Image.Image, form: str, **options: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(file).convert("RGB")


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    return image.crop((round(width * share), round(height * share), width, height))


@pytest.mark.parametrize("turn", [None, *Image.Transpose])
def test_copies_of_a_frame_are_folded_whatever_their_vectors_say(
    turn: Image.Transpose | None,
) -> None:
    image = scene(1)
    copy = encoded(image.resize((160, 120)), "JPEG", quality=50)
    copy = copy if turn is None else copy.transpose(turn)
    assert folded([image, scene(2), copy], APART) == [0, 1, 0]


@pytest.mark.parametrize("change", ["cropped", "turned"])
def test_a_crop_or_a_small_turn_needs_near_vectors_too(change: str) -> None:
    image = scene(3)
    copy = cropped(image, 0.04) if change == "cropped" else image.rotate(1.5)
    assert folded([image, copy]) == folded([copy, image]) == [0, 0]
    assert folded([image, copy], APART) == [0, 1]


def test_two_framings_of_one_scene_are_not_folded() -> None:
    image = scene(4)
    left, right = image.crop((0, 0, 220, 240)), image.crop((100, 0, 320, 240))
    assert folded([left, right, image]) == [0, 1, 2]


def page(seed: int) -> Image.Image:
    """A page of text in lines of full width, as scanned from a book."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (400, 550), "white")
    draw = ImageDraw.Draw(image)
    for line in range(38):
        x = 40
        while x < 355:
            word = int(random.integers(4, 28))
            draw.rectangle((x, 40 + 12 * line, min(x + word, 360), 46 + 12 * line), "black")
            x += word + int(random.integers(3, 9))
    return image


def test_pages_that_are_set_alike_are_not_folded() -> None:
    pages = [page(seed) for seed in range(8)]
    assert folded(pages) == list(range(8))


def ticket(number: str) -> Image.Image:
    """A ticket on a white screen under a bar."""
    image = Image.new("RGB", (540, 960), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 540, 70), fill="#075e54")
    for line, text in enumerate(("Night train", f"Ticket {number}", "Platform 4", "Seat 61")):
        draw.text((40, 120 + 60 * line), text, fill="black", font=ImageFont.load_default(28))
    return image


def test_screens_are_folded_by_their_bytes_alone_where_no_file_is_looked_at() -> None:
    one, other = ticket("4711"), ticket("4712")
    assert folded([one, other]) == [0, 1]
    assert folded([one, encoded(one, "JPEG", quality=80)]) == [0, 1]
    assert folded([one, other], digests=["same", "same"]) == [0, 0]
    assert folded([one, one], paths=["a/1.dng", "a/1.jpg"]) == [0, 0]


def test_where_files_are_looked_at_that_decides() -> None:
    hashes = pack([phash(ticket("4711")), phash(ticket("4712"))])
    for is_same in (True, False):
        into = fold(
            hashes, lambda places: APART[places], ["a", "b"], ["a", "b"], least_cosine=lambda: 0.5,
            look=lambda *_, answer=is_same: answer,
        ).tolist()  # fmt: skip
        assert into == [0, 0 if is_same else 1]


def test_a_raw_picture_is_folded_with_its_jpeg() -> None:
    """They are developed differently: the same frame with other edges and tones."""
    image = scene(5)
    raw = cropped(image, 0.03).point(lambda value: int(255 * (value / 255) ** 1.8))
    paths = ["a/IMG_1.CR2", "a/img_1.jpg"]
    assert folded([raw, image], APART, paths) == [0, 0]
    assert folded([raw, image], APART, ["a/IMG_1.CR2", "b/IMG_1.jpg"]) == [0, 1]
    assert folded([raw, image], APART, ["a/film.mov", "a/film.mov"]) == [0, 1]
    assert folded([scene(6), image], ALIKE, paths) == [0, 1]


def test_equal_digests_are_folded_without_a_hash() -> None:
    assert folded([None, None, None], APART, digests=["a", "b", "a"]) == [0, 1, 0]
    plain = Image.new("RGB", (9, 9), "red")
    assert folded([plain, plain], ALIKE) == [0, 1], "in a plain picture nothing can be compared"


def test_the_equal_of_a_folded_one_is_folded_into_the_same() -> None:
    image = scene(7)
    copy = image.resize((100, 75))
    found = folded([image, copy, copy, copy], digests=["a", "b", "b", "c"])
    assert found == [0, 0, 0, 0]


def test_a_fold_is_into_one_that_stays() -> None:
    """A row of frames, each like the next: the last are like the first no more."""
    image = scene(8, (400, 300))
    frames = [image.crop((8 * step, 0, 240 + 8 * step, 300)) for step in range(9)]
    found = folded(frames)
    assert found[0] == 0 and found[1] == 0
    assert all(found[place] == place for place in set(found))
    assert len(set(found)) > 1


def test_more_than_a_block_is_folded_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [scene(seed) for seed in (1, 2, 3)]
    many = [image.resize((64 + size, 64)) for size in range(3) for image in images]
    expected = [0, 1, 2] * 3
    assert folded(many) == expected
    monkeypatch.setattr("cmsearch.search.merge.near_duplicates._ROWS", 2)
    assert folded(many) == expected


def test_nothing_gives_nothing() -> None:
    found = fold(pack([]), lambda places: APART[places], [], [], least_cosine=lambda: 0.5)
    assert found.tolist() == []
    assert folded([None]) == [0]


def test_damaged_vectors_and_hashes_fold_nothing_wrongly() -> None:
    image = scene(9)
    odd = np.full((3, 4), np.nan, np.float32)
    hashes = [phash(image), b"\x80" * 256, b"junk"]
    names = ["a", "b", "c"]
    found = fold(pack(hashes), lambda places: odd[places], names, names, least_cosine=lambda: 0.5)
    assert found.tolist() == [0, 1, 2]


def test_the_least_cosine_leaves_copies_out() -> None:
    """60 pictures with a copy of each: the pairs of copies, with a cosine of 1, don't count."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hashes = [phash(scene(seed)) for seed in range(60)]
    cosines = (vectors @ vectors.T)[np.triu_indices(60, 1)]
    expected = float(np.quantile(cosines, 0.98))
    assert least_cosine(hashes, vectors) == pytest.approx(expected, abs=0.02)
    twice = least_cosine(hashes * 2, np.concatenate([vectors, vectors]))
    assert twice == pytest.approx(expected, abs=0.02)


def test_few_pictures_have_no_least_cosine() -> None:
    assert least_cosine([phash(scene(seed)) for seed in range(9)], APART[:9]) == -1
    assert least_cosine([None] * 60, np.zeros((60, 4), np.float32)) == -1


def test_many_pictures_that_are_a_little_alike_take_little_memory() -> None:
    random = np.random.default_rng(0)
    own = random.normal(size=(700, 256)) * 10
    rows = np.clip(random.normal(size=256) * 20 + own, -127, 127).astype(np.int8)
    names = [f"{place}.jpg" for place in range(len(rows))]
    vectors = np.eye(len(rows), 4, dtype=np.float32)
    tracemalloc.start()
    found = fold(rows, lambda places: vectors[places], names, names, least_cosine=lambda: 2.0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.tolist() == list(range(len(rows)))
    assert most < 128 * 2**20  # their hashes alone, pair by pair, are 200 MB and more
