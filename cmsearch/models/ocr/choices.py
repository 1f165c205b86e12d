"""Which pictures text is read in, as `--ocr` says it."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

from cmsearch.errors import ModelUnavailableError, UnknownModelError
from cmsearch.models.ocr.rapid import EXTRA, is_installed

AUTO, NONE, ALL = CHOICES = ("auto", "none", "all")
"""Those in which a glance sees text; none of them; every one."""
USUAL = "usual"
"""What a store keeps, else `auto` where the extra is installed: so the command line has it."""


def checked(asked: str | None) -> str | None:
    """A choice that can be made here; raises `UnknownModelError` and `ModelUnavailableError`."""
    if asked is not None and asked not in (*CHOICES, USUAL):
        raise UnknownModelError(f"--ocr is one of {', '.join(CHOICES)}, not {asked!r}.")
    if asked in (AUTO, ALL) and not is_installed():
        raise ModelUnavailableError(EXTRA)
    return asked


def chosen(asked: str | None, kept: str | None) -> str:
    """What was asked for, else what a store keeps, else `none`, as without the extra."""
    if not is_installed():
        return NONE
    own = kept if kept in CHOICES else None
    if asked == USUAL:
        return own or AUTO
    return asked or own or NONE


def to_keep(asked: str | None, kept: str | None) -> str | None:
    """What a store is to keep in place of what it has; None where it stays as it is."""
    if asked == USUAL:
        return AUTO if kept is None and is_installed() else None
    return None if asked == kept else asked
