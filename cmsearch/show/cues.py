"""Transcripts as text, as SRT, as WebVTT, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from cmsearch.common.text import json_line
from cmsearch.types import Segment

SUFFIXES: Mapping[str, str] = {"text": ".txt", "srt": ".srt", "vtt": ".vtt", "json": ".json"}
"""The forms, and how the names of their files end."""
WIDTH = 42
"""Characters of a line of subtitles, of which two are shown at once; broadcasters' usual limits."""
LINES = 2


def written(form: str, path: str, asr: str, segments: Iterable[Segment]) -> Iterator[str]:
    """A transcript in one of the forms of `SUFFIXES`, piece by piece as it is heard.

    JSON is one object on one line: the `path`, the transcriber `asr`, and the `segments`.
    """
    match form:
        case "srt":
            return _srt(segments)
        case "vtt":
            return _vtt(segments)
        case "json":
            return _json(path, asr, segments)
        case _:
            return (f"{segment.text}\n" for segment in segments)


def subtitles(segment: Segment) -> Iterator[Segment]:
    """A segment in parts that fit a screen; their times are by their shares of its characters."""
    lines = textwrap.wrap(segment.text, WIDTH)
    parts = [lines[at : at + LINES] for at in range(0, len(lines), LINES)]
    sizes = [sum(map(len, part)) for part in parts]
    whole, before = sum(sizes), 0
    for part, size in zip(parts, sizes, strict=True):
        yield Segment(
            _between(segment, before / whole),
            _between(segment, (before + size) / whole),
            "\n".join(part),
        )
        before += size


def _between(segment: Segment, share: float) -> float:
    return segment.start + share * (segment.end - segment.start)


def _srt(segments: Iterable[Segment]) -> Iterator[str]:
    cues = (cue for segment in segments for cue in subtitles(segment))
    for number, cue in enumerate(cues, 1):
        yield f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text}\n\n"


def _vtt(segments: Iterable[Segment]) -> Iterator[str]:
    yield "WEBVTT\n\n"
    for segment in segments:
        for cue in subtitles(segment):
            text = cue.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            yield f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{text}\n\n"


def _json(path: str, asr: str, segments: Iterable[Segment]) -> Iterator[str]:
    found: Sequence[Segment] = list(segments)
    rows = [
        {**asdict(one), "start": round(one.start, 3), "end": round(one.end, 3)} for one in found
    ]
    yield json_line({"path": path, "asr": asr, "segments": rows}) + "\n"


def _time(seconds: float, point: str) -> str:
    minutes, thousandths = divmod(round(seconds * 1000), 60_000)
    second, thousandth = divmod(thousandths, 1000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{point}{thousandth:03}"
