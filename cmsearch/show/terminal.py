"""Pictures in a terminal: by the protocol of kitty or iTerm2, as sixels, or as Unicode blocks.

The protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol/,
https://iterm2.com/documentation-images.html, and chapter 14 of DEC's VT330/VT340 Programmer
Reference Manual, volume 2.
"""

from __future__ import annotations

import re
import struct
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from io import BytesIO
from itertools import chain, repeat

import numpy as np
from PIL import Image

from cmsearch.common.text import printable
from cmsearch.errors import MediaError, QueryError
from cmsearch.media.thumbnails import each, read
from cmsearch.show.marks import marked
from cmsearch.store.object_files import bring
from cmsearch.types import Place, TextLine

COLUMNS, ROWS = 24, 8
CELL = (10, 20)
"""Pixels of a character's width and height, where the terminal doesn't say; those of a VT340."""

_CHUNK = 4096  # characters of base64 that kitty takes at once
_SIXEL_COLOURS = 64  # dithered; with 256, four times the bytes
_SHADES = " ░▒▓█"
_LEVELS = (0, 95, 135, 175, 215, 255)  # of the 6 x 6 x 6 colours after xterm's first sixteen


class Protocol(StrEnum):
    """A way of showing pictures in a terminal."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"
    BLOCKS = "blocks"
    """Half blocks ▀ in 24-bit colours."""
    BLOCKS256 = "blocks256"
    SHADES = "shades"
    """Without colours: ░▒▓█, the lighter the fuller."""
    NONE = "none"


def protocol(
    environ: Mapping[str, str], *, is_terminal: bool = True, encoding: str = "utf-8"
) -> Protocol:
    """What the terminal can show, by its environment variables; nothing is asked of itself.

    `encoding` is that of what is written to it. CMSEARCH_PREVIEW overrides all; raises
    `QueryError` if that is no protocol.
    """
    wanted = environ.get("CMSEARCH_PREVIEW", "").strip().lower()
    if wanted:
        return _named(wanted, environ)
    if not is_terminal or environ.get("TERM") == "dumb":
        return Protocol.NONE
    graphics = _graphics_of(environ)
    if graphics is not None:
        return graphics
    try:
        f"▀{_SHADES}".encode(encoding)
    except UnicodeEncodeError:
        return Protocol.NONE
    return _blocks_of(environ)


def _named(wanted: str, environ: Mapping[str, str]) -> Protocol:
    try:
        named = Protocol(wanted)
    except ValueError as error:
        names = ", ".join(Protocol)
        what = f"CMSEARCH_PREVIEW is {printable(wanted)!r}; it has to be one of {names}."
        raise QueryError(what) from error
    return _blocks_of(environ) if named is Protocol.BLOCKS else named


def _graphics_of(environ: Mapping[str, str]) -> Protocol | None:
    """Multiplexers pass pictures on only if told to, and then lose them when they redraw."""
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "").lower()
    inside = any(environ.get(name) for name in ("TMUX", "STY", "ZELLIJ"))
    if inside or program == "tmux" or term.startswith(("tmux", "screen")):
        return None
    if program == "vscode":  # only where a setting allows it, which can't be seen from within
        return None
    if environ.get("KITTY_WINDOW_ID") or "kitty" in term or "ghostty" in program + term:
        return Protocol.KITTY
    iterm = program == "iterm.app" or environ.get("LC_TERMINAL") == "iTerm2"
    if iterm or program in ("wezterm", "mintty"):
        return Protocol.ITERM2
    konsole = environ.get("KONSOLE_VERSION", "")
    if konsole.isdecimal() and len(konsole) <= 6 and int(konsole) >= 220400:
        return Protocol.SIXEL
    if term.startswith(("foot", "mlterm", "contour", "vt340")) or "sixel" in term:
        return Protocol.SIXEL
    return None


def _blocks_of(environ: Mapping[str, str]) -> Protocol:
    if environ.get("NO_COLOR"):
        return Protocol.SHADES
    if environ.get("COLORTERM") in ("truecolor", "24bit") or environ.get("WT_SESSION"):
        return Protocol.BLOCKS
    return Protocol.BLOCKS if environ.get("TERM", "").endswith("-direct") else Protocol.BLOCKS256


def cell_size(descriptor: int) -> tuple[int, int]:
    """Pixels of a character's width and height in the terminal of a file descriptor, or `CELL`."""
    try:
        import fcntl
        import termios

        answer = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except (ImportError, OSError):  # no such call on Windows; no terminal
        return CELL
    rows, columns, width, height = struct.unpack("HHHH", answer)
    if not (rows and columns):
        return CELL
    cell = width // columns, height // rows
    return cell if all(4 <= pixels <= 100 for pixels in cell) else CELL


def previews(
    places: Iterable[Place | None],
    shown: Protocol,
    *,
    columns: int = COLUMNS,
    rows: int = ROWS,
    cell: tuple[int, int] = CELL,
    lines: Iterable[Sequence[TextLine]] = (),
) -> Iterator[str]:
    """For each place what `render` gives of its picture, or a line that says why there is none.

    They are decoded a few ahead, and small, with the `lines` of text marked that are given for each
    place. For None, and for `Protocol.NONE`, it is "".
    """
    wanted = [None if shown is Protocol.NONE else place for place in places]
    size = max(columns * cell[0], rows * cell[1])
    images = each(
        lambda place: _picture(place, size),
        [place for place in wanted if place is not None],
    )
    for place, own in zip(wanted, chain(lines, repeat(())), strict=False):
        image = None if place is None else next(images)
        if isinstance(image, MediaError):
            yield f"(no picture: {printable(str(image))})"
        else:
            drawn = None if image is None else marked(image, own)
            yield "" if drawn is None else render(drawn, shown, columns, rows, cell)


