"""Playing: the first program that can, and what is told if none can."""

from __future__ import annotations

import sys

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.show import playback
from cmsearch.show.playback import check_player, play
from tests.programs import PLAYS, Programs, programs, tone

__all__ = ["programs"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are scripts")


def test_a_recording_is_played(programs: Programs) -> None:
    programs.add("aplay", PLAYS)
    play(tone(), "--out FILE.wav")
    assert programs.played == tone()


def test_the_next_one_plays_where_the_first_one_cannot(programs: Programs) -> None:
    programs.add("paplay", "raise SystemExit('Connection refused')")
    programs.add("ffplay", PLAYS)
    play(tone(), "--out FILE.wav")
    assert programs.played == tone()


def test_that_none_can_is_told_with_what_to_do(programs: Programs) -> None:
    with pytest.raises(CmsearchError, match=r"no program here that plays.*--out FILE\.wav"):
        check_player("--out FILE.wav")
    programs.add("paplay", "raise SystemExit('Connection\\x1b refused.')")
    programs.add("aplay", "raise SystemExit(7)")
    with pytest.raises(
        CmsearchError, match=r"paplay: Connection refused; aplay: code 7\).*--speak-to FILE\.wav"
    ):
        play(tone(), "--speak-to FILE.wav")


def test_one_that_only_says_that_it_failed(programs: Programs) -> None:
    said = "No more combinations to try, audio open failed"
    programs.add("ffplay", f"import sys; print({said!r}, file=sys.stderr)")
    with pytest.raises(CmsearchError, match="ffplay: audio open failed"):
        play(tone(), "--out FILE.wav")


def test_one_that_hangs_is_ended(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "_STARTING", 0.1)
    programs.add("aplay", "import time; time.sleep(60)")
    with pytest.raises(CmsearchError, match="aplay: it didn't end"):
        play(tone(), "--out FILE.wav")
