"""Pictures in terminals: which way is chosen, and that what is written decodes to the picture."""

from __future__ import annotations

import re
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cmsearch.errors import QueryError
from cmsearch.media.thumbnails import Place
from cmsearch.show.terminal import CELL, Protocol, cell_size, previews, protocol, render

PHOTOS = Path(__file__).parents[4] / "sample_data" / "photos"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    with Image.open(PHOTOS / "tabby_cat.jpg") as image:
        return image.convert("RGB")


def halves() -> Image.Image:
    """Red above blue, twice as wide as high."""
    image = Image.new("RGB", (200, 100), (255, 0, 0))
    image.paste((0, 0, 255), (0, 50, 200, 100))
    return image


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app", "NO_COLOR": "1"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "220400"}, "sixel"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "211203"}, "blocks256"),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "²"}, "blocks256"),
        ({"TERM": "xterm-256color"}, "blocks256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "shades"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": ""}, "blocks"),
        ({"WT_SESSION": "x"}, "blocks"),
        ({"TERM": "xterm-direct"}, "blocks"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "COLORTERM": "24bit"}, "blocks"),
        # A variable of the terminal that another one was started from doesn't count.
        ({"TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, "blocks256"),
        # Within a multiplexer what is outside doesn't count.
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks256"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "blocks256"),
        ({"TERM": "screen", "STY": "1.x", "LC_TERMINAL": "iTerm2"}, "blocks256"),
        ({"TERM": "foot", "ZELLIJ": "0", "COLORTERM": "truecolor"}, "blocks"),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, "none"),
        ({}, "blocks256"),
        # A person knows better.
        ({"TERM": "tmux", "TMUX": "x", "CMSEARCH_PREVIEW": " Sixel "}, "sixel"),
        ({"TERM": "xterm-kitty", "CMSEARCH_PREVIEW": "none"}, "none"),
        ({"TERM": "xterm-kitty", "CMSEARCH_PREVIEW": "blocks"}, "blocks256"),
        ({"TERM": "dumb", "CMSEARCH_PREVIEW": "blocks", "NO_COLOR": "1"}, "shades"),
        ({"TERM": "xterm-kitty", "CMSEARCH_PREVIEW": ""}, "kitty"),
    ],
)
def test_the_environment_says_what_can_be_shown(environ: dict[str, str], shown: str) -> None:
    assert protocol(environ) == shown


def test_nothing_is_drawn_into_a_pipe_unless_asked_for() -> None:
    assert protocol({"TERM": "xterm-kitty"}, is_terminal=False) is Protocol.NONE
    asked = {"TERM": "xterm-kitty", "CMSEARCH_PREVIEW": "iterm2"}
    assert protocol(asked, is_terminal=False) is Protocol.ITERM2


def test_blocks_need_an_encoding_that_has_them() -> None:
    assert protocol({"TERM": "xterm"}, encoding="cp1252") is Protocol.NONE
    assert protocol({"TERM": "xterm-kitty"}, encoding="ascii") is Protocol.KITTY


def test_an_unknown_protocol_is_told() -> None:
    with pytest.raises(QueryError, match="'jpeg'; it has to be one of kitty, iterm2, sixel"):
        protocol({"CMSEARCH_PREVIEW": "jpeg\x1b"})


def test_kitty_gets_a_png_in_pieces(photo: Image.Image) -> None:
    written = render(photo, Protocol.KITTY)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", written)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in pieces) == written
    assert len(pieces) > 1
    assert [keys[-3:] for keys, _ in pieces] == ["m=1"] * (len(pieces) - 1) + ["m=0"]
    assert all("q=2" in keys and len(data) <= 4096 for keys, data in pieces)
    assert all(len(data) % 4 == 0 for _, data in pieces[:-1])
    wide, high = placed(pieces[0][0], "c", "r")
    with Image.open(BytesIO(b64decode("".join(data for _, data in pieces)))) as sent:
        assert sent.format == "PNG"
        assert sent.size == (wide * CELL[0], high * CELL[1])
        assert difference(sent, photo) < 5


