"""The reference of CLAP in torch: loading it from what transformers wrote, exporting its texts."""

# Tested by tests/unit/cmsearch/models/encoders/test_clap.py

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from cmsearch.errors import ModelError, ModelUnavailableError
from cmsearch.models.checkpoints import checkpoint
from cmsearch.models.encoders import towers_export
from cmsearch.models.encoders.clap_form import PURPOSE, TYPE, Form
from cmsearch.models.encoders.towers_export import PROBES, AsIs, Tower, digest, stacked
from cmsearch.models.encoders.transformers_texts import Texts, short_digest
from cmsearch.models.pretrained import load_model, load_sound_processor, load_tokenizer, loading
from cmsearch.types import FloatArray, Modality, Space

CONTEXT = 77
"""Tokens of a text, as in the training of the published models."""
_RATES = range(8_000, 192_001)
_MOST_SECONDS = 60
_OF_SOUND = (
    *("feature_size", "sampling_rate", "hop_length", "max_length_s", "fft_window_size", "top_db"),
    *("frequency_min", "frequency_max", "truncation", "padding", "padding_value"),
)


class ClapReference:
    """A CLAP of transformers with its tokenizer and its feature extractor.

    Raises `UnknownModelError` for a name that the hub doesn't have, `ModelUnavailableError` where
    the weights can't be had, and `ModelError` for models of other types.
    """

    has_tokens = False
    image_size = 0

    def __init__(self, model: str, *, download: bool) -> None:
        self.name = model
        folder = checkpoint(model, (TYPE,), download=download, purpose=PURPOSE)
        with loading(model):
            self.model = load_model(transformers.ClapModel, folder, model)
            self._extractor = load_sound_processor(transformers.ClapFeatureExtractor, folder)
            tokenizer = load_tokenizer(folder)
            self._texts = Texts(tokenizer, min(self._positions(), tokenizer.model_max_length))
            self.form = self._form()
            self.space = self._space()

    def image_spec(self) -> dict[str, Any]:
        """How `prepare_image` prepares pictures."""
        raise ModelError(f"{self.name} takes no pictures.")

    def fits(self, text: str) -> bool:
        """Whether the model takes the whole text."""
        return self._texts.fits(text)

    def prepare(self, content: Any, modality: Modality) -> tuple[Tensor, ...]:
        """Bring one content into the model's form."""
        return self._texts.prepare(content) if modality is Modality.TEXT else self._mel(content)

    def features(self, inputs: Sequence[Tensor], modality: Modality) -> tuple[Tensor, ...]:
        """Give the vectors of a batch, and those of the cells of pictures."""
        if modality is Modality.TEXT:
            found = self.model.get_text_features(*inputs)
        else:
            # None is longer than the model takes. For models that fuse parts of longer sounds the
            # feature extractor calls one of them so, by chance.
            longer = torch.zeros(len(inputs[0]), 1, dtype=torch.bool, device=inputs[0].device)
            found = self.model.get_audio_features(inputs[0], is_longer=longer)
        return (getattr(found, "pooler_output", found),)  # transformers 4 gives the tensor

    def export(self, folder: Path) -> None:
        """Write the text tower; what pictures would be is left empty."""
        of_texts = partial(self.features, modality=Modality.TEXT)
        spec = {
            "image": {"size": [0]},
            "text": self._texts.spec(folder),
            "sound": self.form._asdict(),
        }
        towers = {Modality.TEXT: Tower(self.model, AsIs(), of_texts)}
        towers_export.write(self, towers, spec, folder)

    def _mel(self, samples: FloatArray) -> tuple[Tensor, ...]:
        assert 0 < len(samples) <= self.form.rate * self.form.seconds, "sound comes in windows"
        found = self._extractor(
            np.asarray(samples, np.float64),
            sampling_rate=self.form.rate,
            return_tensors="pt",
        )
        return (found["input_features"][0].float(),)

    def _positions(self) -> int:
        """The longest text; RoBERTa counts positions from the one after its padding's."""
        config = self.model.config.text_config
        return int(min(CONTEXT, config.max_position_embeddings - config.pad_token_id - 1))

    def _form(self) -> Form:
        rate, seconds = self._extractor.sampling_rate, self._extractor.max_length_s
        if rate not in _RATES or not 1 <= seconds <= _MOST_SECONDS:
            raise ModelUnavailableError(
                f"The feature extractor of {self.name} is for {seconds} seconds of sound with "
                f"{rate:,} samples a second, which can't be."
            )
        return Form(int(rate), float(seconds))

    def _space(self) -> Space:
        config = self._extractor.to_dict()
        mel = short_digest({name: config.get(name) for name in _OF_SOUND})
        text = stacked([self._texts.prepare(PROBES[0])])
        with torch.no_grad():
            dim = self.features(text, Modality.TEXT)[0].shape[1]
        recipe = f"{TYPE} mel-{mel} {self._texts.recipe()} v1"
        return Space("transformers", self.name, digest(self.model), recipe, dim)
