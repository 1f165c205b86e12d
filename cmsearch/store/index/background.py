"""How near what is unrelated comes to a query, and the best of it: what chance does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import tanh
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from cmsearch.types import TOWER, Background, FloatArray, IdArray, Modality, Scale

ENOUGH = 32
"""Items that a modality is made up to, so that it isn't judged by one or two alone."""
AS_MANY = 256
"""Different items at least, as whose best one the best one of any modality is judged."""
BANK = "bank"
"""As what the captions of the bank ask, in a background."""
_SAMPLE = 256
_TARGETS = 50_000
_LEAST_DEVIATION = 0.02
_NEAR_ONE = 0.999
_ORDER = NormalDist().inv_cdf((AS_MANY - 0.375) / (AS_MANY + 0.25))


class Rows(NamedTuple):
    """Vectors `(n, dim)`, and the subject of each: two of one subject are related."""

    vectors: FloatArray
    subjects: IdArray


def banked(vectors: FloatArray) -> Rows:
    """The bank's captions, of which each is about something of its own."""
    return Rows(vectors, -1 - np.arange(len(vectors)))


def background(
    content: Mapping[Modality, Rows], bank: Rows, known: Background | None = None
) -> Background:
    """By the modality of a query, or `BANK`, and that of the targets what chance does; as it is
    `known`, where it is.

    A modality of few items is made up to `ENOUGH`: with what the same tower has encoded, then with
    the bank's captions, which are about nothing here in particular.
    """
    content = {one: _sampled(rows) for one, rows in content.items()}
    targets = {one: _made_up(one, content, bank) for one in content}
    asking = {BANK: bank, Modality.TEXT: _made_up(Modality.TEXT, content, bank)}
    asking |= {one: rows for one, rows in content.items() if one is not Modality.TEXT}
    asking.setdefault(Modality.IMAGE, Rows(bank.vectors[:0], bank.subjects[:0]))
    prior = _prior(targets, bank)
    found: dict[str, dict[str, Scale]] = {}
    for query, rows in asking.items():
        found[query] = dict((known or {}).get(query, {}))
        for target, items in targets.items():
            if target in found[query]:
                continue
            own = unrelated(rows, items)
            if query in (Modality.IMAGE, Modality.SOUND, Modality.VIDEO):
                own = _shrunk(own, len(rows.vectors), prior.get(TOWER[target]))
            if own is not None:
                found[query][target] = own
    return found


def unrelated(queries: Rows, targets: Rows) -> Scale | None:
    """The scores of a sample of queries among unrelated targets: of the best, and of all.

    Related are an image, its captions, and passages of one file. The best of few targets, or of
    many that are alike, is low, and any query would find better than that. So their mean is at
    least that of the best of `AS_MANY` with their scores, whose Fisher transforms are taken as
    normally distributed, with the order statistic as Blom (1958) approximates it. None where too
    few are left.
    """
    rows = np.random.default_rng(0).permutation(len(queries.vectors))[:_SAMPLE]
    scores = queries.vectors[rows] @ targets.vectors.T
    scores[queries.subjects[rows][:, None] == targets.subjects] = -np.inf
    best = scores.max(axis=1, initial=-np.inf)
    best = best[np.isfinite(best)]
    if len(best) < 3:
        return None
    every = scores[np.isfinite(scores)]
    wide = np.arctanh(every.clip(-_NEAR_ONE, _NEAR_ONE))
    least = tanh(float(wide.mean()) + _ORDER * float(wide.std()))
    return Scale(
        best=min(max(float(best.mean()), least), 1.0),  # of equal vectors float16 rounds to more
        spread=max(float(best.std()), _LEAST_DEVIATION),
        mean=float(every.mean()),
        deviation=max(float(every.std()), _LEAST_DEVIATION),
        apart=len(np.unique(targets.subjects)) / len(targets.subjects),
    )


def _sampled(rows: Rows) -> Rows:
    """In random order, and not more than are compared."""
    chosen = np.random.default_rng(0).permutation(len(rows.vectors))[:_TARGETS]
    return Rows(rows.vectors[chosen], rows.subjects[chosen])


def _made_up(modality: Modality, content: Mapping[Modality, Rows], bank: Rows) -> Rows:
    """The items of a modality, made up to `ENOUGH` as far as there is something to do it with."""
    parts: list[Rows] = []
    missing = ENOUGH
    for rows in _alike(modality, content, bank):
        some = Rows(rows.vectors[:missing], rows.subjects[:missing]) if parts else rows
        parts.append(some)
        missing = max(missing - len(some.vectors), 0)
    return Rows(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _alike(modality: Modality, content: Mapping[Modality, Rows], bank: Rows) -> Iterator[Rows]:
    """The rows of a modality, and then those that its tower has encoded otherwise."""
    yield content.get(modality, Rows(bank.vectors[:0], bank.subjects[:0]))
    tower = TOWER[modality]
    yield from (rows for one, rows in content.items() if one != modality and TOWER[one] is tower)
    if tower is Modality.TEXT:
        yield bank


def _prior(targets: Mapping[Modality, Rows], bank: Rows) -> Mapping[Modality, Scale]:
    """What is expected of a picture as a query, by the tower of the targets.

    Among pictures what a text does among texts, and among texts what it does among pictures.
    """
    found = {}
    captions = Rows(bank.vectors[:ENOUGH], bank.subjects[:ENOUGH])
    if (alike := unrelated(bank, captions)) is not None:
        found[Modality.IMAGE] = alike
    pictures = next((rows for one, rows in targets.items() if TOWER[one] is Modality.IMAGE), None)
    across = None if pictures is None else unrelated(bank, pictures)
    if (across := across or found.get(Modality.IMAGE)) is not None:
        found[Modality.TEXT] = across
    return found


def _shrunk(own: Scale | None, number: int, prior: Scale | None) -> Scale | None:
    """What a number of queries found, drawn the nearer to what was expected the fewer they are."""
    if own is None or prior is None:
        return own or prior
    share = min(number / ENOUGH, 1.0)
    pairs = zip(own, prior, strict=True)
    return Scale(*(share * one + (1 - share) * other for one, other in pairs))
