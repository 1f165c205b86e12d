"""`itm`: looks at a text and a picture together, where the first stage compares two vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from cmsearch.common import stopping
from cmsearch.common.processors import threads
from cmsearch.errors import ModelError, QueryError, brief
from cmsearch.models.devices import best_device
from cmsearch.models.hub import hub_name
from cmsearch.models.rerankers.blip import Blip
from cmsearch.models.rerankers.pictures import Pictures
from cmsearch.types import Candidates, EncodedQuery, FloatArray, Item, Modality

DEFAULT_MODEL = "Salesforce/blip-itm-base-coco"


def load(model: str, *, device: str | None = None, download: bool = False) -> ItmReranker:
    """The reranker with a BLIP by its name on the model hub or the path of its folder.

    Without a name it is `DEFAULT_MODEL`; `device` is torch's name of one, None the best there is.
    Nothing is fetched unless `download` is true. Raises `UnknownModelError` for a name that the
    hub doesn't have, `ModelUnavailableError` where the weights can't be had, and `ModelError` for
    other types of models.
    """
    name = hub_name("itm", model) if model else DEFAULT_MODEL
    return ItmReranker(Blip(name, device or best_device(), download=download))


class ItmReranker:
    """Scores texts with pictures by the probability that they match, as a `Blip` judges it.

    A probability reaches from 0 to 1, the cosines of good candidates lie close together: what is to
    be added to the first stage's scores is the probability times a weight.
    """

    directions = frozenset({(Modality.TEXT, Modality.IMAGE), (Modality.IMAGE, Modality.TEXT)})

    def __init__(self, blip: Blip) -> None:
        self._blip = blip
        self._pictures = Pictures(blip.image_size)
        started = time.perf_counter()
        blip.try_out()
        self._estimate = time.perf_counter() - started
        self._seconds: dict[Modality, float] = {}

    def cost(self, n: int) -> float:
        """Seconds for n candidates, in the dearer direction: that from text to pictures.

        It is what the fastest batch took so far, and before the first one what a grey picture did.
        """
        return n * max(self._seconds.get(one, self._estimate) for one, _ in self.directions)

    def score(self, query: EncodedQuery, candidates: Candidates) -> FloatArray:
        """The probabilities `(n,)` of a match.

        It is 0 for a picture that can't be read, which is logged, and for an item without text.
        Raises `QueryError` for other directions, and `ModelError` where the device fails.
        """
        for item in candidates.items:
            if (query.modality, item.modality) not in self.directions:
                raise QueryError(
                    f"itm compares texts with pictures, not {query.modality} with {item.modality}. "
                    "Search without this reranker."
                )
        scores = np.zeros(len(candidates.items), np.float32)
        of_text = query.modality is Modality.TEXT
        run = self._with_text if of_text else self._with_picture
        try:
            for rows, found in run(query, candidates):
                scores[rows] = found
        except RuntimeError as error:  # of torch: above all a device without memory left
            raise ModelError(
                f"Reranking failed in torch: {brief(error)} Rerank fewer candidates, or on the "
                'device "cpu".'
            ) from error
        return scores

    def _with_text(
        self, query: EncodedQuery, candidates: Candidates
    ) -> Iterator[tuple[list[int], FloatArray]]:
        """The rows of each batch of pictures that can be read, and their scores."""
        with threads() as pool:
            for batch in self._batches(range(len(candidates.items))):
                started = time.perf_counter()
                items = [candidates.items[row] for row in batch]
                pictures = pool.map(self._read, items, [candidates.paths[row] for row in batch])
                read = {
                    row: one for row, one in zip(batch, pictures, strict=True) if one is not None
                }
                if read:
                    patches = self._blip.patches(list(read.values()))
                    found = self._blip.probabilities([query.content] * len(read), patches)
                    self._note(Modality.TEXT, started, len(read))
                    yield list(read), found

    def _with_picture(
        self, query: EncodedQuery, candidates: Candidates
    ) -> Iterator[tuple[list[int], FloatArray]]:
        """The rows of each batch of texts, and their scores; the picture is encoded once."""
        texts = {row: item.text for row, item in enumerate(candidates.items) if item.text}
        if not texts:
            return
        patches = self._blip.patches([self._blip.pixels(query.content)])
        for batch in self._batches(list(texts)):
            started = time.perf_counter()
            found = self._blip.probabilities(
                [texts[row] for row in batch], patches.expand(len(batch), -1, -1)
            )
            self._note(Modality.IMAGE, started, len(batch))
            yield batch, found

    def _batches(self, rows: Sequence[int]) -> Iterator[list[int]]:
        size = self._blip.batch_size
        for start in range(0, len(rows), size):
            stopping.check()
            yield list(rows[start : start + size])

    def _read(self, item: Item, path: Path) -> Tensor | None:
        """The picture of an item, prepared; None if it can't be read."""
        picture = self._pictures.of(item, path)
        return None if picture is None else self._blip.pixels(picture)

    def _note(self, direction: Modality, started: float, n: int) -> None:
        seconds = (time.perf_counter() - started) / n
        self._seconds[direction] = min(seconds, self._seconds.get(direction, seconds))
