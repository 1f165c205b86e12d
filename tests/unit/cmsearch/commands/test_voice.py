"""Spoken queries of the command line, and hits of each modality apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmsearch.commands import microphone
from cmsearch.commands.microphone import RATE
from cmsearch.commands.showing import HEADINGS
from cmsearch.models.transcribers import transcripts
from cmsearch.show import wav
from cmsearch.types import TOWER, FloatArray, Segment
from tests.builders import write_picture
from tests.commands import called

PICTURES = ("--for", "image", "--match", "picture", "--format", "json")


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recording of a query. In a recording what its bytes say is said."""

    def transcribe(source: Path | bytes, asr: str | None = None) -> Iterator[Segment]:
        data = source if isinstance(source, bytes) else source.read_bytes()
        yield Segment(0.0, 1.0, asr or data.decode())

    monkeypatch.setattr(transcripts, "transcribe", transcribe)
    place = tmp_path / "query.wav"
    place.write_text("Show me photos of blue.")
    return place


def sources(*arguments: object, stdin: bytes = b"") -> list[str]:
    result = called("search", *arguments, *PICTURES, stdin=stdin)
    assert result.returncode == 0, result.stderr
    return [json.loads(line)["source"] for line in result.stdout.splitlines()]


def test_a_recording_is_a_query(folder: Path, speaker: Path) -> None:
    result = called("search", "--voice", speaker, *PICTURES)
    assert result.stdout == called("search", "blue", *PICTURES).stdout
    assert "Understood: blue\n" in result.stderr
    assert called("again").stdout == called("search", "blue", *PICTURES[:-2]).stdout


def test_a_recording_through_stdin(folder: Path, speaker: Path) -> None:
    assert sources("--voice", "-", stdin=b"green")[0] == "green.png"
    result = called("search", "--voice", "-", "--image", "-", stdin=b"green")
    assert result.returncode == 2 and "give - once" in result.stderr


def test_who_writes_it_down_may_be_named(folder: Path, speaker: Path) -> None:
    assert sources("--voice", speaker, "--asr", "green")[0] == "green.png"


def test_words_that_are_said_are_no_signs(folder: Path, speaker: Path) -> None:
    speaker.write_text('blue - red + "')
    assert sources("--voice", speaker) == sources('"blue - red + \\""')


def test_what_is_said_adds_to_texts_and_pictures(folder: Path, speaker: Path) -> None:
    assert sources("3:green", "--voice", speaker) == sources("3:green + blue")
    picture = write_picture(folder.parent / "query.png", "red", (9, 9))
    assert sources("--image", picture, "--voice", speaker) == sources("blue", "--image", picture)


def test_what_was_not_understood_is_an_error(folder: Path, speaker: Path) -> None:
    speaker.write_text(" ...")
    result = called("search", "--voice", speaker)
    assert result.returncode == 2 and "no word that was understood" in result.stderr
    result = called("search", "--voice", "no.wav")
    assert result.returncode == 1 and "No such file" in result.stderr
    assert called("search").returncode == 2


def test_the_microphone_is_a_query(
    folder: Path, speaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def listen(blocks: object, seconds: float | None) -> FloatArray:
        asked.append(seconds)
        return np.zeros(RATE, np.float32)

    monkeypatch.setattr(microphone, "microphone", lambda: open("/dev/null"))  # noqa: PTH123, SIM115
    monkeypatch.setattr(microphone, "listen", listen)
    monkeypatch.setattr(wav, "from_samples", lambda audio, rate: b"find me green")
    result = called("search", *PICTURES, "--mic")
    assert "Listening ...\nUnderstood: green\n" in result.stderr
    assert called("search", "--mic", "5", *PICTURES).stdout == result.stdout
    assert asked == [None, 5.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mic", "red"], "with --text"),
        (["--mic", "0"], "from 1 to 60"),
        (["--mic", "nan"], "from 1 to 60"),
        (["--mic", "5", "--voice", "x.wav"], "not both"),
        (["red", "--asr", "small"], "--voice or --mic"),
    ],
)
def test_wrong_calls_are_told(folder: Path, arguments: list[str], said: str) -> None:
    result = called("search", *arguments)
    assert result.returncode == 2 and said in result.stderr


def test_a_session_is_asked_by_a_recording(folder: Path, speaker: Path) -> None:
    result = called("shell", "--for", "image", stdin=f":voice {speaker}\n".encode())
    assert result.stdout == called("search", "blue", "--for", "image").stdout
    assert "Understood: blue" in result.stderr


def test_each_modality_apart(folder: Path) -> None:
    apart = called("search", "red", "--per-modality", "-k", "2").stdout.splitlines()
    texts = called("search", "red", "--for", "text", "-k", "2").stdout.splitlines()
    pictures = called("search", "red", "--for", "image", "-k", "2").stdout.splitlines()
    assert apart[:4] == ["Texts", *texts, ""]
    assert apart[4] == "Pictures"
    assert [line[5:] for line in apart[5:]] == [line[5:] for line in pictures]
    assert [int(line[:3]) for line in (*apart[1:3], *apart[5:])] == [1, 2, 3, 4]


def test_ranks_and_lines_of_json_go_on_from_modality_to_modality(folder: Path) -> None:
    result = called("search", "red", "--per-modality", "-k", "2", "--format", "json")
    hits = [json.loads(line) for line in result.stdout.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    assert [hit["modality"] for hit in hits] == ["text", "text", "image", "image"]
    more = called("more", "3", "--format", "json").stdout.splitlines()
    assert hits[2]["source"] not in {json.loads(line)["source"] for line in more}
    one = called("search", "red", "--per-modality", "--for", "image", "-k", "2").stdout
    assert one.splitlines()[0] == "Pictures"


def test_each_modality_has_a_heading() -> None:
    assert tuple(HEADINGS) == tuple(TOWER)


def test_a_call_of_python_knows_what_is_there(folder: Path) -> None:
    import cmsearch

    with cmsearch.open(folder) as engine:
        assert [str(one) for one in engine.modalities] == ["text", "image"]


def test_python_asks_with_recordings(folder: Path, speaker: Path) -> None:
    import cmsearch
    from cmsearch import Modality, Query, QueryPart

    with cmsearch.open(folder) as engine:
        assert engine.search(audio=speaker) == engine.search("blue")
        assert engine.search(audio=[b"red", speaker]) == engine.search(["red", "blue"])
        query = Query((QueryPart(speaker, Modality.SPEECH), QueryPart("red", weight=-0.5)))
        typed = Query((QueryPart("blue"), QueryPart("red", weight=-0.5)))
        assert engine.search(query) == engine.search(typed)
        assert (engine.embed(audio=speaker) == engine.embed("blue")).all()
        with pytest.raises(cmsearch.QueryError, match="one of the three"):
            engine.search("x", audio=speaker)
