"""BLIP's image–text matching in torch: how likely it is that a text describes a picture."""

# Tested by tests/unit/cmsearch/models/rerankers/test_itm.py

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor

from cmsearch.errors import ModelUnavailableError
from cmsearch.models.checkpoints import Purpose, checkpoint
from cmsearch.models.devices import move_to
from cmsearch.models.pretrained import load_image_processor, load_model, load_tokenizer, loading
from cmsearch.types import FloatArray

_PURPOSE = Purpose(
    "The reranker {model} is not on this machine. Fetch it once, in Python: "
    'cmsearch.models.loading.load_reranker("itm:{model}", download=True).',
    "search without this reranker",
)
_MATCH = 1  # of the head's two classes


class Blip:
    """A `BlipForImageTextRetrieval` of transformers on a device.

    The text encoder's words attend to the patches of the picture, and the head judges what its
    first token then is (Li et al., BLIP, 2022, section 3.1). As in transformers, that token is
    [CLS]; the authors' own evaluation puts their [ENC] there. May be called from several threads.
    """

    def __init__(self, model: str, device: str, *, download: bool) -> None:
        self.name = model
        folder = checkpoint(model, ("blip",), download=download, purpose=_PURPOSE)
        with loading(model):
            self._model = load_model(transformers.BlipForImageTextRetrieval, folder, model)
            self._processor = load_image_processor(folder)
            self._tokenizer = load_tokenizer(folder)
        config = self._model.config
        self.image_size = int(config.vision_config.image_size)
        self._most_tokens = int(
            min(config.text_config.max_position_embeddings, self._tokenizer.model_max_length)
        )
        self._lock = threading.Lock()  # a tokenizer's padding is a state that threads would share
        self._device = move_to(self._model, device)
        with loading(model):
            self.try_out()

    @property
    def batch_size(self) -> int:
        """The number of pairs that it takes best at once."""
        return 8 if self._device.type == "cpu" else 32

    def try_out(self) -> None:
        """Match a text with a grey picture, which files that don't belong together can't.

        Raises `ModelUnavailableError` where what they give is no number.
        """
        side = self.image_size
        patches = self.patches([self.pixels(Image.new("RGB", (side, side), "grey"))])
        if not np.isfinite(self.probabilities(["a photo of a cat"], patches)).all():
            raise ModelUnavailableError(
                f"The weights of {self.name} are damaged: what they give is no number. Fetch or "
                "save them again."
            )

    def pixels(self, image: Image.Image) -> Tensor:
        """An upright RGB picture as the model takes it, `(3, height, width)`."""
        found: Tensor = self._processor(images=image, return_tensors="pt")["pixel_values"][0]
        return found

    def patches(self, pixels: Sequence[Tensor]) -> Tensor:
        """The states `(n, patches, width)` of n pictures, on the device."""
        with torch.inference_mode(), self._precision():
            batch = torch.stack(list(pixels)).to(self._device)
            states: Tensor = self._model.vision_model(pixel_values=batch).last_hidden_state
        return states

    def probabilities(self, texts: Sequence[str], patches: Tensor) -> FloatArray:
        """The probability `(n,)` that each text matches the picture in its row of patches.

        Of a text that is longer than the model takes only the beginning counts.
        """
        tokens = {name: one.to(self._device) for name, one in self._tokens(texts).items()}
        seen = torch.ones(patches.shape[:2], dtype=torch.long, device=self._device)
        with torch.inference_mode(), self._precision():
            found = self._model.text_encoder(
                **tokens, encoder_hidden_states=patches, encoder_attention_mask=seen
            )
            judged = self._model.itm_head(found.last_hidden_state[:, 0])
        likely: FloatArray = judged.float().softmax(-1)[:, _MATCH].cpu().numpy()
        return likely

    def _tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        with self._lock:
            found = self._tokenizer(
                list(texts),
                padding=True,
                truncation=True,
                max_length=self._most_tokens,
                return_tensors="pt",
            )
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    def _precision(self) -> Any:
        return torch.autocast(self._device.type, enabled=self._device.type == "cuda")
