"""Learning to fuse a picture and a text from a store's own captions, kept if it is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from cmsearch.learning.examples import Examples, Limits, Source, examples, source
from cmsearch.learning.fit_adapter import Tell, Wish, keep, learned_from, licence
from cmsearch.learning.fusion_questions import BESIDE, Trial
from cmsearch.learning.heldout import Comparison, is_better
from cmsearch.learning.ridge import FEW
from cmsearch.learning.stored_tokens import second_stage
from cmsearch.learning.training.fusion import STEPS, Material, train
from cmsearch.models import adapters
from cmsearch.models.adapters import Adapter
from cmsearch.models.fusion_network import Network, Parts, Tensors, parts
from cmsearch.models.spaces import model_name
from cmsearch.search.own_models import own_adapter
from cmsearch.search.query.compose import scales
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.types import ComposedQuery, EncodedQuery, FloatArray, IdArray, Modality, Progress

LIMITS = Limits(pictures=5_000, captions=5, shared=10)
"""A caption that more pictures share is a tag: it says of none of them which one it is."""
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Fusing:
    """A network that fuses a picture and a text, and what came of it."""

    base: str
    """The model that it is on top of."""
    model: str
    """The name of both together."""
    pictures: int
    """The number of pictures that it was learned from."""
    captions: int
    """The number of captions that it was learned from."""
    folds: int
    """How many fifths of the pictures were held out in turn: all, or of many pictures one."""
    comparisons: tuple[Comparison, ...]
    """The figures before and after, by kind of question, on pictures that were held out."""
    is_better: bool
    """Whether these figures say that it is better."""
    kept: bool
    """Whether it serves now."""
    generation: int | None
    """The number of its generation; None if it was not kept."""
    exported: Path | None
    """The file that it was written to; None if none was asked for."""


def fit_fusion(store: Store, wish: Wish, *, tell: Tell) -> Fusing:
    """Learn from a store's captions to fuse a picture and a text, on top of the model that serves,
    and let what was learned serve if it is better than their weighted sum and than each alone.

    The vectors of pictures stay as they are. Raises `QueryError` where there are too few captions,
    and `StoreError`.
    """
    if wish.dry_run:
        return _fit(store, wish, tell)
    with store.locked():
        return _fit(store, wish, tell)


def _fit(store: Store, wish: Wish, tell: Tell) -> Fusing:
    own = source(store)
    tell(Progress("read", 0, 1))
    found = examples(own, limits=LIMITS)
    material = _material(own, found)
    tell(Progress("read", 1, 1))
    tensors, comparisons, folds = _learned(own, found, material, tell)
    better = is_better(comparisons, BESIDE)
    counts = (len(found.pictures), len(found.texts))
    adapter = _adapter(own, tensors, comparisons, counts, wish)
    kept = not wish.dry_run and (better or wish.force)
    # The vectors stay as they are, and with them what was learned or measured by them.
    generation = keep(own, adapter, tell, keeps_ranking=True) if kept else None
    exported = wish.export if kept else None
    if exported is not None:
        adapters.write(exported, adapters.pack(adapter))
    names = (model_name(own.space), model_name(adapter.space))
    return Fusing(*names, *counts, folds, comparisons, better, kept, generation, exported)


def _learned(
    own: Source, found: Examples, material: Material, tell: Tell
) -> tuple[Tensors, tuple[Comparison, ...], int]:
    """What is learned from all pictures, and what the same way of learning gains on unseen ones,
    with the number of parts that were held out for it.
    """
    every = np.arange(len(found.pictures))
    folds = found.pairs.folds(0)
    folds = folds if len(every) < FEW else folds[:1]
    kept = own.store.catalog.stages(own.number)
    trial = Trial(found.pairs, material, second_stage(own, found, kept, None))
    total = STEPS * (len(folds) + 1)

    def told(before: int, done: int) -> None:
        tell(Progress("learn", before + done, total))

    told(0, 0)
    for number, fold in enumerate(folds):
        seen = np.setdiff1d(every, fold)
        tensors = train(material, seen, steps=STEPS, tell=partial(told, STEPS * number))
        trial.ask(fold, Network(tensors).fuse, number)
    tensors = train(material, every, steps=STEPS, tell=partial(told, STEPS * len(folds)))
    return tensors, trial.compared(), len(folds)


def _adapter(
    own: Source,
    tensors: Tensors,
    comparisons: Sequence[Comparison],
    counts: tuple[int, int],
    wish: Wish,
) -> Adapter:
    """What serves, with the network beside it."""
    if own.space.adapter is None:
        base = adapters.unmoving(own.base, own.space.dim + own.width)
    else:
        base = own_adapter(own.store, own.space)
    card = {
        **base.card,
        "licence": licence(wish),
        "fusion": {"data": learned_from(counts), "held out": [asdict(one) for one in comparisons]},
    }
    return replace(base, card=card, fusion=tensors)


def _material(own: Source, found: Examples) -> Material:
    return Material(
        _parts(own, found.pictures),
        _parts(own, found.texts),
        found.pairs.links,
        found.pairs.groups,
        _priors(own),
    )


def _priors(own: Source) -> FloatArray:
    """The shares of a picture and a text in their sum, among pictures and among texts `(2, 2)`."""
    nothing = np.zeros(own.space.dim, np.float32)
    both = ComposedQuery(
        (EncodedQuery(Modality.IMAGE, None, nothing), EncodedQuery(Modality.TEXT, "", nothing)),
        (1.0, 1.0),
    )
    background = own.store.view().background
    rows = np.array([scales(both, background, one) for one in (Modality.IMAGE, Modality.TEXT)])
    shares: FloatArray = (rows / rows.sum(1, keepdims=True)).astype(np.float32)
    return shares


def _parts(own: Source, ids: IdArray) -> Parts:
    """The vectors and tokens of embeddings, in 16 bits."""
    found = []
    for start in range(0, len(ids), _ROWS):
        some = ids[start : start + _ROWS].tolist()
        contents = items.contents(own.store.catalog, some, own.space.dim)
        rows = parts([contents[one][0] for one in some], [contents[one][1] for one in some])
        found.append([one.astype(np.float16) for one in rows])
    return Parts(*(np.concatenate(rows) for rows in zip(*found, strict=True)))
