"""Whatever is said: no word is lost, segments are in order, and none lasts too long."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cmsearch.models.transcribers.sentences import MOST, Word, segments
from cmsearch.show.cues import subtitles, written
from cmsearch.types import Segment

WORDS = st.lists(
    st.tuples(
        st.text("aé字", min_size=1, max_size=6),
        st.sampled_from(["", "", "", ",", ".", "?", '."']),
        st.floats(0, 3),
        st.floats(0, 2),
    ),
    max_size=120,
)


def timed(rows: list[tuple[str, str, float, float]]) -> list[Word]:
    words, now = [], 0.0
    for text, mark, pause, lasts in rows:
        words.append(Word(now + pause, now + pause + lasts, f" {text}{mark}"))
        now = words[-1].end
    return words


@given(WORDS)
def test_no_word_is_lost(rows: list[tuple[str, str, float, float]]) -> None:
    words = timed(rows)
    found = list(segments(words))
    assert [part for one in found for part in one.text.split()] == [w.text.strip() for w in words]
    assert all(0 <= one.end - one.start <= MOST + 1e-6 for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@given(st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(bool), st.floats(0, 9))
def test_subtitles_hold_the_whole_text(text: str, lasts: float) -> None:
    parts = list(subtitles(Segment(1, 1 + lasts, text)))
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    assert parts[0].start == 1 and abs(parts[-1].end - 1 - lasts) < 1e-6
    assert all(one.text.count("\n") <= 1 for one in parts)


@given(st.text().map(lambda text: " ".join(text.split())).filter(bool))
def test_no_text_can_end_a_cue(text: str) -> None:
    for form in ("srt", "vtt"):
        whole = "".join(written(form, "a", "b", [Segment(0, 1, text)]))
        times = [line for line in whole.split("\n") if line.startswith("00:00:0")]
        assert len(times) == len(list(subtitles(Segment(0, 1, text))))
