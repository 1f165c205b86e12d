"""Random searches of all directions, filters and options, and what no answer to them may show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date
from itertools import pairwise
from math import exp, fsum
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from cmsearch import Engine, Filter, Hit, Modality, Query, QueryError, QueryPart, Ranking
from cmsearch.common.kinds import TARGETS
from cmsearch.search.hybrid.captions_and_words import MATCHES

FEW, MORE = 5, (15, 50, 1000)
"""Hits that are compared, and how many are asked for besides."""
RISE, UNTOLD, LONGER, AGAIN, ERROR = (
    "more relevance below",
    "a score or a relevance that the evidence doesn't sum to",
    "another beginning of a longer answer",
    "another answer to the same",
    "an error that is none of a query",
)
KINDS = (RISE, UNTOLD, LONGER, AGAIN, ERROR)
"""What no answer may show."""
SPREAD = {RISE: f"{RISE}, where hits are spread", LONGER: f"{LONGER}, where hits are spread"}
"""What `diverse` is for, or can't help."""

FILTERS = (
    Filter(path="photos"), Filter(path="*.jpg"), Filter(path="none/*"), Filter(path="*a*"),
    Filter(since=date(2018, 1, 1)), Filter(until=date(2019, 6, 30)),
    Filter(since=date(2017, 1, 1), until=date(2020, 1, 1)), Filter(camera="canon"),
    Filter(near=(38.7, -9.1, 50.0)), Filter(has_caption=True), Filter(has_caption=False),
    Filter(path="*e*", camera="pixel", since=date(2016, 6, 1)),
)  # fmt: skip
"""Filters that leave some, all or nothing."""


class Material(NamedTuple):
    """What there is to ask with."""

    texts: Sequence[str]
    pictures: Sequence[Path]
    recordings: Sequence[Path]
    filters: Sequence[Filter]


class Asked(NamedTuple):
    """A search, and by which names that which is unlike the default is known."""

    given: dict[str, Any]
    target: str
    where: Filter
    ranking: Ranking
    traits: tuple[str, ...]

    def hits(self, engine: Engine, k: int) -> list[Hit]:
        found: list[Hit] = engine.search(
            **self.given, target=self.target, where=self.where, ranking=self.ranking, k=k
        )
        return found

    def __str__(self) -> str:
        told = [f"{name}={value!r}" for name, value in self.given.items()]
        told.append(f"target={self.target!r}")
        for name, own in (("where", self.where), ("ranking", self.ranking)):
            plain = type(own)()
            names = [field.name for field in fields(own)]
            unlike = [one for one in names if getattr(own, one) != getattr(plain, one)]
            told += [f"{name}.{one}={getattr(own, one)!r}" for one in unlike]
        return ", ".join(told)


class Fault(NamedTuple):
    """What is wrong with the answer to a search."""

    kind: str
    asked: Asked
    told: str


def asked(seed: int, material: Material) -> Iterator[Asked]:
    """Searches that a seed chooses, without end."""
    random = Random(seed)
    while True:
        given, by = _given(random, material)
        target = random.choice(("any", "any", "any", "image", "image", "image", *TARGETS))
        where, filtered = _filter(random, material)
        ranking, ranked = _ranking(random)
        yield Asked(given, target, where, ranking, (*by, f"for {target}", *filtered, *ranked))


def faults(engine: Engine, own: Asked) -> tuple[list[Fault], bool]:
    """What is wrong with the answers to a search, and whether it was one that can't be meant."""
    try:
        hits = own.hits(engine, FEW)
        again = own.hits(engine, FEW)
        longer = {k: own.hits(engine, k) for k in MORE}
    except QueryError:
        return [], True
    except Exception as error:
        return [Fault(ERROR, own, f"{type(error).__name__}: {error}")], False
    found = [*_rises(own, longer[MORE[-1]]), *_untold(own, longer[MORE[-1]])]
    if again != hits:
        found.append(Fault(AGAIN, own, _apart(hits, again)))
    for k, more in longer.items():
        if [_shown(hit) for hit in more[:FEW]] != [_shown(hit) for hit in hits]:
            found.append(_fault(LONGER, own, f"k={k}: {_apart(hits, more[:FEW])}"))
            break
    return found, False


def _fault(kind: str, own: Asked, told: str) -> Fault:
    return Fault(SPREAD[kind] if own.ranking.diverse else kind, own, told)


def _rises(own: Asked, hits: Sequence[Hit]) -> Iterator[Fault]:
    """The first hit of more relevance than the one above it."""
    for above, below in pairwise(hits):
        if below.relevance > above.relevance:
            yield _fault(RISE, own, f"{_line(above)}\n{_line(below)}")
            return


