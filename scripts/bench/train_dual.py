"""Train a small dual encoder on rendered pictures, and measure it on unseen combinations.

    python -m scripts.bench.train_dual [--loss siglip]

2,000 pairs; the 160 that measure show combinations of shape, colour, count and place that are not
among the 1,840. Everything by the documented commands, in processes of their own: `cmsearch train`,
then `cmsearch eval` of the model on the unseen part.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.bench import rendered

TOWERS = ("--image", "test_efficientnet", "--text", "bert-tiny", "--random-towers", "image,text")
SIZES = ("--size", "128", "--context", "16", "--dim", "128", "--held-out", "0.05")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--loss", choices=("clip", "siglip"), default="clip")
    parser.add_argument("--epochs", default="14")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rendered.write(Path(place, "set"), 2000)
        model = Path(place, "rendered.safetensors")
        learning = ("--loss", arguments.loss, "--epochs", arguments.epochs, "--device", "cpu")
        start = time.monotonic()
        status = _cmsearch(
            "train", Path(place, "set", "learn"), *TOWERS, *SIZES, *learning, "--out", model
        )
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"cmsearch train took {time.monotonic() - start:.0f} s, and "
            f"{used.ru_utime + used.ru_stime:.0f} s of a processor"
        )
        unseen = Path(place, "set", "unseen")
        status |= _cmsearch("eval", unseen, "--model", f"dual:{model}", "--device", "cpu")
    return status


def _cmsearch(*arguments: object) -> int:
    command = [sys.executable, "-m", "cmsearch", *map(str, arguments)]
    print("$ cmsearch", *arguments[:1], "…", flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
