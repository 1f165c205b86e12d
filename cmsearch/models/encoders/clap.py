"""CLAP in the form of the library transformers: text and sound in one space (arXiv 2211.06687).

Texts run through ONNX Runtime, so that searching imports neither torch nor transformers; sound
runs in torch. `clap_export` is the reference, and makes the export.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmsearch.common.text import pieces
from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.models.encoders.clap_form import Form, _form
from cmsearch.models.encoders.exports import exported, published
from cmsearch.models.encoders.towers_onnx import OnnxRuntime, Runtime, folder_name
from cmsearch.types import Capabilities, Encoding, Modality, Role, Space

if TYPE_CHECKING:
    from cmsearch.models.encoders.clap_export import ClapReference


log = logging.getLogger("cmsearch")


class ClapEncoder:
    """Text and sound in a model's joint space; vectors equal those of transformers."""

    def __init__(
        self, space: Space, texts: Runtime, form: Form, open_sounds: Callable[[], Runtime]
    ) -> None:
        """`open_sounds` is called before the first sound is encoded."""
        self.space = space
        self.capabilities = Capabilities(
            modalities=frozenset({Modality.TEXT, Modality.SOUND}),
            image_size=0,
            rate=form.rate,
            seconds=form.seconds,
            batch_size=8,
            workers=1,
            runtime="torch",
        )
        self._texts = texts
        self._open_sounds = open_sounds
        self._sounds: Runtime | None = None
        self._lock = threading.Lock()

    def split(self, text: str) -> list[str]:
        """Cut a text into pieces that the model takes whole."""
        return pieces(text, self._texts.fits)

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring one content into the model's form."""
        return self._runtime(modality).prepare(content, modality)

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Give the vectors of n prepared contents."""
        return Encoding(self._runtime(modality).encode(batch, modality)[0])

    def _runtime(self, modality: Modality) -> Runtime:
        if modality is Modality.TEXT:
            return self._texts
        if modality is not Modality.SOUND:
            raise ModelError(f"{self.space.model} takes text and sound, but no {modality}.")
        with self._lock:
            if self._sounds is None:
                self._sounds = self._open_sounds()
            return self._sounds


def load(
    model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
) -> ClapEncoder:
    """The encoder of a repository of the model hub, or of the folder of a path.

    `device` is where sound is encoded; None takes a GPU where there is one. Where a store's `space`
    was exported before, and nothing is to be fetched, the weights are read with the first sound.
    """
    if space is not None and not download:
        found = exported(folder_name(space), lambda to: _texts(model, space, to))
        if found is not None:
            opened = partial(_sounds, model, space, device)
            return ClapEncoder(space, OnnxRuntime(found.file), _form(found), opened)
    reference = _reference(model, space, download)
    sounds = _moved(reference, device)
    try:
        found = published(folder_name(reference.space), reference.export)
        texts: Runtime = OnnxRuntime(found.file)
    except ModelError as error:
        log.warning("%s It runs in torch, which is slower.", error)
        texts = sounds
    return ClapEncoder(reference.space, texts, reference.form, lambda: sounds)


def _texts(model: str, space: Space, folder: Path) -> None:
    _reference(model, space, download=False).export(folder)


def _sounds(model: str, space: Space, device: str | None) -> Runtime:
    return _moved(_reference(model, space, download=False), device)


def _reference(model: str, space: Space | None, download: bool) -> ClapReference:
    from cmsearch.models.encoders.clap_export import ClapReference

    reference = ClapReference(model, download=download)
    if space is not None and space != reference.space:
        raise StoreMismatchError(
            f"The weights of {model}, or how it is used, are not those that the sounds of the "
            "index were encoded with. Encode them again: `cmsearch index FOLDER --sound "
            f"transformers:{model}`."
        )
    return reference


def _moved(reference: ClapReference, device: str | None) -> Runtime:
    from cmsearch.models.devices import best_device
    from cmsearch.models.encoders.towers_export import TorchRuntime

    return TorchRuntime(reference, device or best_device())
