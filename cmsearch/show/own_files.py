"""Files that cmsearch writes where people say: whole or not at all, and over none but its own."""

# Tested by tests/unit/cmsearch/show/test_html_pages.py

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cmsearch.common.files import check_no_link, open_file, replace_file
from cmsearch.errors import CmsearchError


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what people call it, and the ends of its name, the usual one first.

    `is_own` says of an open file whether cmsearch wrote it, and `foreign` what is wrong with one
    that it didn't write.
    """

    noun: str
    suffixes: tuple[str, ...]
    is_own: Callable[[BinaryIO], bool]
    foreign: str


def write(path: Path, data: bytes, kind: Kind) -> None:
    """Write a file beside `path` and rename it.

    Replaces another one of its kind that cmsearch wrote, and no other file. Raises `CmsearchError`
    for a place that can't be written.
    """
    check_place(path, kind)
    try:
        replace_file(path, data)
    except OSError as error:
        raise _unwritable(path, kind, error) from error


def check_place(path: Path, kind: Kind) -> None:
    """Raise `CmsearchError` if none can be written to `path`, as far as can be told before."""
    if path.suffix.lower() not in kind.suffixes:
        usual = kind.suffixes[0]
        raise CmsearchError(f"The {kind.noun} {path} needs a name that ends with {usual}.")
    try:
        check_no_link(path)
        with open_file(path) as file:
            is_own = kind.is_own(file)
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise _unwritable(path, kind, error) from error
        is_own = True  # it will be
    except OSError as error:
        raise _unwritable(path, kind, error) from error
    if not os.access(path.parent, os.W_OK):
        denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        raise _unwritable(path, kind, denied)
    if not is_own:
        raise CmsearchError(
            f"{path} is there already and {kind.foreign}. Give another name, or delete it."
        )


def _unwritable(path: Path, kind: Kind, error: OSError) -> CmsearchError:
    return CmsearchError(
        f"The {kind.noun} {path} can't be written: {error.strerror}. Name a place in a folder that "
        "is there and can be written."
    )
