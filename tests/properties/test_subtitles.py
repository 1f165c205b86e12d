"""Subtitles of any kind are read or refused; what is written as subtitles is read again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.common import locators
from cmsearch.errors import MediaError
from cmsearch.media.subtitles import Cue, SubtitlesReader, cues
from cmsearch.types import Part, Reading, Skipped
from tests.examples import examples

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


STYLES = [
    "{}",
    "<i>{}</i>",
    "{{\\an8}}{}",
    "<v Ann>{}",
    '<font color="#fff">{}</font>',
    "- {}",
    " {} ",
]
BROKEN = ["00:00:05,000 --> soon", "--> 00:00:05,000", "00:00:09,000 --> 00:00:05,000", "1 --> 2"]


@examples(60)
@given(st.data())
def test_plausible_subtitles_are_read_or_their_line_is_named(data: st.DataObject) -> None:
    """The words are counted, so that each is told from the others."""
    webvtt, end = data.draw(st.booleans()), data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = ["WEBVTT", ""] if webvtt else []
    said, spans, bad, at = [], [], [], 0
    for number in range(data.draw(st.integers(1, 8))):
        if data.draw(st.integers(0, 4)) == 0:
            bad.append(str(len(lines) + 1))
            lines += [data.draw(st.sampled_from(BROKEN)), "lost", ""]
            continue
        start = at + data.draw(st.integers(0, 5000))
        at = start + data.draw(st.integers(1, 4000))
        head = [str(number)] if data.draw(st.booleans()) else []
        own = [f"w{number}{place}" for place in "abc"[: data.draw(st.integers(1, 3))]]
        written = [data.draw(st.sampled_from(STYLES)).format(word) for word in own]
        settings = " align:start" if webvtt and data.draw(st.booleans()) else ""
        times = f"{time(start / 1000)} --> {time(at / 1000)}{settings}"
        lines += [*head, times.replace(",", "." if webvtt else ","), *written, ""]
        said += own
        spans.append((start, at))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    with TemporaryDirectory() as name:
        path = Path(name, "a.vtt" if webvtt else "a.srt")
        path.write_bytes(end.join(lines).encode(encoding))
        found = list(SubtitlesReader().read(path, Reading(16)))
    parts = [one for one in found if isinstance(one, Part)]
    assert [word for part in parts for word in part.content.split() if word != "-"] == said
    assert [one.locator for one in found if isinstance(one, Skipped)] == bad
    begins = {round(1000 * span[0]) for part in parts if (span := locators.span(part.locator))}
    assert len(begins) == len(parts) and begins <= {start for start, _ in spans}