def test_iterm2_gets_a_jpeg_in_one(photo: Image.Image) -> None:
    written = render(photo, Protocol.ITERM2)
    keys, data = re.fullmatch(r"\x1b\]1337;File=([^:]*):([^\x07]*)\x07", written).groups()  # type: ignore[union-attr]
    assert "inline=1;" in keys
    content = b64decode(data)
    assert f"size={len(content)};" in keys
    assert max(placed(keys, "width", "height")) <= 24
    with Image.open(BytesIO(content)) as sent:
        assert sent.format == "JPEG"
        assert difference(sent, photo) < 10


def placed(keys: str, *names: str) -> tuple[int, ...]:
    return tuple(int(re.search(rf"\b{name}=(\d+)", keys)[1]) for name in names)  # type: ignore[index]


def difference(sent: Image.Image, photo: Image.Image) -> float:
    """The mean over pixels and channels, from 0 to 255, at a size that hides dithering."""
    shown, wanted = (
        np.asarray(image.convert("RGB").resize((12, 8), Image.Resampling.BOX), np.float64)
        for image in (sent, photo)
    )
    return float(np.abs(shown - wanted).mean())


def decoded_sixel(written: str) -> Image.Image:
    """A sixel image as the manual describes it, read character by character."""
    begun = re.match(r'\x1bP0;1;0q"1;1;(\d+);(\d+)', written)
    assert begun and written.endswith("\x1b\\")
    width, height = int(begun[1]), int(begun[2])
    canvas: NDArray[np.int64] = np.full((height + 6, width, 3), -1)
    colours: dict[int, list[float]] = {}
    x = top = colour = 0
    for token in re.finditer(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|([$-])", written[begun.end() : -2]
    ):
        if token[1]:
            colours[int(token[1])] = [int(token[at]) * 2.55 for at in (2, 3, 4)]
        elif token[5]:
            colour = int(token[5])
        elif token[9]:
            x, top = 0, top + (6 if token[9] == "-" else 0)
        else:
            count, bits = int(token[6] or 1), ord(token[7] or token[8]) - 63
            for row in range(6):
                if bits >> row & 1:
                    canvas[top + row, x : x + count] = np.round(colours[colour])
            x += count
            assert x <= width
    assert (canvas[height:] == -1).all()
    assert (canvas[:height] >= 0).all(), "each pixel has a colour"
    return Image.fromarray(canvas[:height].astype(np.uint8))


def test_sixels_decode_to_the_picture(photo: Image.Image) -> None:
    shown = decoded_sixel(render(photo, Protocol.SIXEL, 20, 9, (8, 17)))
    assert shown.width == 160 or shown.height == 153
    assert difference(shown, photo) < 5
    flat = np.asarray(decoded_sixel(render(halves(), Protocol.SIXEL)), np.int64)
    assert flat.shape == (120, 240, 3)
    assert np.abs(flat[:55] - (255, 0, 0)).max() <= 3
    assert np.abs(flat[65:] - (0, 0, 255)).max() <= 3


def test_half_blocks_hold_two_pixels(photo: Image.Image) -> None:
    square = Image.new("RGB", (2, 2), (255, 0, 0))
    square.paste((0, 0, 255), (0, 1, 2, 2))
    assert render(square, Protocol.BLOCKS, 2, 1, (1, 2)) == (
        "\x1b[38;2;255;0;0;48;2;0;0;255m▀▀\x1b[0m"
    )
    assert render(square, Protocol.BLOCKS256, 2, 1, (1, 2)) == "\x1b[38;5;196;48;5;21m▀▀\x1b[0m"
    lines = render(photo, Protocol.BLOCKS).split("\n")
    assert 1 < len(lines) <= 8
    assert len({len(ESCAPES.sub("", line)) for line in lines}) == 1
    assert difference(painted("\n".join(lines)), photo) < 12


