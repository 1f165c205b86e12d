"""What is held out was not learned from: neither its pictures nor its captions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.errors import QueryError
from cmsearch.learning.metrics import Gold
from cmsearch.learning.training.pairs import digest, parted

ONE_EACH = [Gold(f"{one}.jpg", f"caption {one}") for one in range(40)]
some_pairs = st.lists(
    st.builds(Gold, st.sampled_from("abcdefghijkl"), st.sampled_from("ABCDEFGHIJKLMNOP")),
    unique=True,
    max_size=30,
)


@given(some_pairs, st.floats(0.05, 0.4), st.integers(0, 5))
def test_parts_share_nothing_and_lose_nothing(
    pairs: list[Gold], held_out: float, seed: int
) -> None:
    try:
        found = parted(pairs, held_out, seed)
    except QueryError:
        return
    parts = (found.learn, found.choose, found.measure)
    assert sorted(sum(parts, ()), key=repr) == sorted(pairs, key=repr)
    for key in ("image", "caption"):
        first, second, third = ({getattr(pair, key) for pair in part} for part in parts)
        assert not (first & second or first & third or second & third)


def test_as_many_choose_as_measure() -> None:
    found = parted(ONE_EACH, 0.1, 0)
    assert [len(part) for part in (found.learn, found.choose, found.measure)] == [32, 4, 4]


def test_the_seed_decides() -> None:
    assert parted(ONE_EACH, 0.1, 1) == parted(ONE_EACH, 0.1, 1) != parted(ONE_EACH, 0.1, 2)


def test_a_caption_of_many_pictures_is_learned() -> None:
    many = [Gold(f"{one}.png", "a photo") for one in range(20)]
    found = parted([*ONE_EACH, *many], 0.1, 0)
    assert set(many) <= set(found.learn)


@pytest.mark.parametrize(
    "pairs", [[], ONE_EACH[:2], [Gold(f"{one}.jpg", "the same") for one in range(9)]]
)
def test_too_few_are_refused(pairs: list[Gold]) -> None:
    with pytest.raises(QueryError, match="too few"):
        parted(pairs, 0.1, 0)


def test_the_digest_sees_every_pair_and_the_order() -> None:
    assert digest(ONE_EACH) != digest(ONE_EACH[1:])
    assert digest(ONE_EACH) != digest(ONE_EACH[::-1])
