"""Plug points by name: built-in ones are rows of import strings, others come by entry points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cmsearch.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Registry:
    """Import strings `module:attribute` by name, the built-in ones first.

    A package adds its own through the entry point group of the same name; a built-in name can't be
    replaced.
    """

    def __init__(self, group: str, rows: Mapping[str, str]) -> None:
        self.group = group
        self._rows = rows

    def __contains__(self, name: str) -> bool:
        """Whether there is something of this name; for a built-in one no package is looked at."""
        return name in self._rows or name in self._added()

    def rows(self) -> dict[str, str]:
        """All names and their import strings, the built-in ones first."""
        return {**self._rows, **{name: point.value for name, point in self._added().items()}}

    def added(self) -> dict[str, str]:
        """The names that packages add, and each package with its version."""
        return {name: _package(point) for name, point in self._added().items()}

    def load(self, name: str) -> Any:
        """What `name` stands for.

        Raises `KeyError` for a name that isn't there, and `PluginError` where the package that adds
        it can't be imported.
        """
        if name in self._rows:
            module, _, attribute = self._rows[name].partition(":")
            return getattr(import_module(module), attribute)
        point = self._added()[name]
        try:
            return point.load()
        except Exception as error:  # whatever the module of a stranger raises
            raise PluginError(
                f"{name!r} of {_package(point)} can't be loaded ({type(error).__name__}: {error}). "
                "Install what the package needs, or remove it."
            ) from error

    def _added(self) -> dict[str, EntryPoint]:
        return {name: one for name, one in _points(self.group).items() if name not in self._rows}


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group; to look for them takes milliseconds, and so does the import."""
    from importlib.metadata import entry_points

    return {point.name: point for point in sorted(entry_points(group=group))}


def _package(point: EntryPoint) -> str:
    """The package that an entry point is of, as `name 1.0`."""
    if point.dist is None:
        return f"the module {point.module}"
    return f"{point.dist.name} {point.dist.version}"
