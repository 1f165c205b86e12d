"""`st`: CrossEncoder models of sentence-transformers, which read a query with each candidate."""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch.common import stopping
from cmsearch.errors import ModelError, QueryError, UnknownModelError, brief
from cmsearch.models.checkpoints import Purpose
from cmsearch.models.hub import hub_name
from cmsearch.models.rerankers.pictures import Pictures
from cmsearch.models.sentence_folders import folder_of
from cmsearch.types import Candidates, EncodedQuery, FloatArray, Item, Modality

if TYPE_CHECKING:
    from cmsearch.models.encoders.batches import Room

_PURPOSE = Purpose(
    "The reranker {model} is not on this machine. Fetch it once, in Python: "
    'cmsearch.models.loading.load_reranker("st:{model}", download=True).',
    "search without this reranker",
)
_NAMES = {Modality.TEXT: "text", Modality.IMAGE: "image"}
_PICTURE_SIZE = 512
_BATCH = 32
_PAIR = ("a photo of a cat", "two dogs run on a beach in the evening")


def load(model: str, *, device: str | None = None, download: bool = False) -> CrossReranker:
    """The reranker with a CrossEncoder by its name on the model hub or the path of its folder.

    `device` is as torch names them, None the best there is. Nothing is fetched unless `download` is
    true. Raises `UnknownModelError`, `ModelUnavailableError`, and `ModelError` for models that give
    more than one score.
    """
    if not model:
        raise UnknownModelError(
            "Name a CrossEncoder model with it, as st:ORG/NAME of the model hub or st:/path of a "
            "folder; docs/reranking.md says which."
        )
    name = hub_name("st", model)
    folder = folder_of(name, download=download, purpose=_PURPOSE)
    return CrossReranker(name, folder, device)


class CrossReranker:
    """Scores pairs by the probability that they belong together, as the model judges it.

    It takes two texts, and where the model sees a picture with a text too, or two pictures. As with
    other models what is to be added to cosines is that probability times a weight.
    """

    def __init__(self, name: str, folder: Path, device: str | None) -> None:
        from cmsearch.models import sentence_library
        from cmsearch.models.devices import best_device
        from cmsearch.models.encoders import st_inputs
        from cmsearch.models.encoders.batches import Room, memory_of

        device = device or best_device()
        self._name = name
        self._model = sentence_library.load("CrossEncoder", name, folder, device)
        if self._model.num_labels not in (None, 1):
            raise ModelError(
                f"{name} gives {self._model.num_labels} scores for a pair. A reranker gives one: "
                "how well both belong together."
            )
        known = {one for one, other in _NAMES.items() if self._model.supports(other)}
        self.directions = frozenset((one, other) for one in known for other in known)
        talks = self._model.supports("message")
        self._is_worded = known == {Modality.TEXT} and not talks
        form = st_inputs.form(self._model)
        # What is judged could else end its turn, and answer in the place of the model.
        marks = {*form.marks, *(self._model.tokenizer.all_special_tokens if talks else ())}
        self._form = replace(form, marks=tuple(sorted(marks)))
        self._room: Room = Room(_BATCH, memory_of(device))
        self._pictures = Pictures(_PICTURE_SIZE)
        self._lock = threading.Lock()
        self._seconds: dict[Modality, float] = {}
        started = time.perf_counter()
        self._judged([self._pair(_PAIR[0], _PAIR[1])])
        self._estimate = time.perf_counter() - started

    def cost(self, n: int) -> float:
        """Seconds for n candidates, in the dearest direction: what the fastest batch took so far,
        and before the first one what two short texts did.
        """
        return n * max(self._seconds.values(), default=self._estimate)

    def score(self, query: EncodedQuery, candidates: Candidates) -> FloatArray:
        """The probabilities `(n,)` that the candidates are what is asked for.

        It is 0 for a picture that can't be read, which is logged, and for an item without text.
        Raises `QueryError` for directions that the model doesn't take, and `ModelError`.
        """
        for item in candidates.items:
            if (query.modality, item.modality) not in self.directions:
                raise QueryError(
                    f"{self._name} doesn't compare {query.modality} with {item.modality}. Search "
                    "without this reranker."
                )
        rows = list(zip(candidates.items, candidates.paths, strict=True))
        compute = partial(self._scored, query)
        try:
            with self._lock:
                return np.array(self._room.run(query.modality, rows, compute), np.float32)
        except (IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                f"Reranking with {self._name} failed: {brief(error)} Rerank fewer candidates, or "
                "search with --rerank none."
            ) from error

    def _scored(self, query: EncodedQuery, rows: Sequence[tuple[Item, Path]]) -> list[float]:
        """The scores of some candidates, which are measured."""
        stopping.check()
        started = time.perf_counter()
        contents = [self._content(item, path) for item, path in rows]
        there = [place for place, content in enumerate(contents) if content is not None]
        found = [0.0] * len(rows)
        if there:
            pairs = [self._pair(query.content, contents[place]) for place in there]
            for place, score in zip(there, self._judged(pairs), strict=True):
                found[place] = score
            seconds = (time.perf_counter() - started) / len(there)
            target = rows[0][0].modality
            self._seconds[target] = min(seconds, self._seconds.get(target, seconds))
        return found

    def _content(self, item: Item, path: Path) -> Any:
        return self._pictures.of(item, path) if item.modality is Modality.IMAGE else item.text

    def _pair(self, one: Any, other: Any) -> tuple[Any, Any]:
        """A pair as the library takes it; a model of words alone takes two texts as they are."""
        if self._is_worded:
            return one, other
        first, second = (
            self._form.given(each, Modality.TEXT if isinstance(each, str) else Modality.IMAGE)
            for each in (one, other)
        )
        return first, second

    def _judged(self, pairs: list[tuple[Any, Any]]) -> list[float]:
        import torch

        from cmsearch.models.sentence_library import silent

        with silent():
            found = self._model.predict(
                pairs,
                batch_size=len(pairs),
                show_progress_bar=False,
                activation_fn=torch.nn.Sigmoid(),
            )
        scores: list[float] = np.asarray(found, np.float64).reshape(-1).tolist()
        return scores
