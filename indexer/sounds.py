"""Sound that isn't speech while a folder is indexed: its model, and its windows as vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from cmsearch.common import locators
from cmsearch.common.kinds import HEARD
from cmsearch.errors import MediaError, ModelError
from cmsearch.media import audio
from cmsearch.media.audio import listening
from cmsearch.media.readers import names
from cmsearch.models.encoders.adapted import Adapted
from cmsearch.models.encodings import checked
from cmsearch.models.loading import load_encoder
from cmsearch.models.names import sound_name
from cmsearch.models.spaces import model_name
from cmsearch.protocols import Encoder
from cmsearch.search.query import background_captions
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, Modality, Role, Window
from indexer.prepare import inputs
from indexer.scan import Found
from indexer.speech import is_heard

NONE = "none"
"""In place of a model's name: sound that isn't speech is passed over."""
OWN = "model"
"""In place of a model's name: the index's own model hears."""
SECONDS = 10.0
"""The length of a window, unless the model takes less."""
LEAST = 1.0
"""Seconds of a last window, below which it is left out, unless there is no other."""
SILENT = 2.0 / 32768
"""The loudest sample of what counts as silence: less than two steps of 16 bits."""
HEARD_SHARE = 0.005
"""The samples of a window that have to be louder: what begins after it rings into its end."""


class Sounds:
    """The model of the sounds of a folder, loaded when it is needed.

    `asked` is a name as `--sound` takes it, or None for the one that the store has, or else the
    index's own model where that takes sound. Raises `UnknownModelError` for a name that can't be
    one.
    """

    def __init__(self, asked: str | None, device: str | None) -> None:
        self._asked = asked if asked in (None, NONE, OWN) else sound_name(str(asked))
        self._device = device
        self._loaded: Encoder | None = None

    @property
    def is_own(self) -> bool:
        """Whether the index's own model is asked for by that."""
        return self._asked == OWN

    def settle(self, store: Store | None, own: Encoder | None = None) -> None:
        """Let the store have the model that was asked for, or else its `own`, if that takes sound.

        With another model, or none, the sounds of the former one are deleted; recordings and films
        are read again by this run. Where there is no store yet, the model is only loaded, so that
        a mistake leaves none behind. Raises `ModelError`.
        """
        if self._asked in (None, OWN):
            encoder = self._hearing(store, own)
            if encoder is None:
                return
        else:
            encoder = None if self._asked == NONE else self._load(str(self._asked))
        if store is None:
            return
        known, is_passed = store.catalog.sound_space(), store.catalog.passes_sound()
        is_same = (known and known[1]) == (encoder and encoder.space)
        if is_same and is_passed == (self._asked == NONE):
            return
        captions = None if encoder is None else background_captions.encoded(encoder)
        snapshot = store.snapshot()
        with store.catalog.writing() as writer:
            writer.drop_sounds(snapshot)
            writer.pass_sound(is_passed=self._asked == NONE)
            if encoder is not None and captions is not None:
                writer.put_sound_space(encoder.space, encoder.capabilities.runtime, captions)
                writer.read_sounds()

    def _hearing(self, store: Store | None, own: Encoder | None) -> Encoder | None:
        """The index's own model, if it is to hear; None if it isn't, or isn't loaded.

        It does where nothing else was ever asked for, and in place of a former one that did.
        """
        hears = own is not None and Modality.SOUND in own.capabilities.modalities
        if self._asked == OWN and own is not None:
            return _checked(own, model_name(own.space))
        if store is None or not hears or isinstance(own, Adapted) or store.catalog.passes_sound():
            return None
        known = store.catalog.sound_space()
        served = {one.space_id for one in store.catalog.generations()}
        return own if known is None or known[0] in served else None

    def outdated(self, catalog: Catalog) -> frozenset[str]:
        """The kinds of files that `settle` lets be read again, before it is done, as far as names
        tell.
        """
        known = catalog.sound_space()
        if self._asked in (None, NONE, OWN) or (known and model_name(known[1])) == self._asked:
            return frozenset()
        return frozenset(names(*HEARD))

    def listener(
        self,
        catalog: Catalog,
        files: Iterable[Found],
        note: Callable[[str], object],
        own: Encoder | None = None,
    ) -> Callable[[Path, str], Iterable[Window]] | None:
        """What a `Loader` takes for what files sound like; None where that is passed over, or none
        of them sounds. It may be the index's `own` model. Raises `ModelError`.
        """
        found = catalog.sound_space()
        if found is None or not is_heard({file.kind for file in files}):
            return None
        space = found[1]
        encoder = own if own is not None and own.space == space else self._loaded
        if encoder is None or encoder.space != space:
            name = model_name(space)
            encoder = load_encoder(name, device=self._device, space=space, download=True)
            self._loaded = _checked(encoder, name)
        return lambda path, digest: heard(path, encoder=encoder, note=note)

    def _load(self, name: str) -> Encoder:
        if self._loaded is None:
            encoder = load_encoder(name, device=self._device, download=True)
            self._loaded = _checked(encoder, name)
        return self._loaded


def heard(path: Path, *, encoder: Encoder, note: Callable[[str], object]) -> Iterator[Window]:
    """What a recording or film sounds like; nothing of a film without sound.

    Raises `MediaError`, at the end for a damaged one.
    """
    form = encoder.capabilities
    with listening(path, form.rate) as sound:
        if sound is None:
            return
        cut = windows(sound.blocks, form.rate, min(form.seconds, SECONDS))
        for batch in _batched(cut, form.batch_size):
            note(f"{path.name} sound at {locators.clock(batch[0][0])}")
            pieces = inputs(encoder, (samples for _, samples in batch), Modality.SOUND)
            encoding = encoder.encode(pieces, Modality.SOUND, Role.DOCUMENT)
            vectors = checked(encoder, encoding, len(batch)).vectors
            for (start, samples), vector in zip(batch, vectors, strict=True):
                yield Window(start, start + len(samples) / form.rate, vector)


def windows(
    blocks: Iterable[FloatArray], rate: int, seconds: float
) -> Iterator[tuple[float, FloatArray]]:
    """Sound in windows of so many seconds, with the second at which each begins; the last may be
    shorter. Silence is left out. What `blocks` raises is raised after the last window.
    """
    size = int(rate * seconds)
    for start, samples in audio.windows(blocks, size, len):
        is_short = len(samples) < min(size, LEAST * rate)
        if (start == 0 or not is_short) and _is_heard(samples):
            yield start / rate, samples


def _is_heard(samples: FloatArray) -> bool:
    return int((np.abs(samples) > SILENT).sum()) > HEARD_SHARE * len(samples)


def _batched(
    found: Iterator[tuple[float, FloatArray]], size: int
) -> Iterator[list[tuple[float, FloatArray]]]:
    """In lists of `size`; what `found` raises is raised after the last one."""
    while True:
        batch: list[tuple[float, FloatArray]] = []
        error: MediaError | None = None
        try:
            for one in islice(found, size):
                batch.append(one)
        except MediaError as raised:
            error = raised
        if batch:
            yield batch
        if error is not None:
            raise error
        if len(batch) < size:
            return


def _checked(encoder: Encoder, name: str) -> Encoder:
    """The encoder, if it takes text and sound."""
    if not {Modality.TEXT, Modality.SOUND} <= encoder.capabilities.modalities:
        raise ModelError(
            f"{name} takes no sound. Name a CLAP model, as --sound transformers:ORG/NAME or the "
            "path of its folder; `model` is for an index whose own model hears."
        )
    return encoder
