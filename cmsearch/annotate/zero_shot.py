"""Zero-shot labels: how likely each of given labels names what a picture shows, without training.

A label is put into prompts whose vectors are averaged (Radford et al. 2021, CLIP, section 3.1.4).
What a picture scores for it is corrected by how near the label is to the pictures of the store at
all, and becomes a confidence by a logistic function (Platt 1999).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cmsearch.errors import QueryError
from cmsearch.protocols import Encoder
from cmsearch.search.query import background_captions
from cmsearch.search.query.encode import encode_queries
from cmsearch.search.rank.attention import Tokens, attend
from cmsearch.search.rank.hubness import nearest_neighbour_bias
from cmsearch.store.catalog import samples
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import EncodedQuery, FloatArray

TEMPLATES = ("{}", "a photo of {}.", "a picture of {}")
SAMPLE = 2048
"""Pictures of the store at most that a label's hubness is measured with."""
_NEAREST = 0.05
"""The share of these pictures, the nearest to a label, whose mean is its hubness."""
USUAL = 16
"""As many pictures of the usual hubness are added: a store of few says little about a label."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a picture may show, with `prompts` of its own in place of `TEMPLATES`, if there are."""

    name: str
    prompts: tuple[str, ...] = ()


class Calibration(NamedTuple):
    """From scores to confidences: the logit is `slope * score - hubness * h + offset`.

    Scores, and a label's hubness `h`, are in standard deviations of those that captions of other
    things have here; `usual` is the mean of `h` over labels. What the picture's regions show a
    label's words by attention counts `share` times as much as the cosine, at `temperature`.
    """

    slope: float
    hubness: float
    offset: float
    usual: float = 4.37
    share: float = 0.0
    temperature: float = 0.03


# Fitted to 20 labels on the train2017 half of a set of 159 photographs with captions, by
# scripts/bench/labels.py; docs/annotation.md has the figures.
WITH_REGIONS: Mapping[str, Calibration] = {
    "lite": Calibration(0.87, 0.86, -2.77, share=0.7),
}
"""By encoder, where attention to regions was measured to help."""
BY_COSINE = Calibration(1.22, 0.65, -2.40)
"""For other encoders, and for pictures without regions; fitted to the cosines of `lite`."""


def as_labels(given: Sequence[str | Label] | Mapping[str, Sequence[str]]) -> list[Label]:
    """The labels of a list of names, or of a mapping of names to prompts, checked.

    Raises `QueryError` where there is none, one is empty or given twice.
    """
    pairs = given.items() if isinstance(given, Mapping) else ((one, ()) for one in given)
    labels = []
    for one, own in pairs:
        if isinstance(own, str):  # a sequence of texts, too: its letters
            raise QueryError(f"The prompts of {one!r} are a list of texts, not {own!r}.")
        labels.append(one if isinstance(one, Label) else Label(one, tuple(own)))
    if not labels:
        raise QueryError("There are no labels; give at least one.")
    seen: dict[str, str] = {}
    for one in labels:
        for text in (one.name, *one.prompts):
            if not isinstance(text, str) or not text.strip() or not _is_unicode(text):
                raise QueryError(f"A label and each of its prompts is a text, not {text!r}.")
        key = " ".join(one.name.casefold().split())
        if key in seen:
            raise QueryError(f"The label {one.name!r} is given twice.")
        seen[key] = one.name
    return labels


