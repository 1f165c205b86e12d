"""Measure speech recognition: word error rate, speed, and words where nobody speaks.

    CMSEARCH_COCO159=FOLDER python -m scripts.bench.speech [--half val2017] [--asr NAME]

(a) 60 captions, the first ones of as many photographs, are spoken by piper with the voice joe, and
transcribed. Reference and transcript are normalised by Whisper's own normaliser of English (letter
case, punctuation, contractions, numbers), and the word error rate is the least number of words to
substitute, insert and delete, over all captions, as a share of the words that were said.
(b) All the captions, joined by pauses of a second as a talk would be, are transcribed at once.
(c) A minute each of silence, noise and music, and then speech made quiet.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cmsearch.common.processors import cpu_count
from cmsearch.media.audio import RATE, listening
from cmsearch.models.transcribers.transcripts import DEFAULT, transcriber
from cmsearch.protocols import Transcriber
from cmsearch.types import FloatArray
from scripts.bench.recordings import captions, some, spoken
from tests import sounds


def main() -> None:
    options = argparse.ArgumentParser(description="Measure speech recognition.")
    options.add_argument("--half", default="val2017", help="of coco159: train2017 or val2017")
    options.add_argument("--caption", type=int, default=0, help="which of a photograph's captions")
    options.add_argument("--asr", default=DEFAULT)
    options.add_argument("--verbose", action="store_true", help="print each caption with mistakes")
    chosen = options.parse_args()
    said = texts(Path(os.environ["CMSEARCH_COCO159"]), chosen.half, chosen.caption)
    recordings = [samples(path) for path in spoken(said)]
    model = transcriber(chosen.asr)
    list(model.transcribe(recordings[0]))  # what is loaded at the first use
    print(f"{model.name}, {cpu_count()} processors, {chosen.half}, caption {chosen.caption}")
    errors(model, said, recordings, verbose=chosen.verbose)
    speed(model, recordings)
    inventions(model)
    quiet(model, said, recordings)


def errors(
    model: Transcriber, said: Sequence[str], recordings: Sequence[FloatArray], *, verbose: bool
) -> None:
    """(a) The word error rate."""
    wrong = words = right = 0
    for reference, recording in zip(said, recordings, strict=True):
        heard = " ".join(segment.text for segment in model.transcribe(recording))
        own = distance(normalised(reference), normalised(heard))
        wrong, words, right = wrong + own, words + len(normalised(reference)), right + (own == 0)
        if verbose and own:
            print(f"  {own}  {reference}\n     {heard}")
    print(f"word error rate: {wrong / words:.1%} ({wrong} of {words} words), {right} of 60 exact")


def speed(model: Transcriber, recordings: Sequence[FloatArray]) -> None:
    """(b) Seconds of a talk that are transcribed in a second."""
    pause = sounds.noise(1.0, slope=1, level=0.001)
    talk = np.concatenate([part for one in recordings for part in (one, pause)])
    started, worked = time.perf_counter(), time.process_time()
    count = len(list(model.transcribe(talk)))
    seconds, lasted = time.perf_counter() - started, len(talk) / RATE
    worked = time.process_time() - worked
    print(f"speed: {lasted / seconds:.1f} times real time ({lasted:.0f} s in {seconds:.1f} s)")
    print(f"  of processors {worked:.1f} s; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"  {count} items for {len(recordings)} captions")


def inventions(model: Transcriber) -> None:
    """(c) What is heard in a minute of each sound in which nobody speaks."""
    for name, sound in speechless().items():
        found = [segment.text for segment in model.transcribe(sound)]
        print(f"{name}: {len(found)} items {found or ''}")


def quiet(model: Transcriber, said: Sequence[str], recordings: Sequence[FloatArray]) -> None:
    """The word error rate of speech at a hundredth of its level, over a faint noise."""
    wrong = words = 0
    for reference, recording in zip(said[::6], recordings[::6], strict=True):
        faint = (
            0.01 * recording + sounds.noise(len(recording) / RATE + 1, level=1e-4)[: len(recording)]
        )
        heard = " ".join(segment.text for segment in model.transcribe(faint))
        wrong += distance(normalised(reference), normalised(heard))
        words += len(normalised(reference))
    print(f"word error rate of 10 captions 40 dB quieter: {wrong / words:.1%}")


def speechless(seconds: float = 60) -> dict[str, FloatArray]:
    """A minute each of silence, kinds of noise, and kinds of music."""
    band = sounds.chords(seconds) + sounds.arpeggio(seconds) + sounds.strings(seconds)
    return {
        "silence": sounds.silence(seconds),
        "white noise": sounds.noise(seconds),
        "loud white noise": sounds.noise(seconds, level=0.4),
        "pink noise": sounds.noise(seconds, slope=1),
        "faint pink noise": sounds.noise(seconds, slope=1, level=0.003),
        "brown noise": sounds.noise(seconds, slope=2),
        "hum of the mains": sounds.hum(seconds),
        "chords": sounds.chords(seconds),
        "arpeggio with drums": sounds.arpeggio(seconds),
        "strings": sounds.strings(seconds),
        "all three at once": band / 3,
    }


def texts(folder: Path, half: str, number: int) -> list[str]:
    """One caption of each of 60 photographs of a half of coco159."""
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    own = {folder / row["file"] for row in map(json.loads, lines) if row["split"] == half}
    found = {path: rows for path, rows in captions(folder).items() if path in own}
    return [found[path][number] for path in some(sorted(found))]


def samples(path: Path) -> FloatArray:
    with listening(path) as sound:
        assert sound is not None
        return np.concatenate(list(sound.blocks))


def normalised(text: str) -> list[str]:
    """The words of a text as Whisper's authors compare them."""
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    words: list[str] = EnglishTextNormalizer({})(text).split()
    return words


def distance(reference: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of words to substitute, insert and delete (Levenshtein 1966)."""
    *_, last = _rows(reference, heard)
    return last[-1]


def _rows(reference: Sequence[str], heard: Sequence[str]) -> Iterator[list[int]]:
    row = list(range(len(heard) + 1))
    yield row
    for number, word in enumerate(reference, 1):
        new = [number]
        for place, other in enumerate(heard):
            new.append(min(row[place] + (word != other), row[place + 1] + 1, new[place] + 1))
        row = new
        yield row


if __name__ == "__main__":
    main()
