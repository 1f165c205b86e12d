"""Which servers of vectors may be contacted: those that the user named, and none that a store does.

A store travels, and what it names may be anybody's machine, or any file of this one.
"""

# Tested by tests/unit/cmsearch/store/test_contacts.py

from __future__ import annotations

import os

from cmsearch.common.files import read_file, replace_file
from cmsearch.errors import CmsearchError
from cmsearch.store.index.address import Address
from cmsearch.store.trust import folder

VARIABLE = "CMSEARCH_SERVERS"
_LIST = "servers"
_LARGEST = 2**20


def may_contact(address: Address) -> bool:
    """Whether the user named a server, here or with any collection, or just this file."""
    named = {*os.environ.get(VARIABLE, "").split(), *_listed()}
    return bool(named & {str(address), address.place})


def remember(address: Address) -> None:
    """Let a server be contacted from now on, since the user names it."""
    if may_contact(address):
        return
    path, kept = folder() / _LIST, _kept()
    if kept and not kept.endswith("\n"):
        kept += "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, os.fsencode(f"{kept}{address}\n"))
    except OSError as error:
        raise CmsearchError(
            f"{address} can't be remembered in {path}: {error.strerror}. Name it in the "
            f"environment variable {VARIABLE}, or another folder for settings in CMSEARCH_CONFIG."
        ) from error


def how(address: Address) -> str:
    """What to do for a server to be contacted, as a sentence."""
    return (
        f"If you know it, name it in the environment variable {VARIABLE}, or put the line "
        f"{address} into {folder() / _LIST}."
    )


def _listed() -> set[str]:
    lines = (line.strip() for line in _kept().split("\n"))
    return {line for line in lines if line and not line.startswith("#")}


def _kept() -> str:
    try:
        return os.fsdecode(read_file(folder() / _LIST, _LARGEST))
    except OSError:
        return ""
