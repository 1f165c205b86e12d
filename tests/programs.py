"""Programs of the system, in whose place tests put small scripts that note what they were given."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from cmsearch.show import wav

SPEAKS = """
import pathlib, shutil, sys
folder = pathlib.Path(__file__).parent
(folder / "arguments").write_text("\\n".join(sys.argv[1:]))
(folder / "said").write_bytes(sys.stdin.buffer.read())
target = next(at for at, one in enumerate(sys.argv) if one in ("-w", "--output-file")) + 1
shutil.copyfile(folder / "spoken.wav", sys.argv[target])
"""
"""Speaks as espeak-ng does, or piper: what it was given lies beside it."""
PLAYS = """
import pathlib, shutil, sys
shutil.copyfile(sys.argv[-1], pathlib.Path(__file__).parent / "played.wav")
"""


def tone(seconds: float = 0.2, rate: int = 16_000) -> bytes:
    """A WAV file with a tone."""
    times = np.arange(int(seconds * rate)) / rate
    return wav.from_samples((0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32), rate)


class Programs:
    """A folder that is all of PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "spoken.wav").write_bytes(tone())

    def add(self, name: str, script: str) -> None:
        """A program that runs a script of Python."""
        program, own = self.folder / name, self.folder / f"{name}.py"
        own.write_text(script)  # the first line of a program has no place for any path
        program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(own)])} "$@"\n')
        program.chmod(0o755)

    @property
    def said(self) -> str:
        """What a program that speaks was given to say."""
        return (self.folder / "said").read_text("utf-8")

    @property
    def arguments(self) -> list[str]:
        """What else it was given."""
        return (self.folder / "arguments").read_text().splitlines()

    @property
    def played(self) -> bytes | None:
        """What a program that plays was given, if it was."""
        file = self.folder / "played.wav"
        return file.read_bytes() if file.exists() else None


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """No program is there, and piper isn't installed."""
    if os.name == "nt":
        pytest.skip("the programs are scripts with a first line that names what runs them")
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("cmsearch.show.text_to_speech._has_piper", lambda: False)
    return Programs(folder)
