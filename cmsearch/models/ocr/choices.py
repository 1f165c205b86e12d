"""Which pictures text is read in, as `--ocr` says it."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

from cmsearch.errors import ModelUnavailableError, UnknownModelError
from cmsearch.models.ocr.rapid import EXTRA, is_installed

AUTO, NONE, ALL = CHOICES = ("auto", "none", "all")
"""Those in which a glance sees text; none of them; every one."""


def checked(asked: str | None) -> str | None:
    """A choice that can be made here; raises `UnknownModelError` and `ModelUnavailableError`."""
    if asked is not None and asked not in CHOICES:
        raise UnknownModelError(f"--ocr is one of {', '.join(CHOICES)}, not {asked!r}.")
    if asked in (AUTO, ALL) and not is_installed():
        raise ModelUnavailableError(EXTRA)
    return asked


def chosen(asked: str | None, kept: str | None) -> str:
    """What was asked for, else what a store keeps, else `none`, as without the extra."""
    choice = asked or (kept if kept in CHOICES else NONE)
    return choice if is_installed() else NONE
