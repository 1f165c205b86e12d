"""Subtitles of any kind are read or refused; what is written as subtitles is read again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from cmsearch import locators
from cmsearch.errors import MediaError
from cmsearch.media.subtitles import Cue, SubtitlesReader, cues
from cmsearch.types import Part, Reading

TOKENS = st.sampled_from(
    ["00:00:01,000", "00:01.5", "-->", " ", "\n", "\n\n", "1", "WEBVTT", "<i>", "{\\an8}", "&#0;"]
)
TEXTS = st.lists(TOKENS | st.text(max_size=8), max_size=40).map("".join)
WORDS = st.text("abc äß中", min_size=1, max_size=20).map(str.strip).filter(bool)
SPANS = st.tuples(st.integers(0, 359_999_999), st.integers(0, 10**7))


@given(TEXTS | st.binary(max_size=200))
def test_any_file_is_read_or_refused(content: str | bytes) -> None:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    with TemporaryDirectory() as name, suppress(MediaError):
        path = Path(name, "a.srt")
        path.write_bytes(data)
        for part in SubtitlesReader().read(path, Reading(16)):
            if isinstance(part, Part):
                span = locators.span(part.locator)
                assert span is not None and span[0] <= span[1]
                assert part.content == part.content.strip() != ""


@given(st.lists(st.tuples(SPANS, WORDS), max_size=10))
def test_what_is_written_is_read(rows: list[tuple[tuple[int, int], str]]) -> None:
    written = [Cue(start / 1000, (start + more) / 1000, text) for (start, more), text in rows]
    lines = [
        line
        for number, cue in enumerate(written, 1)
        for line in (str(number), f"{time(cue.start)} --> {time(cue.end)}", cue.text, "")
    ]
    found = [cue for cue in cues(lines) if isinstance(cue, Cue)]
    assert [(round(one.start, 3), round(one.end, 3)) for one in found] == [
        (round(one.start, 3), round(one.end, 3)) for one in written
    ]
    assert [one.text.split() for one in found] == [one.text.split() for one in written]


def time(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02},{rest % 1000:03}"
