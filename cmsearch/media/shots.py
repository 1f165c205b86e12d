"""Cutting a stream of frames into shots, and choosing the pictures that stand for each.

A cut is where the half second before differs from the half second after: medians of both are
compared, so a flash is none. A fade is one if it leads from one still content to another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import FloatArray

Pixels = NDArray[np.uint8]

RATE = 10
"""Frames a second that are looked at."""
LEAST = 0.6
"""Seconds that a shot lasts at least."""
LONGEST = 20.0
"""Seconds after which a shot is cut into pieces, so that times stay useful."""
PICTURES = 4
"""Pictures of a shot at most."""
CUT, FADE = 0.2, 0.3
"""How much of 1 the contents before and after differ at least."""
AT_ONCE = 0.45
"""The share of the change from before a cut to after it that lies between its two frames."""
STANDS_OUT = 2.5
"""How many times the usual change from frame to frame around it that is."""
OTHER = 0.18
"""From how much difference on a picture shows something else of the shot."""

_NEAR, _FAR = 5, 10  # samples: of one side of a cut, and from the middle of a fade to its ends
_AROUND = _FAR + _NEAR
_HELD = 2 * _NEAR  # samples that a frame is seen at most, however long it stands
_EDGE = 2  # samples beside a cut that stand for nothing: they may be mixed
_BINS = 6  # of each colour
_SPLIT = 3 * _BINS
_SMALL, _CELLS = (36, 64), (9, 16)  # rows and columns of what is looked at, and of the layout
_BLANK = 6.0  # grey levels of deviation below which nothing is seen


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a film at a time in seconds; `read` gives it as RGB `(height, width, 3)`."""

    time: float
    read: Callable[[], Pixels]


@dataclass(slots=True)
class Shot:
    """What is seen from `start` to `end`, in seconds, and the pictures that stand for it."""

    start: float
    end: float
    pictures: list[Pixels] = field(default_factory=list)


@dataclass(slots=True)
class _Sample:
    time: float
    pixels: Pixels
    look: FloatArray
    sharpness: float
    is_blank: bool
    step: float = 0.0
    change: float = 0.0
    fading: float = 0.0


def shots(frames: Iterable[Frame], end: Callable[[], float | None]) -> Iterator[Shot]:
    """The shots of frames in the order of their times, one after the other.

    Shots in which nothing is seen, such as black ones, are left out. Few frames are held at a time.
    `end` gives, after the last frame, when that one ends.
    """
    collected = _Collected()
    last = 0.0
    for sample, is_cut in _cut(_sampled(frames, end)):
        if is_cut:
            yield from collected.closed(sample.time)
        yield from collected.add(sample)
        last = sample.time
    yield from collected.closed(max(last, end() or 0.0))


def first_at(found: Iterator[Frame], seconds: float) -> Frame | None:
    """The frame that is shown at a time; of frames that end before it the last one."""
    shown = None
    for frame in found:
        if shown is not None and frame.time > seconds:
            return shown
        shown = frame
    return shown


def thinned(found: Iterable[Shot], most: int, room: int) -> list[Shot]:
    """The shots with at most `most` pictures in all, in at most `room` bytes.

    Where there are more, first each shot keeps fewer; then neighbours become one.
    """
    kept: list[Shot] = []
    each = PICTURES
    for shot in found:
        kept.append(Shot(shot.start, shot.end, shot.pictures[:each]))
        while len(kept) > 1 and _is_too_much(kept, most, room):
            if each > 1:
                each -= 1
                for one in kept:
                    del one.pictures[each:]
            else:
                kept = _paired(kept)
    return kept


def _is_too_much(found: Sequence[Shot], most: int, room: int) -> bool:
    pictures = [picture for shot in found for picture in shot.pictures]
    return len(pictures) > most or sum(picture.nbytes for picture in pictures) > room


def _paired(found: Sequence[Shot]) -> list[Shot]:
    """Every second shot joined to the one before it; the longer one's picture stands for both."""
    joined = []
    for place in range(0, len(found), 2):
        pair = found[place : place + 2]
        longer = max(pair, key=lambda shot: shot.end - shot.start)
        joined.append(Shot(pair[0].start, pair[-1].end, longer.pictures))
    return joined