def render(
    image: Image.Image,
    shown: Protocol,
    columns: int = COLUMNS,
    rows: int = ROWS,
    cell: tuple[int, int] = CELL,
) -> str:
    """An RGB picture as text for a terminal, as large as fits into `columns` and `rows`.

    It is written at the beginning of a line; a line's end after it leads below the picture.
    """
    wide, high = _fitted(image.size, columns, rows, cell)
    match shown:
        case Protocol.KITTY:
            return _kitty(_shrunk(image, (wide * cell[0], high * cell[1])), wide, high)
        case Protocol.ITERM2:
            return _iterm2(_shrunk(image, (wide * cell[0], high * cell[1])), wide, high)
        case Protocol.SIXEL:
            return _sixel(_resized(image, (wide * cell[0], high * cell[1])))
        case Protocol.BLOCKS | Protocol.BLOCKS256:
            return _blocks(_resized(image, (wide, 2 * high)), shown is Protocol.BLOCKS)
        case Protocol.SHADES:
            grey = np.asarray(_resized(image, (wide, high)).convert("L"), np.int64)
            return "\n".join("".join(_SHADES[value * 5 // 256] for value in row) for row in grey)
        case Protocol.NONE:
            return ""


def _fitted(
    size: tuple[int, int], columns: int, rows: int, cell: tuple[int, int]
) -> tuple[int, int]:
    """The characters that a picture of `size` pixels takes, in width and height."""
    scale = min(columns * cell[0] / size[0], rows * cell[1] / size[1])
    wide, high = (round(size[side] * scale / cell[side]) for side in (0, 1))
    return min(max(wide, 1), columns), min(max(high, 1), rows)


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """No larger than is seen; enlarging is left to the terminal."""
    larger = image.width * image.height > size[0] * size[1]
    return _resized(image, size) if larger else image


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _kitty(image: Image.Image, wide: int, high: int) -> str:
    """As PNG in pieces; q=2 keeps the terminal from answering into what is typed next."""
    data = _base64(image, "PNG")
    pieces = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    written = []
    for number, piece in enumerate(pieces):
        begin = "" if number else f"a=T,f=100,c={wide},r={high},"
        more = int(number + 1 < len(pieces))
        written.append(f"\x1b_G{begin}q=2,m={more};{piece}\x1b\\")
    return "".join(written)


def _iterm2(image: Image.Image, wide: int, high: int) -> str:
    data = _base64(image, "JPEG")
    size = len(data) * 3 // 4 - data.count("=")
    place = f"width={wide};height={high};preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;size={size};{place}:{data}\x07"


def _base64(image: Image.Image, kind: str) -> str:
    file = BytesIO()
    image.save(file, kind)
    return b64encode(file.getvalue()).decode("ascii")


def _sixel(image: Image.Image) -> str:
    """A band is six rows of pixels: for each of its colours, a character a column."""
    palette = image.quantize(_SIXEL_COLOURS)
    picture = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    colours = np.reshape(picture.getpalette("RGB") or [], (-1, 3)) * 100 // 255
    indices = np.asarray(picture)
    written = [f'\x1bP0;1;0q"1;1;{picture.width};{picture.height}']
    for number in np.unique(indices).tolist():
        red, green, blue = colours[number].tolist()
        written.append(f"#{number};2;{red};{green};{blue}")
    for top in range(0, picture.height, 6):
        band = indices[top : top + 6]
        bits = 1 << np.arange(len(band))[:, None]
        lines = []
        for number in np.unique(band).tolist():
            sixels = ((band == number) * bits).sum(axis=0) + ord("?")
            line = sixels.astype(np.uint8).tobytes().decode("ascii").rstrip("?")
            runs = re.sub(r"(.)\1{3,}", lambda run: f"!{len(run[0])}{run[1]}", line)
            lines.append(f"#{number}{runs}")
        written.append("$".join(lines))
        written.append("-")
    return "".join(written[:-1]) + "\x1b\\"


def _blocks(image: Image.Image, is_true: bool) -> str:
    """Two pixels in a character: the upper one in its own colour, the lower in that behind it."""
    if is_true:
        codes = [[f"2;{r};{g};{b}" for r, g, b in row] for row in np.asarray(image).tolist()]
    else:
        picture = image.quantize(palette=_xterm(), dither=Image.Dither.FLOYDSTEINBERG)
        codes = [[f"5;{16 + index % 240}" for index in row] for row in np.asarray(picture).tolist()]
    lines = []
    for upper, lower in zip(codes[::2], codes[1::2], strict=True):
        line, last = [], ("", "")
        for pair in zip(upper, lower, strict=True):
            line.append("▀" if pair == last else f"\x1b[38;{pair[0]};48;{pair[1]}m▀")
            last = pair
        lines.append("".join(line) + "\x1b[0m")
    return "\n".join(lines)


@cache
def _xterm() -> Image.Image:
    """A palette of xterm's colours 16 to 255; sixteen more of it fill up the 256."""
    cube = [(red, green, blue) for red in _LEVELS for green in _LEVELS for blue in _LEVELS]
    colours = cube + [(8 + 10 * step,) * 3 for step in range(24)]
    image = Image.new("P", (1, 1))
    image.putpalette([value for colour in colours + colours[:16] for value in colour])
    return image


def _picture(place: Place, size: int) -> Image.Image:
    bring(place.path)
    return read(place.path, size, place.locator)