def painted(written: str) -> Image.Image:
    """What half blocks in 24-bit colours look like."""
    rows: list[list[list[int]]] = []
    for line in written.split("\n"):
        upper: list[list[int]] = []
        lower: list[list[int]] = []
        for colours, run in re.findall(r"\x1b\[38;2;([0-9;]+)m(▀+)", line):
            front, back = colours.split(";48;2;")
            upper += [[int(value) for value in front.split(";")]] * len(run)
            lower += [[int(value) for value in back.split(";")]] * len(run)
        rows += [upper, lower]
    return Image.fromarray(np.array(rows, np.uint8))


def test_the_256_colours_are_near(photo: Image.Image) -> None:
    """xterm's: 16 to 231 a cube with these levels, then 24 greys."""
    levels = [0, 95, 135, 175, 215, 255]

    def rgb(code: int) -> list[int]:
        if code >= 232:
            return [8 + 10 * (code - 232)] * 3
        return [levels[(code - 16) // step % 6] for step in (36, 6, 1)]

    written = render(photo, Protocol.BLOCKS256)
    true = re.sub(
        r"8;5;(\d+)", lambda code: "8;2;" + ";".join(map(str, rgb(int(code[1])))), written
    )
    assert difference(painted(true), photo) < 15


def test_shades_hold_no_escapes() -> None:
    image = Image.new("RGB", (50, 10))
    image.putdata([(51 * (x // 10) + 25,) * 3 for _ in range(10) for x in range(50)])
    assert render(image, Protocol.SHADES, 5, 1, (10, 10)) == " ░▒▓█"


@pytest.mark.parametrize("shown", list(Protocol))
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 5), (640, 480)])
def test_any_shape_fits(shown: Protocol, size: tuple[int, int]) -> None:
    written = render(Image.new("RGB", size, (10, 200, 30)), shown, 6, 3)
    if shown in (Protocol.BLOCKS, Protocol.BLOCKS256, Protocol.SHADES):
        lines = [ESCAPES.sub("", line) for line in written.split("\n")]
        assert 1 <= len(lines) <= 3
        assert all(1 <= len(line) <= 6 for line in lines)
    elif shown is Protocol.SIXEL:
        image = decoded_sixel(written)
        assert image.width <= 60
        assert image.height <= 60
    else:
        assert bool(written) == (shown is not Protocol.NONE)


def test_previews_come_in_the_order_of_the_paths(tmp_path: Path) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    paths: list[Place | None] = [None]
    for number, colour in enumerate(colours):
        paths.append(Place(tmp_path / f"{number}.png"))
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{number}.png")
    paths.insert(2, Place(tmp_path / "gone.png"))
    paths.append(Place(tmp_path / "\x1b[31m.txt"))
    shown = list(previews(paths, Protocol.BLOCKS, columns=4, rows=2))
    assert [bool(one) for one in shown] == [False, True, True, True, True, True]
    assert [f"2;{r};{g};{b}" in one for one, (r, g, b) in zip(
        [shown[1], shown[3], shown[4]], colours, strict=True)] == [True] * 3  # fmt: skip
    assert shown[2] == "(no picture: can't be read: No such file or directory)"
    assert shown[5].startswith("(no picture: ")
    assert shown[5].isprintable()
    assert list(previews(paths, Protocol.NONE)) == [""] * len(paths)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_the_size_of_a_character_is_the_terminals() -> None:
    import fcntl
    import os
    import struct
    import termios

    leader, follower = os.openpty()
    try:
        assert cell_size(follower) == CELL  # its size in pixels isn't known
        for pixels, cell in [((720, 432), (9, 18)), ((80, 24), CELL), ((65535, 65535), CELL)]:
            fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, *pixels))
            assert cell_size(follower) == cell
    finally:
        os.close(leader)
        os.close(follower)
    with Path(os.devnull).open() as nothing:
        assert cell_size(nothing.fileno()) == CELL
