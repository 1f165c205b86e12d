"""Asking a daemon for what a command would find, as far as it may."""

# Tested by tests/unit/cmsearch/server/test_daemon.py

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cmsearch.commands.options import DAEMON, ON_SERVER, TRUST
from cmsearch.search.wire import part_as_json, part_from_json
from cmsearch.types import Modality, QueryPart

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
"""What reading an answer raises that no daemon of this version gave."""
Request = dict[str, Any]


def asked(
    command: str, store: Path | None, make: Callable[[], Request | None]
) -> dict[str, Any] | None:
    """What a daemon answers to what a `command` asks of a store, both in JSON's types.

    None where none runs, where it leaves the answer to the command, or the command may not ask:
    trust is given by a look at a store. `make` gives the request, or None for one that can't be
    sent.
    """
    context = click.get_current_context(silent=True)
    told = context.meta if context else {}
    wish = told.get(DAEMON)
    if context is None or wish is False or told.get(TRUST) or told.get(ON_SERVER):
        return None
    from cmsearch.server.asking import ask, may_ask

    if not wish and not may_ask():
        return None
    request = make()
    if request is None:
        return None
    start = os.fsdecode(Path(store or ".").absolute())
    return ask({"command": command, "start": start, **request}, start=bool(wish))


def path_as_json(path: Path) -> str:
    """A path that leads to the same from wherever a daemon is."""
    return os.fsdecode(path.absolute())


def sent_part(part: QueryPart) -> dict[str, Any]:
    """A part of a query in JSON's types, with the bytes of a picture that has no file."""
    if not isinstance(part.content, bytes):
        return part_as_json(part)
    return {
        "data": data_as_json(part.content),
        "modality": part.modality,
        "weight": part.weight,
    }


def received_part(fields: Mapping[str, Any]) -> QueryPart:
    """The part of `sent_part`."""
    if "data" not in fields:
        return part_from_json(fields)
    data = data_from_json(fields["data"])
    return QueryPart(data, Modality(fields["modality"]), float(fields["weight"]))


def data_as_json(data: bytes) -> str:
    """Bytes as a text."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def data_from_json(text: str) -> bytes:
    """The bytes of `data_as_json`. Raises `ValueError` for others."""
    return binascii.a2b_base64(text)
