"""A model's canonical name is its own canonical name."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.errors import UnknownModelError
from cmsearch.models.names import canonical_name

part = st.text(st.sampled_from("abV0-_."), min_size=1, max_size=8)
path = st.lists(part, min_size=1, max_size=3).map("/".join)
prefix = st.sampled_from(
    ["", "open_clip:", "open_clip/", "hf-hub:", "local-dir:", "lite:", "transformers:", "dual:"]
)
separator = st.sampled_from(["/", "::", "__"])
spelling = st.builds("{}{}{}{}".format, prefix, part, separator, path)
anything = st.text(st.sampled_from("ab-_:/."), max_size=20)


@given(spelling | anything)
def test_idempotence(name: str) -> None:
    with suppress(UnknownModelError):
        canonical = canonical_name(name)
        assert canonical_name(canonical) == canonical


@given(spelling)
def test_white_space_around_a_name_means_nothing(name: str) -> None:
    with suppress(UnknownModelError):
        assert canonical_name(f" {name}\n") == canonical_name(name)
