"""What is said of places that can't be written."""

from __future__ import annotations

from pathlib import Path

from cmsearch.commands.places import unwritable


def test_a_place_that_is_taken_is_told_from_one_that_fails() -> None:
    taken = unwritable(Path("a.txt"), FileExistsError(17, "File exists"))
    assert str(taken) == "a.txt is there already. Give another name, or delete it."
    full = unwritable(Path("a.txt"), OSError(28, "No space left on device"))
    assert str(full) == "a.txt can't be written: No space left on device. Name another place."
    odd = unwritable(Path("a.txt"), ValueError("embedded null byte"))
    assert "embedded null byte" in str(odd) and odd.exit_code == 1