def _sampled(frames: Iterable[Frame], end: Callable[[], float | None]) -> Iterator[_Sample]:
    """Frames at `RATE`; one that stands for longer is seen several times, as it would be then."""
    waiting: _Sample | None = None
    for frame in frames:
        if waiting is not None:
            if frame.time < waiting.time + 0.75 / RATE:
                continue
            yield from _held(waiting, frame.time)
        waiting = _sample(frame)
    if waiting is not None:
        yield from _held(waiting, end() or 0.0)


def _held(sample: _Sample, until: float) -> Iterator[_Sample]:
    yield sample
    for number in range(1, _HELD):
        time = sample.time + number / RATE
        if time > until - 0.75 / RATE:
            return
        look, pixels = sample.look, sample.pixels
        yield _Sample(time, pixels, look, sample.sharpness, sample.is_blank)


def _sample(frame: Frame) -> _Sample:
    pixels = frame.read()
    small = _blocks(pixels, _SMALL)
    grey = small.mean(-1)
    changes = (np.abs(np.diff(grey, axis=axis)) for axis in (0, 1))
    steps = sum(float(one.mean()) for one in changes if one.size)
    deviation = float(grey.std())
    is_blank = deviation < _BLANK and float(np.ptp(small.mean((0, 1)))) < _BLANK
    return _Sample(frame.time, pixels, _look(small), steps, is_blank)


def _blocks(values: FloatArray | Pixels, cells: tuple[int, int]) -> FloatArray:
    """The means over blocks of a picture, so many in its height and width at most."""
    height, width = values.shape[:2]
    rows = np.linspace(0, height, min(height, cells[0]) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(width, cells[1]) + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float32), rows, 0), columns, 1)
    counts = np.diff([*rows, height])[:, None] * np.diff([*columns, width])
    means: FloatArray = sums / counts[..., None]
    return means


def _look(small: FloatArray) -> FloatArray:
    """The colours of a picture, then their layout."""
    places = small.reshape(-1, 3) / 256 * (_BINS - 1)
    low = np.floor(places).astype(np.int64)
    above = places - low  # shared between two bins, so that light may change slowly
    codes = low + np.arange(3) * _BINS
    colours = np.bincount(codes.ravel(), (1 - above).ravel(), minlength=3 * _BINS + 1)
    colours[1:] += np.bincount(codes.ravel(), above.ravel(), minlength=3 * _BINS + 1)[:-1]
    layout = _blocks(small, _CELLS).ravel() / 255
    return np.concatenate([colours[:_SPLIT] / len(places), layout]).astype(np.float32)


def difference(one: FloatArray, other: FloatArray) -> float:
    """How much two looks differ, from 0 to 1: half by their colours, half by where these are."""
    colours = float(np.abs(one[:_SPLIT] - other[:_SPLIT]).sum()) / 6
    layout = min(1.0, 3 * float(np.abs(one[_SPLIT:] - other[_SPLIT:]).mean()))
    return (colours + layout) / 2


def _cut(samples: Iterable[_Sample]) -> Iterator[tuple[_Sample, bool]]:
    """Each sample, and whether a shot begins with it; as soon as that can be known."""
    seen: deque[_Sample] = deque()
    measured = place = since = 0  # how many are measured; given; given since the last cut
    for sample in chain(samples, (None,)):
        if sample is not None:
            seen.append(sample)
        is_end = sample is None
        for one in range(measured, len(seen) if is_end else len(seen) - _FAR):
            _measure(seen, one)
            measured = one + 1
        while place < (measured if is_end else measured - _AROUND):
            is_long = since >= LEAST * RATE and len(seen) - place >= LEAST * RATE
            is_cut = is_long and (_stands_out(seen, place) or _fades(seen, place))
            yield seen[place], is_cut
            since = 1 if is_cut else since + 1
            place += 1
            if place > _AROUND:
                seen.popleft()
                place, measured = place - 1, measured - 1


