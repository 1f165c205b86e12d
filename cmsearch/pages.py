"""Pages that need nothing but themselves: filled in, closed to the network, and written whole."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cmsearch.errors import CmsearchError
from cmsearch.files import open_file

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIXES = frozenset({".htm", ".html"})
_DATA = Path(__file__).parent / "data"
_OWN = b'<meta name="generator" content="cmsearch">'
_HEAD = 4096


def render(name: str, **values: Any) -> str:
    """The template `name` of the package's data with its style and script, as one HTML page.

    All `values` are escaped. The page's policy lets a browser load pictures that are in the page,
    and run and apply what is in it by digest, so no name or caption can ask for, or run, anything.
    """
    from markupsafe import Markup

    style = f"{_text('page.css')}{_text(f'{name}.css')}"
    script = _text(f"{name}.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    template = _environment().get_template(f"{name}.html")
    return template.render(style=Markup(style), script=Markup(script), policy=policy, **values)


def write_page(path: Path, page: str) -> None:
    """Write a page beside `path` and rename it.

    Replaces another page of cmsearch, and no other file. Raises `CmsearchError` for a place that
    can't be written.
    """
    check_place(path)
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(page, encoding="utf-8", newline="")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def check_place(path: Path) -> None:
    """Raise `CmsearchError` if a page can't be written to `path`, as far as can be told before."""
    if path.suffix.lower() not in SUFFIXES:
        raise CmsearchError(f"The page {path} needs a name that ends with .html.")
    try:
        with open_file(path) as file:
            is_own = _OWN in file.read(_HEAD)
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise _unwritable(path, error) from error
        is_own = True  # it will be
    except OSError as error:
        raise _unwritable(path, error) from error
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if not is_own:
        raise CmsearchError(
            f"{path} is there already and no page of cmsearch. Give another name, or delete it."
        )


def link(target: Path, folder: Path) -> str:
    """An address of the file `target` for a page in `folder`: relative where it lies below it.

    `./` comes first, so that no name is taken for a scheme. Both are absolute.
    """
    if not target.is_relative_to(folder):
        return target.as_uri()
    return "./" + quote(os.fsencode(target.relative_to(folder).as_posix()))


def data_uri(data: bytes, kind: str = "image/webp") -> str:
    """The bytes of a file as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _unwritable(path: Path, error: OSError) -> CmsearchError:
    return CmsearchError(
        f"The page {path} can't be written: {error.strerror}. Name a place in a folder that is "
        "there and can be written."
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(_DATA)
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def _text(name: str) -> str:
    return (_DATA / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """As a Content-Security-Policy names a style or script that is in the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
