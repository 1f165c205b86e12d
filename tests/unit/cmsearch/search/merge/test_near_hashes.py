"""Among many pictures those that look alike from afar are found without comparing all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.media import phash
from cmsearch.media.phash import pack, unpack
from cmsearch.search.merge import near_hashes
from cmsearch.search.merge.near_duplicates import fold
from cmsearch.search.merge.near_hashes import NEAR, Near, NearHashes
from cmsearch.types import FloatArray, IdArray
from tests.builders import scene


@pytest.fixture(scope="module")
def hashes() -> list[bytes]:
    """Of 240 scenes, and then of copies of each: as it is, cropped, turned, or both."""
    images = [scene(seed, (160, 120)) for seed in range(240)]
    copies = []
    for number, image in enumerate(images):
        if number % 2:
            image = image.crop((4, 3, 156, 119))
        copies.append(image if number % 3 else image.transpose(number // 3 % 7))
    return [phash.phash(image) for image in (*images, *copies)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let already a few pictures be too many to compare all pairs."""
    monkeypatch.setattr(near_hashes, "EXACT", 16)


def found(low: FloatArray, stays: IdArray | None = None) -> Near:
    kept = np.ones(len(low), bool)
    if stays is not None:
        kept[stays] = False
    pairs = NearHashes(low).pairs(np.arange(len(low)), kept)
    assert pairs is not None
    return pairs


def test_all_pairs_of_a_few_are_those_that_correlate() -> None:
    rows = unpack([phash.phash(scene(seed)) for seed in (1, 2)])
    rows = np.concatenate([rows, phash.turned(rows[:1], 5), np.zeros((1, 16, 16), np.float32)])
    near = found(phash.coarse(rows))
    assert (near.own.tolist(), near.other.tolist()) == ([2], [0])
    assert near.correlation.tolist() == pytest.approx([1])
    assert np.allclose(phash.turned(rows[2:3], near.orientation), rows[:1])


@pytest.mark.usefixtures("few")
def test_lists_find_the_pairs_that_comparing_all_finds(
    hashes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    low = phash.coarse(unpack(hashes))
    some = found(low)
    monkeypatch.setattr(near_hashes, "EXACT", len(low))
    every = found(low)
    assert len(every.own) >= 240
    known = {pair: turn for *pair, turn in zip(*some[:3], strict=True) for pair in [tuple(pair)]}
    missed = [pair for *pair, _ in zip(*every[:3], strict=True) if tuple(pair) not in known]
    assert len(missed) <= len(every.own) // 200
    assert np.all(some.correlation >= NEAR) and np.all(some.other < some.own)


@pytest.mark.usefixtures("few")
def test_what_does_not_stay_is_no_partner(hashes: list[bytes]) -> None:
    low = phash.coarse(unpack(hashes))
    near = found(low, np.arange(100))
    assert len(near.own) >= 120 and near.other.min() >= 100


def test_given_pairs_are_judged_as_others(hashes: list[bytes]) -> None:
    pictures = NearHashes(phash.coarse(unpack(hashes)))
    own, other = np.array([240, 243, 245]), np.array([0, 3, 6])
    near = pictures.of(own, other)
    assert (near.own.tolist(), near.other.tolist()) == ([240, 243], [0, 3])
    assert pictures.of(own[:0], other[:0]).own.tolist() == []


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("most", [near_hashes.MOST, 40])
def test_many_are_folded_as_comparing_all_pairs_folds_them(
    hashes: list[bytes], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a block has to be halved, since its pairs would be too many."""
    monkeypatch.setattr(near_hashes, "MOST", most)
    told = list[int]()
    assert folded(hashes, told) == [*range(240), *range(240)]
    assert told[-1] == 480 and told == sorted(told)


@pytest.mark.usefixtures("few")
def test_a_raw_picture_and_its_picture_are_never_missed(
    hashes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are found by their names, even where the lists have neither."""
    monkeypatch.setattr(near_hashes._Lists, "near", lambda *_: iter(()))
    names = [f"{place % 240}.{'jpg' if place < 240 else 'dng'}" for place in range(480)]
    expected = folded([*hashes[:240], *hashes[:240]], [], names)
    assert expected == [*range(240), *range(240)]


def folded(hashes: list[bytes], told: list[int], names: list[str] | None = None) -> list[int]:
    alike = np.ones((len(hashes), 1), np.float32)
    paths = names or [f"{place}.jpg" for place in range(len(hashes))]
    digests = [str(place) for place in range(len(hashes))]
    return fold(
        pack(hashes), lambda places: alike[places], paths, digests,
        least_cosine=lambda: 0.5, tell=lambda done, total: told.append(done),
    ).tolist()  # fmt: skip


@pytest.mark.usefixtures("few")
def test_plain_and_damaged_hashes_are_near_to_nothing(hashes: list[bytes]) -> None:
    odd = [*hashes[:40], b"", None, bytes(256), b"\x80" * 256]
    near = found(phash.coarse(unpack(odd)))
    assert not len(near.own)
