"""Recordings as folders have them that nobody looks after: damaged, hostile, odd, and good ones."""

from __future__ import annotations

import struct
from functools import cache
from io import BytesIO

import numpy as np

from tests.bad_files import damaged, saved, zipped
from tests.sounds import RATE, encoded, noise, wav

HOURS_10 = 36_000


def riff(
    *, channels: int = 1, rate: int = RATE, bits: int = 16, tag: int = 1, data: bytes = b"",
    claimed: int | None = None,
) -> bytes:  # fmt: skip
    """A WAV file that may claim anything."""
    claimed = len(data) if claimed is None else claimed
    frame = min(max(1, channels * bits // 8), 65535)
    form = struct.pack("<HHIIHH", tag, channels, rate, min(rate * frame, 2**32 - 1), frame, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", claimed) + data
    return b"RIFF" + struct.pack("<I", min(claimed + 36, 2**32 - 1)) + chunks


@cache
def whole() -> dict[str, bytes]:
    """Two seconds of noise in each format."""
    sound = noise(2)
    return {
        "wav": wav(sound),
        "mp3": encoded(sound, "mp3", "libmp3lame"),
        "m4a": encoded(sound, "ipod", "aac"),
        "flac": encoded(sound, "flac", "flac"),
        "ogg": encoded(sound, "ogg", "libopus"),
        "opus": encoded(noise(3), "ogg", "libopus"),
        "aac": encoded(sound, "adts", "aac"),
    }


def silent_film() -> bytes:
    """A film without a sound track."""
    import av

    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def longer(data: bytes, mark: bytes, at: int, size: bytes) -> bytes:
    """A file with the bytes at a place after each mark replaced."""
    parts = data.split(mark)
    return mark.join([parts[0], *(part[:at] + size + part[at + len(size) :] for part in parts[1:])])


def bad_sounds() -> dict[str, tuple[bytes, str]]:
    """Recordings of which something can't be read, by name, and a part of the reason for it."""
    files = whole()
    head = {name: data[: len(data) // 3] for name, data in files.items()}
    unread = "not a recording or film in a format"
    unedited = files["m4a"].replace(b"elst", b"free")
    leaping = longer(unedited, b"stts", 12, struct.pack(">I", 3600 * RATE))  # an hour a packet
    samples = 0x0AC442F000000000 | HOURS_10 * RATE  # of FLAC's header: rate, channels, bits, length
    return {
        "cut.wav": (head["wav"], "cut short"),
        "cut.mp3": (head["mp3"], "cut short"),
        "cut.m4a": (head["m4a"], unread),
        "cut.flac": (head["flac"], "cut short"),
        "cut.ogg": (head["ogg"], unread),
        "cut.opus": (head["opus"], unread),
        "hours.wav": (riff(data=bytes(2 * RATE), claimed=HOURS_10 * RATE * 2), "cut short"),
        "leap.m4a": (leaping, "hours is left out"),
        "hours.flac": (
            files["flac"][:18] + struct.pack(">Q", samples) + files["flac"][26:],
            "cut short",
        ),
        "none.wav": (riff(), "there is no sound in it"),
        "silent.m4a": (silent_film(), "there is no sound in it"),
        "empty.mp3": (b"", "the file is empty"),
        "letter.mp3": (b"Dear all,\n" * 50, unread),
        "page.ogg": (b"<!DOCTYPE html><html><body>Not found</body></html>", unread),
        "picture.m4a": (saved("JPEG"), unread),
        "zip.flac": (zipped(), unread),
        "zeros.wav": (bytes(10_000), unread),
        "random.aac": (np.random.default_rng(0).bytes(50_000), unread),
        "playlist.m4a": (b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", unread),
        "concat.mp3": (b"ffconcat version 1.0\nfile /etc/passwd\n", unread),
        "sdp.mp3": (b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 9 RTP/AVP 0\n", unread),
        "channels.wav": (riff(channels=100, data=bytes(10_000)), "channels"),
        "fast.wav": (riff(rate=2**31 - 1, data=bytes(10_000)), "samples a second"),
        "slow.wav": (riff(rate=1, data=bytes(10_000)), "samples a second"),
        "still.wav": (riff(rate=0, data=bytes(10_000)), unread),
        "codec.wav": (riff(tag=0x7777, data=bytes(10_000)), "can't be decoded"),
        "bits.wav": (riff(bits=999, data=bytes(10_000)), "can't be decoded"),
        "tag.mp3": (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(5000), unread),
        "damaged.mp3": (damaged(files["mp3"], 300), unread),
        "after.mp3": (files["mp3"] + bytes(100_000), "damaged at 1 place"),
        "damaged.m4a": (damaged(files["m4a"], 40), unread),
        "damaged.flac": (damaged(files["flac"], 100), "there is no sound in it"),
        "damaged.ogg": (damaged(files["ogg"], 60), unread),
    }


def good_sounds() -> dict[str, bytes]:
    """Recordings that are odd, but can be read."""
    files = whole()
    nan = np.full(RATE, np.nan, "<f4").tobytes()
    sound = noise(1)
    return {
        **{f"noise.{suffix}": data for suffix, data in files.items()},
        "mp3.wav": files["mp3"],
        "one.wav": riff(data=bytes(2)),
        "pipe.wav": riff(data=bytes(2 * RATE), claimed=2**32 - 1),
        "nan.wav": riff(tag=3, bits=32, data=nan),
        "eight.wav": riff(channels=8, rate=96_000, data=bytes(8 * 2 * 9600)),
        "phone.wav": encoded(sound[::2], "wav", "pcm_mulaw", 8000),
        "album.flac": encoded(sound, "flac", "flac", 192_000),
    }
