"""Which servers of vectors may be contacted: those that the user named, and none that a store does.

A store travels, and what it names may be anybody's machine, or any file of this one.
"""

# Tested by tests/unit/cmsearch/store/test_contacts.py

from __future__ import annotations

import os

from cmsearch.store import user_lists
from cmsearch.store.index.address import Address

VARIABLE = "CMSEARCH_SERVERS"
_LIST = "servers"


def may_contact(address: Address) -> bool:
    """Whether the user named a server, here or with any collection, or just this file."""
    named = {*os.environ.get(VARIABLE, "").split(), *user_lists.lines(_LIST)}
    return bool(named & {str(address), address.place})


def remember(address: Address) -> None:
    """Let a server be contacted from now on, since the user names it; raises `CmsearchError`."""
    if not may_contact(address):
        otherwise = (
            f"Name it in the environment variable {VARIABLE}, or another folder for settings in "
            "CMSEARCH_CONFIG."
        )
        user_lists.add(_LIST, str(address), otherwise)


def how(address: Address) -> str:
    """What to do for a server to be contacted, as a sentence."""
    return (
        f"If you know it, name it in the environment variable {VARIABLE}, or put the line "
        f"{address} into {user_lists.folder() / _LIST}."
    )
