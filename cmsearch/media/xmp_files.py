"""Reading `NAME.jpg.xmp` and `NAME.xmp`, in which programs note what is to be said of a picture."""

# Tested by tests/unit/cmsearch/media/test_notes.py

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cmsearch.common.files import read_file
from cmsearch.common.kinds import ANEW, FileKind
from cmsearch.errors import MediaError
from cmsearch.media import moments
from cmsearch.media.exif import TAKEN, place_in
from cmsearch.media.notes import captions, written_in
from cmsearch.media.xmp import MAX_PACKET, Packet, read_packet
from cmsearch.types import NO_NOTES, UNKNOWN_CAPTURE, Capture, Noted, Part, Reading, Skipped


class XmpReader:
    """Reads XMP beside a picture, a film or a recording."""

    suffixes = frozenset({".xmp"})
    missing: str | None = None
    max_bytes = MAX_PACKET
    kind = FileKind.SIDECAR

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give its captions, and what else it notes."""
        try:
            data = read_file(path, MAX_PACKET)
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error
        packet = read_packet(data)
        own, capture = written_in(packet), _capture(packet)
        is_empty = own.texts == () and own.notes == NO_NOTES and capture == UNKNOWN_CAPTURE
        if is_empty and (packet.problem or packet.is_broken):
            raise MediaError(f"{packet.problem or 'it is no XMP, or damaged'}; {ANEW}")
        for part in captions(own.texts, path.name):
            yield replace(part, capture=capture)
        if own.notes != NO_NOTES or capture != UNKNOWN_CAPTURE:
            yield Noted(own.notes, capture, "sidecar")
        if packet.problem or packet.is_broken:
            damaged = f"its XMP is damaged; what comes before that is read; {ANEW}"
            yield Skipped(path.name, packet.problem or damaged, "metadata")


def _capture(packet: Packet) -> Capture:
    """When and where it was, where a person or a program corrected it."""
    north, east = place_in(packet) or (None, None)
    taken = next(filter(None, (moments.instant(packet.first(name)) for name in TAKEN)), None)
    if taken is None:
        return Capture(None, None, north, east)
    return Capture(taken.time, None, north, east, moments.SIDECAR, taken.zone)
