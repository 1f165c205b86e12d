"""Shots of frames: where they are cut, and which pictures stand for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from cmsearch.media.shots import (
    LONGEST,
    PICTURES,
    RATE,
    Frame,
    Shot,
    first_at,
    shots,
    thinned,
)
from tests.builders import scene
from tests.films import frames

SIZE = (96, 72)


def seen(looks: Sequence[tuple[str | Image.Image, float]]) -> list[Shot]:
    return cut(frames(looks))


def cut(found: Sequence[Frame]) -> list[Shot]:
    end = found[-1].time + 0.04 if found else None
    return list(shots(iter(found), lambda: end))


def spans(found: Sequence[Shot]) -> list[tuple[float, float]]:
    return [(round(shot.start, 1), round(shot.end, 1)) for shot in found]


def small(seed: int) -> Image.Image:
    return scene(seed).resize(SIZE)


def test_a_shot_ends_where_something_else_begins() -> None:
    assert spans(seen([("red", 2), ("green", 1), ("blue", 3)])) == [(0, 2), (2, 3), (3, 6)]


def test_scenes_are_told_apart() -> None:
    looks = [(small(seed), 1.0 + seed % 3) for seed in range(8)]
    ends = np.cumsum([seconds for _, seconds in looks])
    found = seen(looks)
    assert len(found) == len(looks)
    assert np.allclose([shot.end for shot in found], ends, atol=0.1)


def test_there_is_no_shot_without_a_frame() -> None:
    assert cut([]) == []


def test_one_frame_is_a_shot() -> None:
    (shot,) = cut(frames([("red", 0.04)]))
    assert len(shot.pictures) == 1


def test_a_flash_is_no_cut() -> None:
    picture = small(1)
    looks = [(picture, 2.0), ("white", 0.16), (picture, 2.0)]
    assert spans(seen(looks)) == [(0, 4.2)]


def test_a_slow_fade_is_one_cut_in_its_middle() -> None:
    one, other = small(1), small(2)
    fade = [(Image.blend(one, other, step / 25), 0.04) for step in range(25)]
    (cut_at,) = [shot.start for shot in seen([(one, 3.0), *fade, (other, 3.0)])][1:]
    assert abs(cut_at - 3.5) <= 0.4


@pytest.mark.parametrize("speed", [20, 40])
def test_a_moving_camera_is_no_cut(speed: int) -> None:
    wide = scene(3, (1200, 72))
    looks = [
        (wide.crop((at := step * speed // 25, 0, at + SIZE[0], SIZE[1])), 0.04)
        for step in range(25 * 6)
    ]
    assert len(seen(looks)) == 1


def test_a_slow_change_of_light_is_no_cut() -> None:
    picture = np.asarray(small(4)).astype(float)
    looks = [
        (Image.fromarray((picture * (0.4 + 0.6 * step / 150)).astype(np.uint8)), 0.04)
        for step in range(150)
    ]
    assert len(seen(looks)) == 1


def test_what_is_black_is_left_out() -> None:
    assert spans(seen([("black", 2), ("red", 2), ("black", 2)])) == [(2, 4)]
    assert seen([("black", 5)]) == []


def test_a_long_shot_is_cut_into_pieces() -> None:
    found = seen([(small(5), 67.0)])
    assert spans(found) == [(0, 20), (20, 40), (40, 60), (60, 67)]
    assert max(shot.end - shot.start for shot in seen([(small(5), 43.0)])) == 23
    assert all(shot.pictures for shot in found) and LONGEST == 20


def test_a_shot_has_a_picture_of_each_thing_in_it() -> None:
    wide = Image.new("RGB", (600, 72), "red")
    for place, colour in enumerate(["green", "blue", "yellow", "white", "purple"], 1):
        wide.paste(colour, (100 * place, 0, 100 * place + 100, 72))
    for place in range(0, 600, 40):
        wide.paste("black", (place, 0, place + 20, 72))
    places = [round(step * 1.2) for step in range(420)]
    looks = [(wide.crop((left, 0, left + 96, 72)), 0.04) for left in places]
    (shot,) = seen(looks)
    assert len(shot.pictures) == PICTURES
    means = {tuple(picture.mean((0, 1)).round()) for picture in shot.pictures}
    assert len(means) == PICTURES


def test_a_still_shot_has_one_picture() -> None:
    (shot,) = seen([(small(6), 8.0)])
    assert len(shot.pictures) == 1


def test_the_sharpest_picture_stands_for_a_shot() -> None:
    sharp = small(7)
    blurred = sharp.resize((24, 18)).resize(SIZE, Image.Resampling.BICUBIC)
    (shot,) = seen([(blurred, 1.0), (sharp, 1.0), (blurred, 1.0)])
    assert any((picture == np.asarray(sharp)).all() for picture in shot.pictures)


def test_frames_that_stand_for_long_are_shots() -> None:
    looks = frames([("red", 0.04), ("green", 0.04), ("blue", 0.04)])
    times = [0.0, 2.0, 5.0]
    late = [Frame(time, one.read) for time, one in zip(times, looks, strict=True)]
    assert spans(list(shots(iter(late), lambda: 7.0))) == [(0, 2), (2, 5), (5, 7)]


def test_frames_beyond_its_rate_are_not_even_read() -> None:
    read = []

    def pixels(number: int) -> np.ndarray:
        read.append(number)
        return np.zeros((4, 4, 3), np.uint8)

    many = [Frame(number / 250, lambda number=number: pixels(number)) for number in range(1000)]
    list(shots(iter(many), lambda: 4.0))
    assert len(read) <= 4 * RATE * 1.4


def test_few_frames_are_held() -> None:
    read = []

    def endless() -> Iterator[Frame]:
        for number in range(RATE * 1000):
            read.append(number)
            yield Frame(number / RATE, lambda: np.full((4, 4, 3), (200, 0, 0), np.uint8))

    first = next(shots(endless(), lambda: None))
    assert (first.start, first.end) == (0, 20)
    assert len(read) < RATE * 45


@pytest.mark.parametrize(("most", "room"), [(1000, 30_000), (5, 10**9), (1, 10**9), (1000, 1)])
def test_a_long_film_has_fewer_pictures(most: int, room: int) -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    found = [Shot(float(n), n + 1.0, [picture] * PICTURES) for n in range(64)]
    kept = thinned(iter(found), most, room)
    pictures = [one for shot in kept for one in shot.pictures]
    assert len(pictures) <= most and (len(kept) == 1 or 300 * len(pictures) <= room)
    assert (kept[0].start, kept[-1].end) == (0, 64)
    assert all(one.end == other.start for one, other in pairwise(kept))
    assert all(shot.pictures for shot in kept)


def test_a_short_film_keeps_its_pictures() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    found = [Shot(0.0, 1.0, [picture] * 3), Shot(1.0, 2.0, [picture])]
    assert [len(shot.pictures) for shot in thinned(found, 4, 1200)] == [3, 1]


@pytest.mark.parametrize(("at", "number"), [(0.0, 0), (0.5, 0), (1.0, 1), (2.5, 2), (9.0, 2)])
def test_the_frame_at_a_time_is_the_one_that_is_shown_then(at: float, number: int) -> None:
    found = [Frame(float(one), lambda one=one: one) for one in range(3)]  # type: ignore[misc]
    shown = first_at(iter(found), at)
    assert shown is not None and shown.time == number
    assert first_at(iter(()), at) is None
