"""What sound that isn't speech costs: indexing a minute of it, searching, and the vectors' bytes.

    python -m scripts.bench.sounds [--model FOLDER] [--minutes 2]

Without a model it is one of the size of laion/clap-htsat-unfused with random weights, which takes
as long as that one. Seconds are those of the processor, of all its cores together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from cmsearch.models.encoders.transformers import load
from cmsearch.types import Modality, Role
from indexer.sounds import heard

RATE = 48_000


def write_model(folder: Path) -> Path:
    """A CLAP of transformers' default size, which is that of htsat-unfused."""
    import torch
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    torch.manual_seed(0)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    transformers.ClapModel(transformers.ClapConfig()).save_pretrained(folder)
    transformers.RobertaTokenizerFast(
        vocab=vocabulary, merges=[], model_max_length=512
    ).save_pretrained(folder)
    transformers.ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)
    return folder


def write_noise(path: Path, minutes: float) -> Path:
    samples = np.random.default_rng(0).integers(-8000, 8000, int(60 * minutes * RATE), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = options.model or write_model(Path(scratch))
        encoder = load(str(model))
        path = write_noise(Path(scratch, "noise.wav"), options.minutes)
        start = time.process_time()
        found = list(heard(path, encoder=encoder, note=lambda text: None))
        seconds = time.process_time() - start
        print(f"windows of a minute: {len(found) / options.minutes:.1f}")
        print(f"seconds of the processor for a minute: {seconds / options.minutes:.1f}")
        start = time.process_time()
        for _ in range(10):
            prepared = [encoder.prepare("a dog barks in the rain", Modality.TEXT)]
            encoder.encode(prepared, Modality.TEXT, Role.QUERY)
        print(f"seconds of the processor for a query: {(time.process_time() - start) / 10:.3f}")
        print(f"bytes of a window in the catalog: {2 * encoder.space.dim}")


if __name__ == "__main__":
    sys.exit(main())
