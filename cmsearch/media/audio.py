"""Decoding recordings, and the sound of films, as a stream; what is said in them as parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.common import locators
from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError
from cmsearch.media.container_notes import noted_in
from cmsearch.media.containers import (
    MAX_BYTES,
    beginning,
    longest_gap,
    opened,
    packets,
    sound_stream,
)
from cmsearch.media.notes import noted_parts
from cmsearch.media.wholeness import MAX_SECONDS, Damage, claimed, extent
from cmsearch.types import FloatArray, Modality, Noted, Part, Reading, Skipped

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

    from cmsearch.media.mixing import Mixer

RATE = 16_000
"""Samples a second, unless another rate is asked for."""
BLOCK_SECONDS = 10
MAX_CHANNELS = 64
RATES = range(1000, 1_000_001)
_GAP = 0.5
"""Seconds without samples that become silence, so that times stay those of the file."""
_MAX_BACK = 1.0
"""Seconds by which sound may begin before what was heard before it has ended."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound that is being decoded: `blocks` of about ten seconds `(samples,)`, mono, from -1 to 1;
    and how many seconds the file claims to last, if it does.

    After the last block that could be decoded `blocks` raises `MediaError`, where the file is
    damaged or cut short.
    """

    blocks: Iterator[FloatArray]
    seconds: float | None


class AudioReader:
    """Reads WAV, MP3, M4A and AAC, FLAC, Ogg and Opus, AIFF, WMA, AMR and others: what is said in
    them, as transcripts, and what they sound like.
    """

    suffixes = frozenset(
        {
            *(".3ga", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".au", ".awb", ".caf"),
            *(".flac", ".m4a", ".m4b", ".m4r", ".mka", ".mp2", ".mp3", ".oga", ".ogg", ".opus"),
            *(".w64", ".wav", ".weba", ".wma", ".wv"),
        }
    )

    max_bytes = MAX_BYTES
    kind = FileKind.RECORDING

    @property
    def missing(self) -> str | None:
        """The extra that it needs and that is missing; None if it can read."""
        is_there = find_spec("av") and find_spec("faster_whisper")
        return None if is_there else "audio"

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give what is written in a recording, what is said and what sounds in it."""
        with opened(path) as container:
            stream = sound_stream(container)
            if stream is None:
                raise MediaError("there is no sound in it")
            _check(stream)
            capture, own = noted_in(container, path)
        yield from noted_parts(own, path, capture)
        for part in heard(path, wanted):
            yield replace(part, capture=capture) if isinstance(part, Part) else part


