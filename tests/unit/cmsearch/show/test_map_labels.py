"""Regions are named by the words that their captions have and others haven't."""

from __future__ import annotations

import numpy as np

from cmsearch.show.map_labels import regions

RNG = np.random.default_rng(0)
LEFT = RNG.normal((0.2, 0.5), 0.03, (30, 2))
RIGHT = RNG.normal((1.4, 0.5), 0.03, (24, 2))
PLACES = np.concatenate([LEFT, RIGHT])


def test_a_region_is_named_by_what_its_pictures_share() -> None:
    captions = [["The white dog on a lawn"]] * 30 + [["The white Boat on a lake", "a boat"]] * 24
    found = regions(PLACES, captions)
    on_left = {word for one in found if one.x < 0.8 for word in one.words}
    on_right = {word for one in found if one.x > 0.8 for word in one.words}
    assert on_left <= {"dog", "lawn"} and on_left
    assert on_right <= {"boat", "lake"} and on_right
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)


def test_words_that_are_everywhere_or_only_once_name_nothing() -> None:
    captions = [[f"photo {'abcdefghijklmnopqrstuvwxyz'[n % 26] * 5}{n}"] for n in range(54)]
    assert regions(PLACES, [["a photo"]] * 54) == []
    assert all("photo" not in one.words for one in regions(PLACES, captions))


def test_few_pictures_or_no_captions_have_no_regions() -> None:
    assert regions(PLACES, [[]] * 54) == []
    assert regions(PLACES[:3], [["a dog"]] * 3) == []
    assert regions(np.zeros((0, 2)), []) == []
