"""Pages that need nothing but themselves: filled in, closed to the network, and written whole."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from cmsearch.show import own_files
from cmsearch.show.own_files import Kind

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIXES = (".html", ".htm")
_DATA = Path(__file__).parent / "pages"
_OWN = b'<meta name="generator" content="cmsearch">'
_HEAD = 4096


def render(name: str, **values: Any) -> str:
    """The template `name` of the package's data with its style and script, as one HTML page.

    All `values` are escaped. The page's policy lets a browser load pictures that are in the page,
    and run and apply what is in it by digest, so no name or caption can ask for, or run, anything.
    """
    from markupsafe import Markup

    style, script = _style(name), _text(f"{name}.js")
    template = _environment().get_template(f"{name}.html")
    return template.render(
        style=Markup(style), script=Markup(script), policy=policy_of(name), **values
    )


def policy_of(name: str) -> str:
    """The policy of the pages of a template."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(_style(name))}'; "
        f"script-src '{_digest(_text(f'{name}.js'))}'; base-uri 'none'; form-action 'none'"
    )


def _style(name: str) -> str:
    return "".join(map(_text, ("colours.css", "page.css", f"{name}.css")))


def write_page(path: Path, page: str) -> None:
    """Write a page over none but one of ours; raises `CmsearchError`, as `own_files`."""
    own_files.write(path, page.encode(), _KIND)


def check_place(path: Path) -> None:
    """Raise `CmsearchError` if a page can't be written to `path`, as far as can be told before."""
    own_files.check_place(path, _KIND)


def _is_own(file: BinaryIO) -> bool:
    return _OWN in file.read(_HEAD)


_KIND = Kind("page", SUFFIXES, _is_own, "no page of cmsearch")


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
