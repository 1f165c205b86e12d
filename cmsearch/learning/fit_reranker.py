"""Learning a reranker from a store's own captions, and letting searches use it if it is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from cmsearch.learning.examples import NO_LINKS, Limits, More, Source, examples, source
from cmsearch.learning.fit_adapter import (
    Reranking,
    Tell,
    Wish,
    learned_from,
    licence,
    told_of_marks,
)
from cmsearch.learning.heldout import Comparison, Tally, is_better
from cmsearch.learning.marked import marked_pairs
from cmsearch.learning.ranked_lists import OTHER, Ranker, material
from cmsearch.learning.ridge import (
    FEW,
    FOLDS,
    QUERIES,
    STRENGTH,
    Design,
    Held,
    Learner,
    Pairs,
    held,
)
from cmsearch.learning.text_encoder import TextEncoder
from cmsearch.learning.training.reranker import (
    SHARES,
    Lists,
    Material,
    Settings,
    Tensors,
    Trained,
    ranked,
    train,
)
from cmsearch.models import adapters
from cmsearch.models.rerankers.learned import Learned, pack
from cmsearch.models.spaces import model_name
from cmsearch.search.own_models import own_adapter
from cmsearch.search.rank.stages import defaults
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, IdArray, Modality, Progress

MOST, EACH = 3000, 5
"""Pictures that are learned from, and captions of each; of more, some are chosen by chance."""
SETTINGS = Settings()
CHOOSING = 150
"""Queries of a direction that choose when to stop."""
_FOLDS_OF_MANY = 2
_STEPS = 1000
WAYS = {Modality.TEXT: "text→image", Modality.IMAGE: "image→text"}
"""The directions by the modality of their queries."""


def fit_reranker(store: Store, wish: Wish, *, device: str | None = None, tell: Tell) -> Reranking:
    """Learn from the captions and marks in a store to put what a search finds in a better order,
    and let searches do so by default if that is better.

    No file is read. Raises `QueryError` where there are too few captions, or an encoder without
    tokens, `StoreError`, and `ModelError` where marked queries have to be encoded.
    """
    if wish.dry_run:
        return _fit(store, wish, device, tell)
    with store.locked():
        return _fit(store, wish, device, tell)


def forget_reranker(store: Store) -> bool:
    """Remove the reranker of the space that a store serves; whether there was one."""
    with store.locked():
        number = source_number(store)
        had = store.catalog.reranker(number) is not None
        if had:
            with store.catalog.writing() as writer:
                writer.delete_reranker(number)
    return had


def source_number(store: Store) -> int:
    """The number of the space that a store serves; 0 where nothing is indexed."""
    served = store.catalog.space()
    return 0 if served is None else served[0]


def _fit(store: Store, wish: Wish, device: str | None, tell: Tell) -> Reranking:
    own = source(store)
    tell(Progress("read", 0, 1))
    marked, texts = marked_pairs(store), TextEncoder(own.base, device)
    more = More(texts.vectors, marked.right, marked.wrong)
    found = examples(own, more, Limits(MOST, EACH))
    tokens = material(own, found, texts.tokens(found.others))
    lesson = Lesson(own, found.pairs, tokens, found.wrong)
    tell(Progress("read", 1, 1))
    comparisons = _measured(lesson, tell)
    trained = lesson.train(None, tell, lesson.folds)
    better = is_better(comparisons[:1]) and trained.shares[Modality.TEXT] > 0
    scales = _scales(trained, comparisons, wish)
    counts = len(found.pictures), len(found.texts)
    card = {
        "data": learned_from(counts)
        + told_of_marks(is_marked=bool(marked.right or len(found.wrong))),
        "held out": [asdict(one) for one in comparisons],
        "licence": licence(wish),
    }
    learned = Learned(own.space, trained.net.numbers(), scales, card)
    kept = not wish.dry_run and (better or wish.force)
    if kept:
        with store.catalog.writing() as writer:
            writer.put_reranker(own.number, learned.digest, pack(learned))
    exported = wish.export if kept else None
    if exported is not None:
        adapters.write(exported, pack(learned))
    return Reranking(
        model_name(own.space),
        learned.digest[:12],
        *counts,
        lesson.folds,
        tuple(scales),
        scales,
        comparisons,
        better,
        kept,
        exported,
        len(marked.right),
        len(found.wrong),
        len(marked.wrong) - len(found.wrong),
    )


def _scales(trained: Trained, comparisons: Sequence[Comparison], wish: Wish) -> dict[str, float]:
    """What a judgement adds, by direction: in that from text, and where it is certainly better."""
    scales = {}
    for asked, one in zip(WAYS, comparisons, strict=True):
        share = trained.shares[asked]
        if asked is Modality.TEXT:
            share = share or SHARES[1]  # which is kept only if that is wished for
        elif not is_better([one]):
            continue
        if share:
            scales[WAYS[asked]] = share * trained.temperatures[asked]
    return scales


class Lesson:
    """What is learned from, divided by chance into `FOLDS` parts."""

    def __init__(
        self, own: Source, pairs: Pairs, tokens: Material, wrong: IdArray = NO_LINKS
    ) -> None:
        kept = own.store.catalog.stages(own.number)
        self.pairs = pairs
        self.data = Tensors(tokens)
        self.folds = FOLDS if len(pairs.inputs) < FEW else _FOLDS_OF_MANY
        self._table = defaults(own.space.encoder, kept)
        self._tokens, self._wrong = tokens, wrong
        self._adapter = None if own.space.adapter is None else own_adapter(own.store, own.space)
        self._learner = Learner(pairs, Design(pairs.inputs, pairs.dim), seed=0)

    def train(self, without: int | None, tell: Tell, place: int) -> Trained:
        """What is learned without a part; another one chooses when to stop."""
        choosing = 0 if without is None else (without + 1) % FOLDS
        ranker = self.ranker(without)
        rest = [fold for fold in range(FOLDS) if fold not in (without, choosing)]
        rows = np.sort(np.concatenate([self._learner.held[fold].pictures for fold in rest]))
        part = held(self.pairs, rows)
        chosen = self._learner.held[choosing]
        total = (self.folds + 1) * _STEPS
        return train(
            self.data,
            {asked: _lists(ranker, asked, part, None) for asked in WAYS},
            {asked: _lists(ranker, asked, chosen, CHOOSING) for asked in WAYS},
            SETTINGS,
            lambda done, steps: tell(
                Progress("learn", place * _STEPS + done * _STEPS // steps, total)
            ),
        )

    def asked(self, fold: int, asked: Modality) -> Lists:
        """What is asked of a part that was held out."""
        return _lists(self.ranker(fold), asked, self._learner.held[fold], QUERIES)

    def ranker(self, without: int | None) -> Ranker:
        """Ranks as the store does without what it learned from a part.

        An adapter has been learned from the same captions. So that what it makes of a picture is
        as good as of a new one, it is learned anew without it (cross-fitting), and without the
        part that is left out.
        """
        vectors = self.pairs.vectors.copy()
        if self._adapter is not None and self._adapter.share:
            given = self._adapter.card.get("strength")
            strength = float(given) if isinstance(given, int | float) and given > 0 else STRENGTH
            for fold, part in enumerate(self._learner.held):
                left = {fold} if without is None else {fold, without}
                line = self._learner.line(sorted(left), strength)
                (moved,) = self._learner.adapted(part.pictures, line, [self._adapter.share])
                vectors[part.pictures] = moved
        return Ranker(self.pairs, vectors, self._tokens, self._table, self._wrong)


def _measured(lesson: Lesson, tell: Tell) -> tuple[Comparison, ...]:
    """What is gained among the parts that are held out in turn."""
    pairs = lesson.pairs
    of_text = np.zeros(len(pairs.texts), np.int64)
    of_text[pairs.links[:, 1]] = pairs.groups[pairs.links[:, 0]]
    groups: dict[Modality, IdArray] = {Modality.TEXT: of_text, Modality.IMAGE: pairs.groups}
    tallies = {asked: Tally(len(rows)) for asked, rows in groups.items()}
    for fold in range(lesson.folds):
        trained = lesson.train(fold, tell, fold)
        for asked, tally in tallies.items():
            lists = lesson.asked(fold, asked)
            after: FloatArray = lists.scores + trained.added(lesson.data, lists)
            tally.add_ranks(lists.queries, ranked(lists, lists.scores), ranked(lists, after))
    return tuple(tally.compared(WAYS[asked], groups[asked]) for asked, tally in tallies.items())


def _lists(ranker: Ranker, asked: Modality, part: Held, most: int | None) -> Lists:
    """The lists of a part's queries among itself; all of them are to learn from if none is the
    most.
    """
    rows = {Modality.TEXT: part.texts, Modality.IMAGE: part.pictures}
    chosen = np.random.default_rng(0).permutation(len(rows[asked]))[:most]
    queries = rows[asked][np.sort(chosen)]
    return ranker.lists(asked, queries, rows[OTHER[asked]], taught=most is None)