def _measure(seen: Sequence[_Sample], place: int) -> None:
    """Note how much changes at a place: at once, around it, and from well before to well after."""
    if place < 1:
        return
    seen[place].step = difference(seen[place - 1].look, seen[place].look)
    before, after = _middle(seen, place - _NEAR, place), _middle(seen, place, place + _NEAR)
    seen[place].change = difference(before, after)
    first, last = place - _FAR, place + _FAR - 1
    if first < 0 or last >= len(seen):
        return
    before, after = _middle(seen, first, first + _NEAR), _middle(seen, last - _NEAR + 1, last + 1)
    whole = difference(before, after)
    moving = max(
        difference(seen[first].look, seen[first + _NEAR - 1].look),
        difference(seen[last - _NEAR + 1].look, seen[last].look),
    )
    seen[place].fading = whole if moving < min(0.3 * whole, OTHER) else 0.0


def _middle(seen: Sequence[_Sample], start: int, end: int) -> FloatArray:
    """The median of what samples look like."""
    looks = [seen[place].look for place in range(max(0, start), min(len(seen), end))]
    found: FloatArray = np.median(looks, axis=0)
    return found


def _stands_out(seen: Sequence[_Sample], place: int) -> bool:
    """Whether the content changes at once: most of it here, by far more than around it."""
    own, step = seen[place].change, seen[place].step
    if own < CUT or step < AT_ONCE * own:
        return False
    around = range(max(1, place - _NEAR), min(len(seen), place + _NEAR + 1))
    if any((seen[one].step, -one) > (step, -place) for one in around):
        return False
    far = range(max(1, place - _AROUND), min(len(seen), place + _AROUND))
    usual = [seen[one].step for one in far if one != place]
    return not usual or step >= STANDS_OUT * float(np.median(usual))


def _fades(seen: Sequence[_Sample], place: int) -> bool:
    """Whether one still content slowly becomes another: most around here, without a cut."""
    own = seen[place].fading
    if own < FADE:
        return False
    around = range(max(1, place - _NEAR), min(len(seen), place + _NEAR + 1))
    if any(_stands_out(seen, one) for one in around):
        return False
    best = max(seen[one].fading for one in around)
    alike = [one for one in around if seen[one].fading >= 0.95 * best]
    return own >= 0.95 * best and alike[len(alike) // 2] == place


class _Collected:
    """The samples of the shot that is going on, as far as they may stand for it."""

    def __init__(self) -> None:
        self._last: Shot | None = None
        self._kept: list[_Sample] = []
        self._edge: deque[_Sample] = deque(maxlen=_EDGE + 1)
        self._start: float | None = None
        self._count = 0

    def add(self, sample: _Sample) -> Iterator[Shot]:
        """Take a sample more; gives the pieces of the shot that are settled by now."""
        if self._start is None:
            self._start, self._count = sample.time, 0
        elif sample.time - self._start >= LONGEST:
            yield from self._settled()
            self._last = self._piece(sample.time)
            self._start, self._count = sample.time, _EDGE
        self._count += 1
        self._edge.append(sample)
        # What is near the end of a shot is known to be when the end comes: too late to be chosen.
        if len(self._edge) > _EDGE and self._count > 2 * _EDGE:
            self._choose(self._edge[0])

    def closed(self, end: float) -> Iterator[Shot]:
        """What is left of the shot, which ends now; the next sample begins another."""
        if self._start is None:
            return
        is_rest = self._last is not None and end - self._start < LONGEST / 4
        rest = self._piece(end)
        if is_rest and self._last is not None:
            self._last.end = end
        yield from self._settled()
        if not is_rest and rest.pictures:
            yield rest
        self._start = None
        self._edge.clear()

    def _settled(self) -> Iterator[Shot]:
        """The piece before this one, if anything is seen in it."""
        if self._last is not None and self._last.pictures:
            yield self._last
        self._last = None

    def _piece(self, end: float) -> Shot:
        assert self._start is not None, "a piece that ends has begun"
        if not self._kept:
            for sample in self._edge:
                self._choose(sample)
        pictures, self._kept = [sample.pixels for sample in self._kept], []
        return Shot(self._start, end, pictures)

    def _choose(self, sample: _Sample) -> None:
        """Keep a sample that shows something else, or the same more clearly."""
        if sample.is_blank:
            return
        near = [difference(sample.look, one.look) for one in self._kept]
        if not near or (min(near) >= OTHER and len(self._kept) < PICTURES):
            self._kept.append(sample)
            return
        place = near.index(min(near))
        is_same = near[place] < OTHER / 2
        if is_same and sample.sharpness > 1.1 * self._kept[place].sharpness:
            self._kept[place] = sample
