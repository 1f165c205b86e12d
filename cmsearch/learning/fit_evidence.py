"""Learning from a store's own captions what each way of evidence counts there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cmsearch.errors import QueryError
from cmsearch.learning import unseen
from cmsearch.learning.evaluate import Parts
from cmsearch.learning.evidence_weights import Learned, Lists, evidence_weights
from cmsearch.learning.fit_adapter import Tell
from cmsearch.learning.questions import EACH, Question, Questions, held_out
from cmsearch.search.engine import Engine
from cmsearch.search.merge.evidence import PRIOR, prior, weight_of
from cmsearch.search.merge.relevance import aim
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.rank.stages import BEFORE, MOST_WEIGHT, StageSettings, defaults, pack
from cmsearch.store.store import Store
from cmsearch.types import ComposedQuery, EncodedQuery, Hit, Modality, Progress

WAY = Modality.TEXT, Modality.IMAGE
MOST = 1000
"""Questions that are enough."""
LOOKED_AT = 32
"""Hits of each question that are looked at."""
_EXACT = frozenset({"words"})
"""Captions describe: their words say nothing of how those ask who know a name."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """What each way of evidence was found to count, and what came of it."""

    questions: int
    """The number of captions that it was learned from, each without itself as evidence."""
    weights: dict[str, float]
    """How many times as much each way counts, and what is added to what is known `before`."""
    before: float
    """The mean log-loss of the relevances of a question, held out, by the usual weights."""
    after: float
    """The same by weights that were learned without the question."""
    kept: bool
    """Whether searches use them now."""


def fit_evidence(
    store: Store, *, dry_run: bool = False, device: str | None = None, tell: Tell
) -> Weighing | None:
    """Learn the weights of evidence where texts ask for pictures, and let searches use them.

    None where the usual ones are as good or too little is known to say; those that were learned
    before go then. Raises `StoreError` and `ModelError`.
    """
    engine = Engine(store, device=device)
    view = store.view()
    run = defaults(view.space.encoder, store.catalog.stages(view.space_id)).get(WAY)
    plain = replace(run or StageSettings(), model="", weights={})
    asked = _asked(engine, plain, tell)
    learned = asked and evidence_weights(asked.lists)
    weights = _named(asked.ways, learned) if asked and learned else {}
    had = run is not None and bool(run.weights)
    if not dry_run and (weights or had):
        with store.locked():
            _keep(store, view.space_id, replace(plain, weights=weights))
    if not asked or not learned:
        return None
    return Weighing(
        len(asked.lists.right), weights, learned.before, learned.after, kept=not dry_run
    )


def forget_evidence(store: Store) -> bool:
    """Let every way count as usual where texts ask for pictures; whether one did not."""
    with store.locked():
        view = store.view()
        run = defaults("", store.catalog.stages(view.space_id)).get(WAY, StageSettings())
        if run.weights:
            _keep(store, view.space_id, replace(run, weights={}))
    return bool(run.weights)


def _keep(store: Store, space: int, run: StageSettings) -> None:
    """Let a store run this by default where texts ask for pictures, and else what it did."""
    table = defaults("", store.catalog.stages(space))
    with store.catalog.writing() as writer:
        writer.put_stages(space, pack({**table, WAY: run}))


class _Asked(NamedTuple):
    """What questions found, and what the weights are called, in the order of the lists."""

    lists: Lists
    ways: Sequence[str]


class _Answer(NamedTuple):
    """The best hits of a question, and the log-odds that were known before."""

    question: Question
    hits: Sequence[Hit]
    right: Sequence[bool]
    known: float


def _asked(engine: Engine, run: StageSettings, tell: Tell) -> _Asked | None:
    """What the store's captions find, each asked where nothing was learned from its picture."""
    try:
        questions = held_out(engine, EACH).some(MOST)
    except QueryError:  # no captions
        return None
    images = frozenset(one.image for one in questions.rows)
    has_adapter = unseen.ADAPTER in unseen.learned(engine)
    if has_adapter and not unseen.can_relearn(engine):
        return None
    parts: Parts = unseen.by_folds(engine, images) if has_adapter else [(engine, images)]
    answers = []
    tell(Progress("weigh", 0, len(questions.rows)))
    for one, own in parts:
        for answer in _answers(one, questions.about(own), run):
            answers.append(answer)
            tell(Progress("weigh", len(answers), len(questions.rows)))
    return _listed(answers)


def _answers(engine: Engine, questions: Questions, run: StageSettings) -> Iterator[_Answer]:
    """Every second question is asked by the pictures alone, as if none had captions, and so are
    those whose own picture has no other caption: the captions of others would speak for these.
    """
    view = engine.store.view()
    known = prior(len(view.indexes[Modality.IMAGE]), view.background, Modality.IMAGE)
    told = {one for one in questions.rows[::2] if one.is_captioned}
    for match, is_told in (("all", True), ("picture", False)):
        rows = tuple(one for one in questions.rows if (one in told) == is_told)
        ranking = Ranking(match=match, fold=False, stages=run, without=_EXACT)
        found = replace(questions, rows=rows).hits(engine, ranking, LOOKED_AT)
        for question, hits in zip(rows, found, strict=True):
            right = engine.store.absolute(question.image)
            yield _Answer(question, hits, [hit.path == right for hit in hits], known)


def _listed(answers: Sequence[_Answer]) -> _Asked:
    """The answers as numbers."""
    rows = [[_weighed(hit) for hit in one.hits] for one in answers]
    ways = sorted({way for row in rows for said in row for way in said})
    shape = len(answers), LOOKED_AT
    said, known = np.zeros((*shape, len(ways) + 1)), np.full(shape, -np.inf)
    said[..., -1] = 1
    right = np.zeros(shape, bool)
    for row, answer in enumerate(answers):
        for place in range(len(answer.hits)):
            for way, value in rows[row][place].items():
                said[row, place, ways.index(way)] = value
            known[row, place] = answer.known
            right[row, place] = answer.right[place]
    aims = np.array([_aim(one.question.text) for one in answers])
    groups = np.unique([one.question.image for one in answers], return_inverse=True)[1]
    return _Asked(Lists(said, known, right, aims, groups), ways)


def _weighed(hit: Hit) -> dict[str, float]:
    """What speaks for a hit, by the names of the weights."""
    found: dict[str, float] = {}
    for way in hit.stages.keys() - {PRIOR}:
        name = weight_of(way, "caption" in hit.stages)
        found[name] = found.get(name, 0.0) + hit.stages[way]
    return found


def _aim(text: str) -> float:
    part = EncodedQuery(Modality.TEXT, text, np.zeros(0, np.float32))
    return aim(ComposedQuery((part,), (1.0,)))


def _named(ways: Sequence[str], learned: Learned) -> dict[str, float]:
    found = learned.weights.clip(-MOST_WEIGHT, MOST_WEIGHT).round(3).tolist()
    return dict(zip([*ways, BEFORE], found, strict=True))
