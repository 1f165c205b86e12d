"""Make the recordings and the film of the sample data: python scripts/sample_media.py [FOLDER]

They are made of the sample's own captions and photographs: spoken by piper, which is not the same
to the bit each time, and rendered by PyAV. Needs `scripts/install all`.
"""

from __future__ import annotations

import io
import json
import sys
import wave
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray
from PIL import Image

from cmsearch.show.text_to_speech import synthesize

SAMPLE = Path(__file__).parents[1] / "sample_data"
RECORDINGS = {
    "garden.ogg": ("photos/dahlia.jpg", "photos/honey_bee.jpg", "photos/dandelions.jpg"),
    "night.mp3": ("photos/suspension_bridge.jpg",),
}
"""By the name of each recording the photographs whose first captions are read in it."""
QUERY = ("query.mp3", "Show me photos of a rocket before the launch.")
FILM = "journey.mp4"
SHOTS = {
    "photos/rocky_peaks.jpg": "A path leads up into the mountains.",
    "photos/forest_stream.jpg": "A stream runs through the forest.",
    "photos/pagoda.jpg": "An old tower stands above a lake.",
    "photos/hilltop_sunset.jpg": "The sun goes down behind the hills.",
}
"""The photographs of the film, each with what is said meanwhile."""
SIZE = (480, 320)
FRAMES = 12  # a second
ZOOM = 1.12  # how much nearer a shot ends than it begins
PAUSE = 0.5  # seconds
CODECS = {".ogg": ("libopus", 20_000), ".mp3": ("libmp3lame", 32_000), ".mp4": ("aac", 32_000)}
"""By suffix the codec of the sound and its bits a second."""
Samples = NDArray[np.int16]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE / "media"
    folder.mkdir(exist_ok=True)
    said = captions()
    for name, pictures in RECORDINGS.items():
        record(folder / name, [said[picture] for picture in pictures])
    record(folder / QUERY[0], [QUERY[1]])
    film(folder / FILM)
    for path in sorted(folder.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def captions() -> dict[str, str]:
    """The first caption of each photograph."""
    lines = (SAMPLE / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    found = {pair["image"]: pair["caption"] for pair in reversed([json.loads(x) for x in lines])}
    for sidecar in (SAMPLE / "photos").glob("*.txt"):
        found[f"photos/{sidecar.stem}.jpg"] = sidecar.read_text(encoding="utf-8").splitlines()[0]
    return found


def record(path: Path, texts: Sequence[str]) -> None:
    """Sentences with a pause after each."""
    spoken = [samples(text) for text in texts]
    rate = spoken[0][1]
    silence = np.zeros(int(PAUSE * rate), np.int16)
    whole = np.concatenate([part for one, _ in spoken for part in (one, silence)])
    with av.open(str(path), "w") as container:
        write(container, sound(container, path.suffix, rate), [frame_of(whole, rate)])


def samples(text: str) -> tuple[Samples, int]:
    """A spoken text, and how many samples a second it has."""
    with wave.open(io.BytesIO(synthesize(text, engine="piper"))) as reader:
        data = reader.readframes(reader.getnframes())
        return np.frombuffer(data, np.int16), reader.getframerate()


def sound(container: OutputContainer, suffix: str, rate: int) -> Any:
    """A stream of sound for a file with such a name."""
    codec, bits = CODECS[suffix]
    stream: Any = container.add_stream(codec, rate=48_000 if codec == "libopus" else rate)
    stream.bit_rate, stream.layout = bits, "mono"
    return stream


def frame_of(audio: Samples, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    return frame


def write(container: OutputContainer, stream: Any, frames: Iterable[Any]) -> None:
    for frame in (*frames, None):
        for packet in stream.encode(frame):
            container.mux(packet)


def film(path: Path) -> None:
    """One shot after the other, each as long as what is said in it."""
    parts, pictures = [], []
    rate = 0
    for photo, text in SHOTS.items():
        said, rate = samples(text)
        frames = int((len(said) / rate + PAUSE) * FRAMES) + 1
        parts.append(np.pad(said, (0, frames * rate // FRAMES - len(said))))
        pictures += shot(SAMPLE / photo, frames)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        seen: Any = container.add_stream("libx264", rate=FRAMES, options={"crf": "27"})
        seen.width, seen.height, seen.pix_fmt = *SIZE, "yuv420p"
        heard = sound(container, path.suffix, rate)
        write(container, seen, map(av.VideoFrame.from_image, pictures))
        write(container, heard, [frame_of(np.concatenate(parts), rate)])


def shot(path: Path, frames: int) -> Iterator[Image.Image]:
    """A photograph, slowly coming nearer."""
    with Image.open(path) as photo:
        picture = photo.convert("RGB")
    width, height = picture.size
    scale = min(width / SIZE[0], height / SIZE[1])
    for number in range(frames):
        near = scale / (1 + (ZOOM - 1) * number / frames)
        across, down = near * SIZE[0] / 2, near * SIZE[1] / 2
        box = (width / 2 - across, height / 2 - down, width / 2 + across, height / 2 + down)
        yield picture.resize(SIZE, Image.Resampling.BICUBIC, box)


if __name__ == "__main__":
    main()