def _untold(own: Asked, hits: Sequence[Hit]) -> Iterator[Fault]:
    """The first hit whose evidence isn't its score, or whose relevance isn't that of the score."""
    for hit in hits:
        said = 1 / (1 + exp(-max(-500.0, min(500.0, hit.score))))
        is_sum = abs(fsum(hit.stages.values()) - hit.score) < 1e-5
        if not is_sum or "prior" not in hit.stages or abs(hit.relevance - said) > 1e-4:
            yield Fault(UNTOLD, own, _line(hit))
            return


def _shown(hit: Hit) -> tuple[object, ...]:
    return hit.path, hit.item, hit.locator, hit.score, hit.relevance


def _apart(one: Sequence[Hit], other: Sequence[Hit]) -> str:
    """The first place at which two answers differ."""
    for left, right in zip(one, other, strict=False):
        if left != right:
            return f"\n{_line(left)}\n{_line(right)}"
    return f"{len(one)} and {len(other)} hits"


def _line(hit: Hit) -> str:
    stages = {name: round(value, 3) for name, value in hit.stages.items()}
    return f"{hit.rank}. {hit.relevance} ({hit.score}) {hit.source} {hit.kind} {stages}"


def _given(random: Random, material: Material) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is asked with, and its names."""
    ways = ["text"] * 5 + ["sum"] * 6 + ["image"] * 2 * bool(material.pictures)
    way = random.choice([*ways, *["audio"] * bool(material.recordings)])
    if way == "text":
        return {"query": random.choice(material.texts)}, ("text",)
    if way == "image":
        return {"image": random.choice(material.pictures)}, ("picture",)
    if way == "audio":
        return {"audio": random.choice(material.recordings)}, ("recording",)
    parts = [_part(random, material) for _ in range(random.choice((1, 2, 2, 3)))]
    without = [_part(random, material) for _ in range(random.choice((0, 0, 0, 1, 1, 2)))]
    for number in range(1, len(parts)):
        if random.random() < 0.4:
            parts[number] = parts[number]._replace(weight=-parts[number].weight)
    query = Query(*(tuple(QueryPart(*part) for part in some) for some in (parts, without)))
    names = dict.fromkeys(
        f"{'-' if part.weight < 0 else '+'} {part.modality}" for part in parts[1:]
    )
    weighed = ["weights"] if any(abs(part.weight) != 1 for part in parts) else []
    excluded = dict.fromkeys(f"not {part.modality}" for part in without)
    return {"query": query}, (str(parts[0].modality), *names, *weighed, *excluded)


class _Part(NamedTuple):
    content: Any
    modality: Modality
    weight: float


def _part(random: Random, material: Material) -> _Part:
    weight = random.choice((1, 1, 1, 1, 2, 0.5, 0.01, 30))
    chance = random.random()
    if material.pictures and chance < 0.3:
        return _Part(random.choice(material.pictures), Modality.IMAGE, weight)
    if material.recordings and chance < 0.35:
        return _Part(random.choice(material.recordings), Modality.SPEECH, weight)
    return _Part(random.choice(material.texts), Modality.TEXT, weight)


def _filter(random: Random, material: Material) -> tuple[Filter, tuple[str, ...]]:
    if random.random() < 0.6 or not material.filters:
        return Filter(), ()
    where = random.choice(material.filters)
    return where, tuple(
        field.name for field in fields(Filter) if getattr(where, field.name) is not None
    )


def _ranking(random: Random) -> tuple[Ranking, tuple[str, ...]]:
    """How hits are ordered: mostly as by default, and by a few options at once otherwise."""
    choices: dict[str, Sequence[Any]] = {
        "match": MATCHES,
        "rerank": ("none", "attention", "learned"),
        "correct": (False,),
        "depth": (1, 3, 10, 1000),
        "budget": (0.0, 1000.0),
        "fold": (False,),
        "diverse": (True,),
        "fusion": ("sum",),
        "without": (frozenset({"picture"}), frozenset({"caption", "words"})),
        "min_relevance": (0.05, 0.15, 0.5, 0.9),
    }
    number = random.choice((0, 0, 1, 1, 1, 2, 2, 3))
    chosen = {name: random.choice(choices[name]) for name in random.sample(list(choices), number)}
    names = tuple(
        f"{name} {' '.join(sorted(value)) if name == 'without' else value}"
        for name, value in chosen.items()
    )
    return Ranking(**chosen), names
