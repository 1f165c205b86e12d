"""Listening to the microphone until the speaker is silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from cmsearch.errors import CmsearchError, QueryError
from cmsearch.types import FloatArray

RATE = 16_000
"""Samples a second."""
BLOCK = 0.1
"""Seconds of a block of samples."""
LONGEST = 60.0
"""Seconds after which listening ends in any case."""
PATIENCE = 10.0
"""Seconds in which somebody has to begin to speak."""
SILENCE = 1.2
"""Seconds of silence after which a query is over."""
_LOUDER = 3.0  # times the level of the room, and it is a voice
_QUIETEST = 0.004  # of full scale: what is below is nobody's voice
_EXTRA = "pip install 'cmsearch[mic]' brings sounddevice"
_INSTEAD = "Or record it with another program, and give --voice FILE."


def listen(blocks: Iterable[FloatArray], seconds: float | None = None) -> FloatArray:
    """What is said, `(samples,)`: for so many seconds, or until a silence after a voice.

    `blocks` last `BLOCK` seconds each. A block is a voice if it is several times as loud as the
    quietest one so far. Raises `QueryError` if nobody begins to speak.
    """
    heard: list[FloatArray] = []
    levels: list[float] = []
    last_voice: int | None = None
    for number, block in enumerate(blocks):
        heard.append(block)
        levels.append(float(np.sqrt(np.mean(block**2))))
        if levels[-1] > max(_QUIETEST, _LOUDER * min(levels)):
            last_voice = number
        elapsed = (number + 1) * BLOCK
        if elapsed >= (seconds or LONGEST):
            break
        if seconds is None and _is_over(elapsed, last_voice):
            break
    if seconds is None and last_voice is None:
        raise QueryError(
            "Nobody was heard. See that the microphone is on, or name how long to listen: --mic 5."
        )
    return np.concatenate(heard) if heard else np.zeros(0, np.float32)


def _is_over(elapsed: float, last_voice: int | None) -> bool:
    if last_voice is None:
        return elapsed >= PATIENCE
    return elapsed - (last_voice + 1) * BLOCK >= SILENCE


@contextmanager
def microphone() -> Iterator[Iterator[FloatArray]]:
    """The blocks `(samples,)` of the system's microphone; raises `CmsearchError` without one."""
    try:
        import sounddevice
    except ImportError as error:
        raise CmsearchError(f"Nothing here listens: {_EXTRA}. {_INSTEAD}") from error
    except OSError as error:  # it loads a library of the system
        raise CmsearchError(
            f"sounddevice can't listen ({error}). Install PortAudio (the package libportaudio2). "
            f"{_INSTEAD}"
        ) from error
    try:
        with sounddevice.InputStream(RATE, channels=1, dtype="float32") as stream:
            yield _blocks(stream)
    except sounddevice.PortAudioError as error:
        raise CmsearchError(f"The microphone can't be used: {error}. {_INSTEAD}") from error


def _blocks(stream: object) -> Iterator[FloatArray]:
    while True:
        block, _ = stream.read(int(RATE * BLOCK))  # type: ignore[attr-defined]
        yield np.asarray(block, np.float32).reshape(-1)
