"""Joining a picture and a text into one vector: by what a store has learned, or by their sum."""

# Tested by tests/unit/cmsearch/learning/test_fit_fusion.py

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cmsearch.models.encodings import document_tokens
from cmsearch.models.fusion_network import Fused, Fusions, Network, Parts, Tensors, parts, summed
from cmsearch.protocols import Encoder, Joining
from cmsearch.store.catalog.blobs import pack_tokens, unpack_tokens
from cmsearch.types import ComposedQuery, EncodedQuery, FloatArray, Modality

Tokens = tuple[FloatArray, FloatArray]


class ImageTextFuser:
    """Joins the picture and the text of a query. Safe from threads if its encoder is."""

    def __init__(self, tensors: Tensors, encoder: Callable[[], Encoder]) -> None:
        """`tensors` are those of a network; with none it is the weighted sum."""
        self.tensors = tensors
        self._encoder = encoder

    @property
    def joins(self) -> bool:
        """Whether it does more than to add: by a network, or as one input of the model."""
        return bool(self.tensors) or self._model() is not None

    def takes(self, weights: Sequence[float]) -> bool:
        """Whether it joins what has these weights: in one input each counts as it does."""
        return bool(self.tensors) or len(set(weights)) == 1

    def __call__(self, both: Sequence[EncodedQuery], weights: Sequence[float]) -> Fused:
        """A picture and a text as one, with the positive `weights` that they have in a sum."""
        if not self.tensors and (model := self._model()) is not None:
            return _as_one(model, both, np.array(weights, np.float32) / sum(weights))
        image, text = map(self._parts, both)
        vectors, shares, added, by_image, by_text = self.fuse(image, text, weights)
        seen, read = (1 + int((side.weights > 0).sum()) for side in (image, text))
        return Fused(
            vectors[0],
            shares[0],
            float(added[0]),
            by_image[0, :seen, :read],
            by_text[0, :read, :seen],
            bool(self.tensors),
        )

    def _model(self) -> Joining | None:
        """The model, if it takes a picture and a text as one input."""
        encoder = self._encoder()
        return encoder if isinstance(encoder, Joining) and encoder.joins else None

    def fuse(self, images: Parts, texts: Parts, weights: Sequence[float]) -> Fusions:
        """Pairs of pictures and texts of a store, with the same weights for all."""
        priors = np.array(weights, np.float32) / sum(weights)
        fuse = Network(self.tensors).fuse if self.tensors else summed
        return fuse(images, texts, np.repeat(priors[None], len(images.vectors), 0))

    def _parts(self, part: EncodedQuery) -> Parts:
        """As a store would keep it, which is what a network has learned from."""
        tokens, weights = self._tokens(part)
        blob = pack_tokens(tokens, weights)
        return parts([part.vector], [unpack_tokens(blob, len(part.vector))])

    def _tokens(self, part: EncodedQuery) -> Tokens:
        if part.modality is Modality.IMAGE:
            if part.tokens is not None and part.weights is not None:
                return part.tokens, part.weights
        else:  # a query's may be left out, or in another order
            tokens = document_tokens(self._encoder(), part.content)
            if tokens is not None:
                return tokens
        return np.zeros((0, len(part.vector)), np.float32), np.zeros(0, np.float32)


def _as_one(model: Joining, both: Sequence[EncodedQuery], shares: FloatArray) -> Fused:
    """A picture and a text as one input of a model, which says nothing of what attends to what."""
    vector = model.joined(both[0].content, both[1].content)
    beyond = vector - shares @ np.stack([one.vector for one in both])
    whole = np.ones((1, 1), np.float32)
    return Fused(vector, shares, float(np.linalg.norm(beyond)), whole, whole, is_trained=True)


def pair(asked: ComposedQuery) -> tuple[int, int] | None:
    """The places of the picture and of the text among a query's parts, if it looks for just these
    two, whatever it takes away.
    """
    looked_for = [place for place, weight in enumerate(asked.weights) if weight > 0]
    by_modality = {asked.parts[place].modality: place for place in looked_for}
    if len(looked_for) != 2 or by_modality.keys() != {Modality.IMAGE, Modality.TEXT}:
        return None
    return by_modality[Modality.IMAGE], by_modality[Modality.TEXT]
