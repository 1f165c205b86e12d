"""Mixing the channels of a recording to one, without losing what is in some of them.

A plain mean loses what one channel has and another has with its sign reversed, as a wrongly wired
microphone writes it. So where channels cancel out, those that do are left out of the mix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cmsearch.types import FloatArray

PIECE = 0.5
"""Seconds for which it is judged anew which channels are mixed."""
_FADE = 0.05
"""Seconds in which one mix becomes another: no click is heard."""
_KEPT = 0.2
"""The share of what was measured that counts on in the next piece: a short pause changes no mix."""
_CANCELLED = 0.5
"""The power of the mix, as a share of what channels without relation would give, below which some
cancel out.
"""
_AGAINST = -0.1
"""The correlation with a loud channel below which another one is left out then."""
_LEADS = 0.25
"""The share of the loudest channel's power from which on the one that led goes on to."""
_SILENT = 1e-4
"""The share of the loudest channel's power below which another one says nothing."""
_WEIGHTS = {"FL": 0.71, "FR": 0.71, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
"""Of channels in the mix: films have speech in the centre, and rumble in the bass; others 0.5."""


class Mixer:
    """Mixes sound from -1 to 1 that comes in parts `(channels, samples)`; `names` are those that
    FFmpeg gives to its channels.
    """

    def __init__(self, names: Sequence[str], rate: int) -> None:
        usual = np.array([_WEIGHTS.get(name, 0.5) for name in names], np.float32)
        self._usual = usual if usual.any() else np.ones(len(names), np.float32)
        self._size, self._fade = int(PIECE * rate), max(1, int(_FADE * rate))
        self._held = np.zeros((len(names), 0), np.float32)
        self._last = np.zeros(len(names), np.float32)
        self._powers = np.zeros((len(names), len(names)), np.float32)
        self._weights: FloatArray | None = None
        self._lead = 0

    @property
    def waiting(self) -> int:
        """How many samples have come that aren't mixed yet."""
        return self._held.shape[1]

    def __call__(self, samples: FloatArray | None) -> Iterator[FloatArray]:
        """What is mixed `(n,)` after some more samples; after None, which ends them, all."""
        if len(self._usual) == 1:
            if samples is not None:
                yield samples[0]
            return
        if samples is not None:
            self._held = np.concatenate([self._held, samples], axis=1)
        while self._held.shape[1] >= (self._size if samples is not None else 1):
            piece, self._held = self._held[:, : self._size], self._held[:, self._size :]
            yield self._mixed(piece)

    def _mixed(self, piece: FloatArray) -> FloatArray:
        self._measure(piece)
        own = np.diag(self._powers) * (self._usual > 0)
        if own[self._lead] < _LEADS * own.max():
            self._lead = int(own.argmax())
        weights = _weights(self._powers, self._usual, self._lead)
        before = weights if self._weights is None else self._weights
        self._weights = weights
        mixed: FloatArray = weights @ piece
        if not np.array_equal(before, weights):
            first = piece[:, : self._fade]
            share = np.linspace(0, 1, first.shape[1], dtype=np.float32)
            mixed[: len(share)] = (1 - share) * (before @ first) + share * mixed[: len(share)]
        return mixed

    def _measure(self, piece: FloatArray) -> None:
        """Add the piece to the channels' powers `(channels, channels)`: those of the steps from
        sample to sample, in which speech counts and the hum of the mains hardly does.
        """
        steps = np.diff(piece, axis=1, prepend=self._last[:, None])
        self._last = piece[:, -1]
        self._powers = _KEPT * self._powers + (steps @ steps.T)


def _weights(powers: FloatArray, usual: FloatArray, lead: int) -> FloatArray:
    """What each channel counts in the mix, 1 in all: those that go against the lead nothing, where
    some cancel out.
    """
    own = np.diag(powers)
    weights = np.where(own > _SILENT * own[lead], usual, 0)
    if weights[lead] and weights @ powers @ weights < _CANCELLED * (weights**2 @ own):
        against = powers[lead] < _AGAINST * np.sqrt(own * own[lead])
        weights = np.where(against, 0, weights)
    weights = weights if weights.any() else usual
    found: FloatArray = (weights / weights.sum()).astype(np.float32)
    return found
