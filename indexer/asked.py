"""The model that a run of the indexer is for: as it was asked for, as the store has it, loaded."""

# Tested by tests/unit/indexer/test_precision.py

from __future__ import annotations

from dataclasses import dataclass

from cmsearch.errors import ModelError, StoreMismatchError
from cmsearch.models.loading import load_encoder
from cmsearch.models.names import ADAPTED
from cmsearch.models.precision import AUTO
from cmsearch.protocols import Encoder
from cmsearch.search.own_models import load_own
from cmsearch.store.generations import generation_of
from cmsearch.store.store import Store
from cmsearch.types import Generation, Modality


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said of the model: its name, the device that it runs on, and its precision."""

    model: str | None
    device: str | None
    precision: str | None

    @property
    def is_named(self) -> bool:
        """Whether a model or a precision was asked for by name."""
        return self.model not in (None, AUTO) or self.precision not in (None, AUTO)

    def generation(self, store: Store, name: str) -> Generation | None:
        """The generation of a model in the precision that was asked for: the one that is served, if
        it is of it, else the newest.
        """
        return generation_of(store, name, None if self.precision == AUTO else self.precision)

    def load(self, name: str, store: Store | None, known: Generation | None) -> Encoder:
        """The model, as the store knows it by a generation; raises `ModelError`.

        One that was asked for by name may have other weights by now: that is a new generation.
        """
        asked = name if self.model in (None, AUTO) else str(self.model)
        try:
            if store and known:
                loaded = load_own(store, known.space, device=self.device, download=True)
            else:
                loaded = self._anew(asked)
        except StoreMismatchError:
            if not self.is_named:
                raise
            loaded = self._anew(asked)
        if Modality.IMAGE not in loaded.capabilities.modalities:
            raise ModelError(
                f"{asked} takes no pictures. If it is for sound, name it with --sound, beside the "
                "model for all else."
            )
        return loaded

    def _anew(self, asked: str) -> Encoder:
        if self.precision not in (None, AUTO) and (adapted := ADAPTED.fullmatch(asked)):
            raise ModelError(
                f"The adapter of {asked} was learned in another precision than {self.precision}. "
                f"Index with --model {adapted[1]} --precision {self.precision}, and learn it again "
                "with `cmsearch fit`."
            )
        return load_encoder(asked, device=self.device, download=True, precision=self.precision)
