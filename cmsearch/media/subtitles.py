"""Reading subtitles: SubRip and WebVTT; cues are joined until they say something."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cmsearch.common import locators
from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError
from cmsearch.media.lines import read_lines
from cmsearch.types import Modality, Part, Reading, Skipped

MAX_BYTES = 32 * 2**20
LONGEST = 10.0
"""Seconds after which cues aren't joined any further."""
ENOUGH = 4.0
"""Seconds from which on joined cues end with a sentence."""
PAUSE = 2.0
"""Seconds without a cue that part those before from those after."""

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?!\d)", re.ASCII)
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*$")
_ROLLING = 40  # words
_JOINED = 200  # cues at most, which may all be shown at once
MAX_CUES = 100_000
"""Of a file or a film; a day of talking has half of them."""
_HEADS = ("WEBVTT", "NOTE", "STYLE", "REGION")


@dataclass(frozen=True, slots=True)
class Cue:
    """What a subtitle says from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


class SubtitlesReader:
    """Reads `.srt` and `.vtt`, with the encodings of other text."""

    suffixes = frozenset({".srt", ".vtt"})
    missing: str | None = None
    max_bytes = MAX_BYTES
    kind = FileKind.SUBTITLES

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give the cues of the file with their times."""
        lines = read_lines(path, MAX_BYTES)
        found = list(islice(cues(lines), MAX_CUES + 1))
        if not found and any(line.strip() and not _is_head(line) for line in lines):
            raise MediaError(
                "no subtitles: no line has times such as 00:00:01,000 --> 00:00:02,500"
            )
        if len(found) > MAX_CUES:
            del found[MAX_CUES:]
            yield Skipped(path.name, f"what comes after {MAX_CUES:,} cues is left out")
        for line, reason in (one for one in found if not isinstance(one, Cue)):
            yield Skipped(path.name, reason, str(line))
        yield from subtitle_parts([one for one in found if isinstance(one, Cue)])


def cues(lines: Iterable[str]) -> Iterator[Cue | tuple[int, str]]:
    """The cues that lines hold, and for broken ones their line with what is wrong with it."""
    times: tuple[float, float] | None = None
    said: list[str] = []
    for number, line in enumerate(lines, 1):
        if "-->" in line:
            # SubRip numbers its cues; some files have no empty line before the number.
            yield from _cue(times, said[:-1] if said and said[-1].strip().isdecimal() else said)
            said, times = [], None
            match = _TIMES.match(line)
            if match is None:
                yield number, "not two times with --> between them"
            elif (found := (_seconds(match.groups()[:4]), _seconds(match.groups()[4:])))[0] > (
                found[1]
            ):
                yield number, "ends before it begins"
            else:
                times = found
        elif line.strip():
            said.append(line)
        elif times is not None and said:
            yield from _cue(times, said)
            said, times = [], None
    yield from _cue(times, said)


def subtitle_parts(found: Iterable[Cue]) -> Iterator[Part]:
    """Parts of cues, joined to sentences."""
    for cue in joined(sorted(found, key=lambda cue: (cue.start, cue.end))):
        place = locators.times(cue.start, cue.end)
        yield Part(Modality.TEXT, "subtitle", cue.text, None, place)


def joined(found: Iterable[Cue]) -> Iterator[Cue]:
    """Cues that follow each other as one, up to the end of a sentence or `LONGEST` seconds."""
    waiting: list[Cue] = []
    for cue in found:
        if waiting and not _goes_on(waiting, cue):
            yield _one(waiting)
            waiting = []
        waiting.append(cue)
    if waiting:
        yield _one(waiting)


def plain(text: str) -> str:
    """What a cue says, without markup, on one line."""
    text = html.unescape(_MARKUP.sub("", text).replace("\\N", " ").replace("\\h", " "))
    return " ".join(text.replace("\0", " ").split())


def _goes_on(waiting: Sequence[Cue], cue: Cue) -> bool:
    start, end = waiting[0].start, max(one.end for one in waiting)
    if len(waiting) >= _JOINED or cue.start - end > PAUSE or max(end, cue.end) - start > LONGEST:
        return False
    return end - start < ENOUGH or not _SENTENCE_END.search(waiting[-1].text)


def _one(waiting: Sequence[Cue]) -> Cue:
    said: list[str] = []
    for cue in waiting:
        words = cue.text.split()
        said += words[_repeated(said, words) :]
    return Cue(waiting[0].start, max(cue.end for cue in waiting), " ".join(said))


def _repeated(said: Sequence[str], words: Sequence[str]) -> int:
    """How many of the first words repeat what was said last, as those of rolling captions do."""
    most = min(len(said), len(words), _ROLLING)
    counts = (count for count in range(most, 0, -1) if said[-count:] == words[:count])
    count = next(counts, 0)
    return count if count > 1 or count == len(words) else 0


def _cue(times: tuple[float, float] | None, said: Sequence[str]) -> Iterator[Cue]:
    text = plain(" ".join(said))
    if times is not None and text:
        yield Cue(*times, text)


def _seconds(fields: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (field or "0" for field in fields)
    whole = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
    return whole + int(fraction.ljust(3, "0")) / 1000


def _is_head(line: str) -> bool:
    return line.strip("\ufeff ").startswith(_HEADS)
