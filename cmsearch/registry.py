"""Plug points by name: built-in ones are rows of import strings, others come by entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


class Registry:
    """Import strings `module:attribute` by name, the built-in ones first.

    A package adds its own through the entry point group of the same name; a built-in name can't be
    replaced.
    """

    def __init__(self, group: str, rows: Mapping[str, str]) -> None:
        self.group = group
        self._rows = rows

    def rows(self) -> dict[str, str]:
        """All names and their import strings."""
        found = {point.name: point.value for point in entry_points(group=self.group)}
        return {**found, **self._rows}

    def load(self, name: str) -> Any:
        """What `name` stands for; raises `KeyError` for a name that isn't there."""
        row = self._rows.get(name) or self.rows()[name]
        module, _, attribute = row.partition(":")
        return getattr(import_module(module), attribute)
