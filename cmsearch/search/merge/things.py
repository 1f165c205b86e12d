"""One list of the answers of several directions, in which one thing is one candidate."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log1p

from cmsearch.search.merge.evidence import SURE
from cmsearch.search.retrieve.nearest import DECIMALS, Answers, Candidate, ordered
from cmsearch.types import Modality

_STEP = 10.0**-DECIMALS


def thing(candidate: Candidate) -> str:
    """What a candidate is of: a picture with what was written about it, a film, a document."""
    return candidate.item.about or candidate.item.path


def place(candidate: Candidate) -> tuple[int, str]:
    """The store that a candidate is of, and what it is of there."""
    return candidate.store, thing(candidate)


def merged(directions: Sequence[Answers], depth: int) -> Answers:
    """The answers of all directions as one, the best first.

    A direction with `depth` answers may have more, which would come after its last one. What
    follows comes after all that was looked at, so that these are the same however many are wanted.
    """
    best = ordered(one for own in directions for one in own.best)
    ends = [
        (own.rest or own.best)[-1]
        for own in directions
        if len(own.best) + len(own.rest) >= depth and (own.rest or own.best)
    ]
    bar = max((end.score for end in ends), default=float("-inf"))
    # Equal ones stay as near as they are: however many there are, the first are the same.
    rest = sorted((one for own in directions for one in own.rest), key=lambda one: -one.score)
    return followed(best, [own for own in rest if own.score >= bar])


def followed(best: Sequence[Candidate], rest: Sequence[Candidate]) -> Answers:
    """The best with the rest behind them: none of the rest has a higher score."""
    down = max(0.0, rest[0].score - best[-1].score) if best and rest else 0.0
    return Answers(best, [own._replace(score=own.score - down) for own in rest])


def as_things(answers: Answers) -> Answers:
    """The answers with one candidate for each thing: the one that speaks the loudest for it.

    What several modalities say of one is as likely as all of them together, since any may be meant.
    A picture has the evidence of its captions and of the text in it already.
    """
    groups: dict[tuple[int, str], list[Candidate]] = {}
    for candidate in answers.best:
        groups.setdefault(place(candidate), []).append(candidate)
    best = ordered(_joined(own) for own in groups.values())
    rest: dict[tuple[int, str], Candidate] = {}
    for candidate in answers.rest:
        if place(candidate) not in groups:
            rest.setdefault(place(candidate), candidate)
    return followed(best, list(rest.values()))


def _joined(candidates: Sequence[Candidate]) -> Candidate:
    """The loudest of one thing's candidates, the best first, with what the others add."""
    pictures = [own for own in candidates if own.item.kind == "photo"]
    if pictures:
        candidates = [own for own in candidates if own.item.kind not in ("caption", "ocr")]
    loudest: dict[Modality, Candidate] = {}
    for candidate in candidates:
        loudest.setdefault(candidate.item.modality, candidate)
    first, *others = loudest.values()
    for other in others:
        added = log1p(exp(other.score - first.score))
        stages = {**first.stages, other.item.modality.value: added}
        first = first._replace(score=round(first.score + added, DECIMALS), stages=stages)
    return first


def named_first(named: Sequence[Candidate], others: Answers) -> Answers:
    """Files whose name is what is asked for before all others, with scores that say so."""
    if not named:
        return others
    items = {candidate.key for candidate in named}
    left = [own for own in others.best if own.key not in items]
    least = max(SURE, left[0].score if left else SURE)
    first = [
        own._replace(score=round(least + (len(named) - rank) * _STEP, DECIMALS))
        for rank, own in enumerate(named)
    ]
    return followed([*first, *left], [own for own in others.rest if own.key not in items])