def heard(path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
    """What is said in a recording or film, and what it sounds like, as far as wanted, as parts.

    Where the file turns out to be damaged after something was heard, that is kept, and the damage
    noted at its place. Raises `MediaError` where nothing was.
    """
    end: float | None = None
    errors: list[MediaError] = []
    for parts in (_said(path, wanted), _sounds(path, wanted)):
        try:
            for part, until in parts:
                end = max(until, end or 0.0)
                yield part
        except MediaError as error:
            errors.append(error)
    if errors and end is None:
        raise errors[0]
    if errors and end is not None:
        yield Skipped(path.name, str(errors[0]), locators.times(end, end))


def _said(path: Path, wanted: Reading) -> Iterator[tuple[Part, float]]:
    """What is said, each with its end."""
    for one in wanted.speech(path) if wanted.speech else ():
        place = locators.times(one.start, one.end)
        yield Part(Modality.SPEECH, "transcript", one.text, locator=place), one.end


def _sounds(path: Path, wanted: Reading) -> Iterator[tuple[Part, float]]:
    """What it sounds like, each with its end."""
    for one in wanted.sounds(path) if wanted.sounds else ():
        place = locators.times(one.start, one.end)
        yield Part(Modality.SOUND, "sound", one.vector, locator=place), one.end


@contextmanager
def listening(source: Path | bytes, rate: int = RATE) -> Iterator[Sound | None]:
    """The sound of a file, or of bytes, at a `rate` of samples; None of a film without any.

    Raises `MediaError`.
    """
    with opened(source) as container:
        stream = sound_stream(container)
        if stream is None:
            yield None
            return
        _check(stream)
        damage = Damage(claimed(container, stream, source))
        yield Sound(_blocks(container, stream, rate, damage), extent(container, stream))


def windows(
    blocks: Iterable[FloatArray], size: int, end: Callable[[FloatArray], int]
) -> Iterator[tuple[int, FloatArray]]:
    """Sound in windows, each with the number of its first sample: of every `size` samples those up
    to what `end` gives of them, and at last the rest.

    What `blocks` raises is raised after the last window.
    """
    import numpy as np

    held, count, start = list[FloatArray](), 0, 0
    error: MediaError | None = None
    blocks = iter(blocks)
    while error is None:
        try:
            held.append(next(blocks))
            count += len(held[-1])
        except StopIteration:
            break
        except MediaError as found:
            error = found
        if count < size:
            continue
        sound = np.concatenate(held)
        while len(sound) >= size:
            cut = end(sound[:size])
            yield start, sound[:cut]
            sound, start = sound[cut:], start + cut
        held, count = [sound], len(sound)
    if count:
        yield start, np.concatenate(held)
    if error is not None:
        raise error


def _check(stream: AudioStream) -> None:
    context = stream.codec_context
    if context is None:
        raise MediaError("its sound is in a form that can't be decoded")
    if context.channels > MAX_CHANNELS:
        raise MediaError(f"{context.channels:,} channels are too many")
    if context.sample_rate not in RATES:
        raise MediaError(f"{context.sample_rate:,} samples a second can't be read")


def _blocks(
    container: InputContainer, stream: AudioStream, rate: int, damage: Damage
) -> Iterator[FloatArray]:
    """The samples in blocks; at the end `MediaError` where something is wrong with the file."""
    import numpy as np

    waiting: list[FloatArray] = []
    count = total = 0
    for samples in _samples(container, stream, damage, rate):
        waiting.append(samples)
        count += len(samples)
        total += len(samples)
        if count >= BLOCK_SECONDS * rate:
            yield np.concatenate(waiting)
            waiting, count = [], 0
        if total >= MAX_SECONDS * rate:
            break
    if waiting:
        yield np.concatenate(waiting)
    damage.tell(total / rate)


def _samples(
    container: InputContainer, stream: AudioStream, damage: Damage, rate: int
) -> Iterator[FloatArray]:
    """The samples of a stream as they are decoded, mono, with silence in its gaps."""
    begin, most = beginning(container), longest_gap(container)
    resampler = _Resampler(rate)
    total = 0
    for frame in chain(_frames(container, stream, damage), (None,)):
        if frame is not None and frame.time is not None:
            gap = frame.time - begin - (total + resampler.waiting) / rate
            if not -_MAX_BACK <= gap <= most:  # joined recordings begin their time lines anew
                begin, gap = begin + gap, 0.0
            is_gap = gap > _GAP
            for samples in chain(resampler(None), _silence(gap, rate)) if is_gap else ():
                total += len(samples)
                yield samples
        for samples in resampler(frame):
            total += len(samples)
            yield samples


def _silence(seconds: float, rate: int) -> Iterator[FloatArray]:
    import numpy as np

    left = int(seconds * rate)
    while left > 0:
        yield np.zeros(min(left, BLOCK_SECONDS * rate), np.float32)
        left -= BLOCK_SECONDS * rate


def _frames(
    container: InputContainer, stream: AudioStream, damage: Damage
) -> Iterator[av.AudioFrame]:
    """The frames of a stream; packets that can't be decoded are noted and passed over."""
    import av

    packet: Packet[AudioStream]
    for packet in packets(container, damage.add, stream):
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            damage.add(error)


class _Resampler:
    """Brings frames to mono and a rate, though their form may change within a stream."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._form: tuple[Any, ...] | None = None
        self._resampler: av.AudioResampler | None = None
        self._mixer: Mixer | None = None

    @property
    def waiting(self) -> int:
        """How many samples have been taken that aren't given yet."""
        return self._mixer.waiting if self._mixer is not None else 0

    def __call__(self, frame: av.AudioFrame | None) -> Iterator[FloatArray]:
        """The samples that are ready after one more frame; after None, which ends them, all."""
        form = None
        if frame is not None:
            names = tuple(channel.name for channel in frame.layout.channels)
            form = (frame.format.name, names, frame.sample_rate)
        if form != self._form:
            yield from self._resampled(None)
            self._form = form
            self._begin(frame)
        if frame is not None:
            frame.pts = None  # gaps are filled here
            yield from self._resampled(frame)

    def _begin(self, frame: av.AudioFrame | None) -> None:
        """Be ready for frames of the form of this one."""
        import av

        from cmsearch.media.mixing import Mixer

        self._resampler = self._mixer = None
        if frame is not None:
            # Not planar: PyAV reads planes after the eighth from nowhere.
            self._resampler = av.AudioResampler("flt", frame.layout, self._rate)
            self._mixer = Mixer([one.name for one in frame.layout.channels], self._rate)

    def _resampled(self, frame: av.AudioFrame | None) -> Iterator[FloatArray]:
        if self._resampler is None or self._mixer is None:
            return
        import numpy as np

        for one in self._resampler.resample(frame):
            samples = one.to_ndarray().reshape(-1, one.layout.nb_channels).T
            yield from self._mixer(np.nan_to_num(samples, posinf=1.0, neginf=-1.0).clip(-1, 1))
        if frame is None:
            yield from self._mixer(None)
