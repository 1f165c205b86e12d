"""What a model of sentence-transformers takes, and contents in the form in which it takes them."""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmsearch.types import FloatArray, Modality

MOST_FRAMES = 32
_NAMES = {
    Modality.TEXT: "text",
    Modality.IMAGE: "image",
    Modality.SOUND: "audio",
    Modality.VIDEO: "video",
}
_RATES = range(8_000, 192_001)
_USUAL_RATE, _USUAL_SECONDS, _MOST_SECONDS = 16_000, 30.0, 60.0
_LEAST_SECONDS = 0.25
"""Shorter sounds are followed by silence: of less nothing is left after some models' windows."""
_USUAL_SIZE, _LEAST_SIZE, _MOST_SIZE = 512, 64, 1024
_MOST_PADDED = 512
_OFFSET = ("clap", "roberta")
"""Types whose positions begin after that of the padding."""
_STRIP = 100
"""Of pictures that are longer than so many times their width, most processors make nothing."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a model takes: modalities, pictures of about a size, sounds of a rate and a length."""

    modalities: tuple[Modality, ...]
    image_size: int
    rate: int
    seconds: float
    marks: tuple[str, ...]
    """The tokens that stand for media in a text; those in one that was read stand for nothing."""

    def given(self, content: Any, modality: Modality) -> dict[str, Any]:
        """A content as the library takes it.

        It is named by what it is: the library takes a text alone for the address of a picture,
        where it looks like one, and would fetch it.
        """
        if modality is Modality.TEXT:
            return {"text": self._plain(content)}
        if modality is Modality.IMAGE:
            return {"image": _within(content)}
        if modality is Modality.SOUND:
            return {"audio": {"array": _padded(content, self.rate), "sampling_rate": self.rate}}
        return {"video": _film(content)}

    def nearest(self, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What `given` gave, and then what is the nearest to it, for a library that refuses it."""
        yield given
        if "image" in given:
            yield {**given, "image": given["image"].resize((self.image_size, self.image_size))}
        frames = given["video"]["array"] if "video" in given else []
        if len(frames) == 1:  # of one picture some make no film
            yield {"video": _film([*frames, *frames])}
        while len(frames) > 1:
            frames = frames[::2]
            yield {"video": _film(frames)}

    def _plain(self, text: str) -> str:
        for mark in self.marks:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text


def form(model: Any) -> Form:
    """What a model of the library says that it takes."""
    own = {one for one in model.modalities if isinstance(one, str)}
    processor, hears = getattr(model[0], "processor", None), _hears(model)
    sees = getattr(processor, "image_processor", processor)
    rate = int(getattr(hears, "sampling_rate", 0) or _USUAL_RATE)
    longest = getattr(hears, "max_length_s", 0) or getattr(hears, "chunk_length", 0)
    names = ("image_token", "video_token", "audio_token")
    marks = (getattr(processor, name, None) for name in names)
    return Form(
        tuple(one for one, name in _NAMES.items() if name in own),
        _size(sees) if "image" in own else 0,
        (rate if rate in _RATES else _USUAL_RATE) if "audio" in own else 0,
        min(float(longest or _USUAL_SECONDS), _MOST_SECONDS) if "audio" in own else 0.0,
        tuple(mark for mark in marks if isinstance(mark, str) and len(mark) > 1),
    )


def hear_windows(model: Any) -> None:
    """Let a CLAP that fuses parts of longer sounds know that none is longer than it takes.

    Its feature extractor calls one sound of each batch so, by chance, and what it gives for that is
    nothing like what it gives for the same one otherwise. It doesn't where longer ones are cut, but
    then hears by other filters.
    """
    hears = _hears(model)
    if getattr(hears, "truncation", None) == "fusion":
        hears.truncation, hears.mel_filters_slaney = "rand_trunc", hears.mel_filters


def _hears(model: Any) -> Any:
    processor = getattr(model[0], "processor", None)
    return getattr(processor, "feature_extractor", processor)


def processing(model: Any) -> dict[str, dict[str, Any]]:
    """How processors are called: a shot's pictures were chosen already, and where padding isn't
    masked, as in SigLIP, all texts have as much as the model was trained with.
    """
    found: dict[str, dict[str, Any]] = {"video": {"do_sample_frames": False}}
    names = getattr(getattr(model, "tokenizer", None), "model_input_names", ["attention_mask"])
    most = positions(model)
    if "attention_mask" not in names and most <= _MOST_PADDED:
        found["text"] = {"padding": "max_length", "max_length": most, "truncation": True}
    return found


def positions(model: Any) -> int:
    """The tokens of the longest text that a model takes; a great number where it doesn't say."""
    config: Any = getattr(model, "config", None)
    texts: Any = config.get_text_config() if hasattr(config, "get_text_config") else config
    own = getattr(texts, "max_position_embeddings", None)
    if isinstance(own, int) and own > 0 and any(one in texts.model_type for one in _OFFSET):
        own -= (texts.pad_token_id or 0) + 1
    found = [one for one in (own, model.max_seq_length) if isinstance(one, int) and one > 0]
    return min(found, default=10**9)


def _size(processor: Any) -> int:
    """About the side of a square with as many pixels as a processor makes of a picture."""
    found = getattr(processor, "size", None) or {}
    numbers = dict(found) if isinstance(found, Mapping) else dict(getattr(found, "__dict__", {}))
    sides = [int(one) for one in numbers.values() if isinstance(one, int) and one > 0]
    patches = getattr(processor, "max_soft_tokens", None) or getattr(
        processor, "max_num_patches", None
    )
    if isinstance(patches, int) and isinstance(getattr(processor, "patch_size", None), int):
        sides.append(
            int(processor.patch_size * getattr(processor, "pooling_kernel_size", 1) * patches**0.5)
        )
    # What is called an edge is a number of pixels where it is so large.
    sides = [round(side**0.5) if side > 8 * _MOST_SIZE else side for side in sides]
    return min(max([*sides, _LEAST_SIZE]), _MOST_SIZE) if sides else _USUAL_SIZE


def _within(image: Any) -> Any:
    """A picture, or of a strip one that isn't quite as long."""
    width, height = image.size
    if max(width, height) <= _STRIP * min(width, height):
        return image
    least = -(-max(width, height) // _STRIP)
    return image.resize((max(width, least), max(height, least)))


def _padded(samples: FloatArray, rate: int) -> FloatArray:
    missing = int(_LEAST_SECONDS * rate) - len(samples)
    own = np.asarray(samples, np.float32)
    return np.pad(own, (0, missing)) if missing > 0 else own


def _film(pictures: Any) -> dict[str, Any]:
    """Pictures as a film of one a second, at most so many, evenly chosen."""
    frames: Sequence[Any] = list(pictures) if isinstance(pictures, list | tuple) else [pictures]
    if len(frames) > MOST_FRAMES:
        places = np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int)
        frames = [frames[place] for place in places]
    size = frames[0].size
    even = [_within(one if one.size == size else one.resize(size)) for one in frames]
    count = len(even)
    about = {
        "fps": 1.0,
        "total_num_frames": count,
        "frames_indices": list(range(count)),
        "duration": float(count),
    }
    return {"array": even, "video_metadata": about}
