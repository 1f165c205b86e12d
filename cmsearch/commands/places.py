"""What is said of places that people name and that can't be written."""

from __future__ import annotations

from pathlib import Path

from cmsearch.errors import CmsearchError


def unwritable(place: Path, error: OSError | ValueError) -> CmsearchError:
    """The error of a new file or folder that can't be made at `place`."""
    if isinstance(error, FileExistsError):
        return CmsearchError(f"{place} is there already. Give another name, or delete it.")
    reason = getattr(error, "strerror", None) or error
    return CmsearchError(f"{place} can't be written: {reason}. Name another place.")
