"""Files as folders have them that nobody looks after: damaged, hostile, odd, and good ones."""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import zipfile
import zlib
from contextlib import chdir, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.raws import dng, quarters

DATA = Path(__file__).parent / "data"


def saved(style: str, size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """A picture of noise, which hardly shrinks, so that a cut goes through its pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, style, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes, crc: int | None = None) -> bytes:
    """A chunk of a PNG."""
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def png(width: int, height: int, *chunks: bytes, pixels: bytes | None = None) -> bytes:
    """A black PNG of greys, or one that only says that it is so large."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes((width + 1) * height)) if pixels is None else pixels
    rest = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + rest


def tiff(width: int, height: int, following: int = 0) -> bytes:
    """A TIFF of a few greys, which may claim more; `following` is where the next is to be."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1)]
    tags += [(278, height), (279, min(width * height, 100))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0") + bytes(100)


def resized(data: bytes, mark: bytes, at: int, size: bytes) -> bytes:
    """A file whose header is made to claim another size, `at` bytes after a mark."""
    start = data.index(mark) + at
    return data[:start] + size + data[start + len(size) :]


def damaged(data: bytes, start: int) -> bytes:
    """The file with all its bytes overwritten from a place on."""
    return data[:start] + b"\xa5" * (len(data) - start)


def with_exif(exif: bytes) -> bytes:
    return saved("JPEG", exif=b"Exif\0\0" + exif)


def endless_gif(size: int) -> bytes:
    """Frame after frame, and no end."""
    data = saved("GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), "red")])
    frame = data[data.rindex(b"\x21\xf9") : -1]
    return data[:-1] + frame * (size // len(frame))


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    """Pictures that can't be read, by name, and a part of the reason that is to be given."""
    styles = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "tif": "TIFF"}
    styles |= {"avif": "AVIF", "bmp": "BMP"}
    whole = {suffix: saved(style) for suffix, style in styles.items()}
    whole["heic"] = (DATA / "quarters.heic").read_bytes()
    cut = {f"cut.{suffix}": (data[: len(data) // 2], "damaged") for suffix, data in whole.items()}
    short = {f"short.{suffix}": (data[:11], "damaged") for suffix, data in whole.items()}
    webp_head = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    huge = struct.pack(">II", 60_000, 60_000)
    profile = b"name\0\0" + zlib.compress(bytes(50 * 2**20))
    text = b"text\0\0" + zlib.compress(bytes(2**20))
    return {
        **cut,
        **short,
        "endless.gif": (endless_gif(4 * 2**20), "what comes after 5,000 frames is left out"),
        "empty.jpg": (b"", "the file is empty"),
        "letter.jpg": (b"Dear all,\n" * 50, "not a picture"),
        "page.png": (b"<!DOCTYPE html><html><body>Not found</body></html>", "not a picture"),
        "zeros.jpg": (bytes(10_000), "not a picture"),
        "soi.jpg": (b"\xff\xd8\xff" + b"\x5a" * 5000, "damaged"),
        "zip.jpg": (zipped(), "not a picture"),
        "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        "bomb.png": (png(60_000, 60_000, pixels=b""), "too many"),
        "bomb.jpg": (resized(whole["jpg"], b"\xff\xc0", 5, huge[2:4] * 2), "too many"),
        "bomb.gif": (resized(whole["gif"], b"GIF8", 6, b"\xff\xff\xff\xff"), "too many"),
        "bomb.tif": (tiff(60_000, 60_000), "too many"),
        "bomb.bmp": (
            resized(whole["bmp"], b"BM", 18, huge[3:1:-1].ljust(4, b"\0") * 2),
            "too many",
        ),
        "bomb.webp": (webp_head + b"\xff\x3f\0" * 2 + bytes(8), "too many"),
        "bomb.heic": (resized(whole["heic"], b"ispe", 8, huge), "60000x60000"),
        "bomb.avif": (resized(whole["avif"], b"ispe", 8, huge), "damaged"),
        "crc.png": (png(9, 9, chunk(b"gAMA", b"\0\1\2\3", crc=7)), "damaged"),
        "pixels.png": (png(64, 64, pixels=b"not deflated"), "damaged"),
        "profile.png": (png(9, 9, chunk(b"iCCP", profile)), "save it anew"),
        "text.png": (png(9, 9, *[chunk(b"zTXt", text)] * 100), "save it anew"),
        "damaged.webp": (damaged(whole["webp"], 23), "damaged"),
        "damaged.avif": (damaged(whole["avif"], 30), "damaged"),
        "damaged.heic": (damaged(whole["heic"], 400), "damaged"),
        "cut.dng": (dng(quarters())[:-2000], "cut short"),
        "short.nef": (dng(quarters())[:100], "not a raw picture"),
        "letter.cr2": (b"Dear all,", "not a raw picture"),
        "empty.arw": (b"", "the file is empty"),
    }


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "a")
    return buffer.getvalue()


def good_pictures() -> dict[str, bytes]:
    """Pictures that are odd, but can be read."""
    picture = saved("JPEG")
    recursive = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + bytes(4)
    names = ["new\nline", "tab\t", "escape\x1b[31m", "-dash", "quotes'\"`$(x)", "n" * 251]
    names += ["\U0001f600", "\u202egnp", "end ", " begin", "%s{}*?", "..dots", "a\\b"]
    return {
        **{f"{name}.jpg": picture for name in names if not name.startswith(".")},
        "jpeg.png": picture,
        "loop.tif": tiff(10, 10, following=8),
        "strip.png": png(100_000, 1),
        "grey.png": png(10_000, 10_000),
        "after.jpg": picture + b"\0" * 100_000,
        "exif_text.jpg": with_exif(b"no TIFF header at all"),
        "exif_cut.jpg": with_exif(recursive[:12]),
        "exif_loop.jpg": with_exif(recursive),
        "exif_large.jpg": with_exif(recursive[:8] + b"\xff\xff" + b"\x0f\x01\2\0" * 16_000),
        "wide.heic": (DATA / "quarters.heic").read_bytes(),
    }


def bad_texts() -> dict[str, tuple[bytes, str]]:
    """Captions and documents of which something can't be read."""
    pair = b'{"image": "jpeg.png", "caption": "noise"}\n'
    return {
        "zero.txt": (b"text\0text", "zero bytes"),
        "zero.csv": (b"image,caption\n\0", "zero bytes"),
        "coco.json": (b'{"annotations": [{"image_id": 1, "caption": "x"', "not COCO"),
        "deep.json": (b'{"annotations": "caption", "x": ' + b"[" * 100_000, "not COCO"),
        "lines.jsonl": (pair + b"broken\n" + pair, "not {"),
        "surrogate.jsonl": (pair + b'{"image": "jpeg.png", "caption": "\\ud83d"}\n', "no caption"),
        "quotes.csv": (
            b'image,caption\njpeg.png,"never closed\n' + b"x," * 100_000,
            "a field of more than",
        ),
        "row.csv": (b"image,caption\njpeg.png\n", "no caption"),
    }


def good_texts() -> dict[str, bytes]:
    return {
        "after.txt": b" \n\t\n\n",  # a sidecar of blanks
        "latin.csv": "image,caption\njpeg.png,Rauschen in Köln\n".encode("latin-1"),
        "utf16.txt": "In UTF-16.".encode("utf-16"),
        "odd.md": b"\xff\xfe",
        "long.txt": b"word " * 20_000,
        "unbroken.txt": b"x" * 500_000,
        "array.json": b"[" * 100_000,
        "types.json": b'{"annotations": 5, "images": {}, "x": "caption"}',
        "none.csv": b"",
        "list.jsonl": json.dumps({"image": "jpeg.png", "caption": "noise"}).encode(),
    }


def make_odd(folder: Path) -> dict[str, str]:
    """What is no file, or can't be opened; returns parts of the reasons by path."""
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server, chdir(folder):
        server.bind("socket.png")
    links = {"zero.jpg": "/dev/zero", "gone.jpg": "nothing", "self.jpg": "self.jpg"}
    links |= {"drive": "/no/such/drive", "again.jpg": "jpeg.png", "loop": ".", "up": ".."}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "hidden" / ".cmsearchignore").mkdir(parents=True)
    (folder / "private\U0010ff80.jpg").touch()
    found = {
        "pipe.jpg": "a named pipe",
        "socket.png": "a socket",
        "zero.jpg": "a device",
        "gone.jpg": "which is not there",
        "drive": "which is not there",
        "self.jpg": "Too many levels of symbolic links",
        "hidden/": "not a regular file",
        "private\U0010ff80.jpg": "rename it",
    }
    with suppress(PermissionError):
        os.mknod(folder / "null.png", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        found["null.png"] = "a device"
    if os.geteuid() != 0:  # root reads all the same
        (folder / "secret.jpg").write_bytes(saved("JPEG"))
        (folder / "secret.jpg").chmod(0)
        found["secret.jpg"] = "Permission denied"
    return found
