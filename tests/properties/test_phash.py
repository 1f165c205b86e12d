"""Whatever a picture shows, the hashes of its eight orientations are turns of one another."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.Image import Transpose

from cmsearch.media import phash
from cmsearch.search.merge.near_duplicates import SAME
from tests.builders import scene

TURNS = (None, *Transpose)


@settings(max_examples=40, deadline=None)
@given(  # a side of a few pixels isn't brought to 64 evenly from both ends
    st.integers(0, 2**32), st.integers(32, 400), st.integers(32, 400), st.sampled_from(TURNS)
)
def test_a_turned_picture_has_a_turned_hash(
    seed: int, width: int, height: int, turn: Transpose | None
) -> None:
    image = scene(seed, (width, height))
    other = image if turn is None else image.transpose(turn)
    rows = phash.unpack([phash.phash(image), phash.phash(other)])
    assume(rows.any((1, 2)).all())
    found = [
        float(phash.correlations(phash.turned(rows[1:], orientation), rows[:1])[0])
        for orientation in range(phash.ORIENTATIONS)
    ]
    # By what makes two pictures one. Pillow's box filter isn't even from both ends where a side is
    # one and a half times as long as it is to be: there it is 0.985, and nearly 1 elsewhere.
    assert max(found) > SAME
    if turn is None:
        assert found[0] > 0.9999


@given(st.binary(max_size=300), st.integers(0, 7))
def test_any_bytes_are_a_hash_of_unit_length_or_none(data: bytes, orientation: int) -> None:
    rows = phash.turned(phash.unpack([data]), orientation)
    norm = float(np.linalg.norm(rows))
    assert norm == 0 or abs(norm - 1) < 1e-3
    assert np.isfinite(phash.coarse(rows)).all()


@given(st.integers(0, 255), st.integers(1, 100), st.integers(1, 100))
def test_a_plain_picture_has_none(grey: int, width: int, height: int) -> None:
    assert phash.phash(Image.new("RGB", (width, height), (grey, grey, grey))) == b""
