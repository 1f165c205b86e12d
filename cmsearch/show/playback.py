"""Playing a recording through a program that the system has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cmsearch.common.files import create_file
from cmsearch.common.text import printable
from cmsearch.errors import CmsearchError
from cmsearch.show import wav

PLAYERS = {
    "pw-play": (),
    "paplay": (),
    "aplay": ("-q",),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error"),
    "afplay": (),
}
"""Programs that play the file they are given, with what else they need; tried in this order."""
_POWERSHELL = "(New-Object System.Media.SoundPlayer $env:CMSEARCH_WAV).PlaySync()"
_FILE_INSTEAD = "Write it to a file instead, with {}."
_NO_DEVICE = "audio open failed"  # what ffplay says, and then ends as if it had played
_STARTING = 30.0  # seconds that a player may take beside those of the recording


def check_player(option: str) -> None:
    """Raise `CmsearchError`, which names the `option` that writes a file, if nothing plays here."""
    if not _players():
        names = ", ".join(PLAYERS)
        raise CmsearchError(
            f"There is no program here that plays sound ({names}). " + _FILE_INSTEAD.format(option)
        )


def play(data: bytes, option: str) -> None:
    """Play a WAV file, and return when it has been heard.

    Where one program can't, such as one that reaches no sound server, the next is tried. Raises
    `CmsearchError` if none can; it names the `option` that writes a file.
    """
    check_player(option)
    reasons = []
    with tempfile.TemporaryDirectory(prefix="cmsearch-speech-") as folder:
        file = Path(folder) / "spoken.wav"
        create_file(file, data)
        for command in _players():
            reason = _failed(command, file, wav.duration(data) + _STARTING)
            if reason is None:
                return
            reasons.append(f"{Path(command[0]).stem}: {reason}")
    raise CmsearchError(
        f"No program could play it ({'; '.join(reasons)}). " + _FILE_INSTEAD.format(option)
    )


def _players() -> list[list[str]]:
    """The commands that are here, each without the file that it is to play."""
    if sys.platform == "win32":
        shell = shutil.which("powershell")
        return [[shell, "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL]] if shell else []
    found = ((shutil.which(name), options) for name, options in PLAYERS.items())
    return [[command, *options] for command, options in found if command]


def _failed(command: list[str], file: Path, patience: float) -> str | None:
    """Play a file by a command; why it couldn't, or None."""
    given = [] if sys.platform == "win32" else [str(file)]
    try:
        done = subprocess.run(
            [*command, *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "CMSEARCH_WAV": str(file)},
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it didn't end"
    except OSError as error:
        return str(error.strerror)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 0:
        return next((_NO_DEVICE for line in said if _NO_DEVICE in line), None)
    return printable(said[-1])[:120].rstrip(".") if said else f"code {done.returncode}"