class Labeller:
    """Judges pictures by labels, as one view of a store and its encoder see them."""

    def __init__(
        self, store: Store, view: View, encoder: Encoder, labels: Sequence[Label], context: str = ""
    ) -> None:
        """`context` is a question that the labels answer; with it they make one more prompt.

        Raises `QueryError` for a store without pictures: there is nothing to compare with.
        """
        self.labels = list(labels)
        self.dim = encoder.space.dim
        self._store, self._view, self._encoder = store, view, encoder
        _, self._pictures = samples.photos(store.catalog, view.space_id, self.dim, SAMPLE)
        if not len(self._pictures):
            raise QueryError(f"There is no picture in {store.name} to compare the labels with.")
        templates = (*TEMPLATES, f"{_escaped(context)} {{}}") if context.strip() else TEMPLATES
        self._prompts = [
            one.prompts or tuple(template.format(one.name) for template in templates)
            for one in labels
        ]

    def cosines(self, vectors: FloatArray) -> FloatArray:
        """Cosines `(n, l)` of pictures `(n, dim)` with the l labels, corrected by nothing."""
        return vectors @ self._vectors.T

    def scores(self, vectors: FloatArray, tokens: Sequence[Tokens]) -> FloatArray:
        """Scores `(n, l)` of pictures, given their vectors `(n, dim)` and the tokens of each."""
        scores = self.cosines(vectors)
        if self._regional is not None and any(len(one) for one, _ in tokens):
            chosen = self._regional
            attended = [attend(own, tokens, chosen.temperature) for own in self._words]
            scores = scores + chosen.share * np.stack(attended, axis=1)
        mean, deviation = self._chance
        standard: FloatArray = (scores - mean) / deviation
        return standard

    def logits(self, vectors: FloatArray, tokens: Sequence[Tokens]) -> FloatArray:
        """The log-odds `(n, l)` that each of l labels names what the n pictures show."""
        scores = self.scores(vectors, tokens)
        found = self._calibrated(scores, BY_COSINE)
        if self._regional is not None:
            has = np.array([bool((weights > 0).any()) for _, weights in tokens])[:, None]
            found = np.where(has, self._calibrated(scores, self._regional), found)
        return found

    def _calibrated(self, scores: FloatArray, by: Calibration) -> FloatArray:
        count = len(self._pictures)
        hubness = (count * self.hubness + USUAL * by.usual) / (count + USUAL)
        logits: FloatArray = (by.slope * scores - by.hubness * hubness + by.offset).astype(
            np.float32
        )
        return logits

    @cached_property
    def hubness(self) -> FloatArray:
        """How near each label is to the pictures of the store that are nearest to it, `(l,)`."""
        nearest = max(1, round(_NEAREST * len(self._pictures)))
        bias = nearest_neighbour_bias(self._vectors, self._pictures, nearest)
        mean, deviation = self._chance
        standard: FloatArray = (bias - mean) / deviation
        return standard

    @cached_property
    def _chance(self) -> tuple[float, float]:
        """Mean and deviation of the cosines that captions of other things have here."""
        captions = self._store.catalog.bank(self._view.space_id, self.dim)
        captions = captions if len(captions) > 1 else background_captions.encoded(self._encoder)
        cosines = self._pictures @ captions.T
        return float(cosines.mean()), max(float(cosines.std()), 1e-3)

    @property
    def _regional(self) -> Calibration | None:
        return WITH_REGIONS.get(self._encoder.space.encoder)

    @cached_property
    def _vectors(self) -> FloatArray:
        """A unit vector `(l, dim)` for each label, the mean of its prompts'."""
        rows = iter(_encoded(self._encoder, [one for own in self._prompts for one in own]))
        means = np.stack(
            [np.mean([next(rows).vector for _ in own], axis=0) for own in self._prompts]
        )
        unit: FloatArray = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return unit

    @cached_property
    def _words(self) -> list[Tokens]:
        """The words of each label, or of all of its own prompts."""
        texts = [one.prompts or (one.name,) for one in self.labels]
        rows = iter(_encoded(self._encoder, [text for own in texts for text in own]))
        return [_joined([next(rows) for _ in own], self.dim) for own in texts]


def probabilities(logits: FloatArray) -> FloatArray:
    """Log-odds as numbers from 0 to 1."""
    shares: FloatArray = (1 / (1 + np.exp(-np.clip(logits, -80, 80)))).astype(np.float32)
    return shares


def _encoded(encoder: Encoder, texts: Sequence[str]) -> list[EncodedQuery]:
    asked, _ = encode_queries(encoder, list(texts), None)
    return [one.parts[0] for one in asked]


def _joined(rows: Sequence[EncodedQuery], dim: int) -> Tokens:
    given = [(row.tokens, row.weights) for row in rows]
    tokens = [one for one, weights in given if one is not None and weights is not None]
    weights = [one for tokens, one in given if one is not None and tokens is not None]
    if not tokens:
        return np.zeros((0, dim), np.float32), np.zeros(0, np.float32)
    return np.concatenate(tokens), np.concatenate(weights)


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which JSON can write alone."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
