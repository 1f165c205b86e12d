"""What the command `eval` measures of one model, by its options."""

# Tested by tests/unit/cmsearch/learning/test_questions.py

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexer.commands.eval_output import Measured

if TYPE_CHECKING:
    from cmsearch.learning.evaluate import Parts
    from cmsearch.learning.metrics import Gold
    from cmsearch.learning.questions import Questions
    from cmsearch.search.engine import Engine

HELD_OUT = {
    "hold-one-out": "one caption of each picture asked with, its others left in",
    "keep-one": "one caption of each picture left in, its others asked with",
}
"""What `--captions` takes besides files, and what that means."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured, with what."""

    captions: str | None
    marks: bool
    captioned: float | None
    seed: int
    ablate: bool
    keep: bool
    calibration: bool
    absurd: Path | None
    plot: Path | None
    compare: Sequence[str]

    @property
    def file(self) -> Path | None:
        """The file of captions, if there is one."""
        return Path(self.captions) if self.captions and self.captions not in HELD_OUT else None

    @property
    def is_mixed(self) -> bool:
        """Whether captions speak for their pictures as it is measured."""
        return self.captions in HELD_OUT or self.captioned is not None

    def check(self) -> None:
        """Raise `UsageError` for options that don't go together."""
        if self.marks and (self.captions or self.ablate or self.calibration or self.compare):
            raise click.UsageError(
                "--marks is measured by itself: leave out --captions, --ablate, --calibration and "
                "--compare."
            )
        if self.keep and not self.ablate:
            raise click.UsageError("--keep keeps what --ablate measures: give both.")
        if self.absurd is not None and not self.calibration:
            raise click.UsageError("--absurd is for --calibration: give both.")
        if self.plot is not None and not self.calibration:
            raise click.UsageError("--plot draws what --calibration measures: give both.")
        if self.captioned is not None and not 0 <= self.captioned <= 1:  # no number is in no range
            raise click.UsageError("--captioned is a share, from 0 to 1.")
        if self.captioned is not None and self.captions is None:
            raise click.UsageError(
                "--captioned says how many pictures keep captions beside those asked with: give "
                "--captions hold-one-out, --captions keep-one, or --captions FILE too."
            )
        if self.is_mixed and self.keep:
            raise click.UsageError(
                "--keep keeps what gains by the pictures alone: leave out --captioned, and "
                "--captions unless it names a file."
            )


def measured_with(engine: Engine, wanted: Wanted, odd: Sequence[str] | None) -> Measured:
    """What an engine's store gives, by whatever is wanted; `odd` are absurd queries."""
    from cmsearch.learning import ablation
    from cmsearch.models.spaces import model_name

    if wanted.marks:
        return _by_marks(engine)
    asked = _Asked(engine, wanted)
    measured = replace(_figures(asked), name=model_name(engine.space), learned=asked.learned)
    if wanted.ablate and not wanted.is_mixed:
        measured = replace(measured, gains=ablation.ablate(engine, asked.gold))
    if wanted.ablate and wanted.is_mixed:
        (default,) = measured.compared()
        gains = ablation.ablate_mixed(asked.parts(), asked.questions(), default)
        measured = replace(measured, gains=gains)
    if wanted.keep:
        measured = replace(measured, kept=ablation.keep(engine, measured.gains))
    if wanted.calibration:
        measured = _calibrated(asked, measured, odd)
    return replace(measured, is_folded=asked.is_folded)


def _by_marks(engine: Engine) -> Measured:
    """What is found by the queries that hits were marked for."""
    from cmsearch.learning import unseen
    from cmsearch.learning.marked import evaluate_marks
    from cmsearch.models.spaces import model_name

    name = model_name(engine.space)
    return Measured(name, learned=unseen.learned(engine), marked=evaluate_marks(engine))


class _Asked:
    """What is asked of an engine, and what asks it where it has learned from that."""

    def __init__(self, engine: Engine, wanted: Wanted) -> None:
        from cmsearch.learning import unseen
        from cmsearch.learning.evaluate import given_or_own
        from cmsearch.learning.metrics import read_gold

        self.engine, self.wanted = engine, wanted
        root = engine.store.root
        self.gold: Sequence[Gold] | None = read_gold(wanted.file, root) if wanted.file else None
        self.pairs = given_or_own(engine, self.gold)
        self.images = frozenset(pair.image for pair in self.pairs)
        learned = unseen.learned(engine)
        self.learned = learned if learned and unseen.seen(engine, self.images) else ()
        self.is_folded = bool(self.learned) and unseen.can_relearn(engine)

    def parts(self) -> Parts:
        """The engine, or those that have learned from other pictures than they are asked about."""
        from cmsearch.learning import unseen

        if self.is_folded:
            return unseen.by_folds(self.engine, self.images)
        return [(self.engine, self.images)]

    def questions(self) -> Questions:
        """What is asked where captions speak for pictures; each of those in the index, if no others
        are wanted.
        """
        from cmsearch.learning import questions

        wanted = self.wanted
        share = 1.0 if wanted.captioned is None else wanted.captioned
        if self.gold is not None:
            return questions.given(self.engine, self.gold, share, wanted.seed)
        how = wanted.captions or questions.EACH
        return questions.held_out(self.engine, how, share, wanted.seed)


def _figures(asked: _Asked) -> Measured:
    """The figures by direction, or those where captions speak for pictures."""
    from cmsearch.learning import evaluate as measuring

    if not asked.wanted.is_mixed:
        return Measured(directions=measuring.evaluate_parts(asked.parts(), asked.pairs))
    questions = asked.questions()
    how = HELD_OUT.get(asked.wanted.captions or "", "asked with the captions given, those here in")
    said = f"{how}; {questions.captioned} of {questions.pictures} pictures captioned"
    return Measured(held_out=said, mixed=measuring.evaluate_mixed(asked.parts(), questions))


def _calibrated(asked: _Asked, measured: Measured, odd: Sequence[str] | None) -> Measured:
    """The same with how well relevance agrees with what is right."""
    from cmsearch.learning import calibration, no_match

    questions = asked.questions().some(calibration.MOST)
    judged = [calibration.judged(engine, questions.about(own)) for engine, own in asked.parts()]
    to_images, to_texts = calibration.joined(judged)
    return replace(
        measured,
        curve=no_match.calibrate(asked.engine, asked.gold, odd),
        others="absurd" if odd else "picture left out",
        reliabilities=[*to_images.reliabilities(), *to_texts.reliabilities()],
        no_match=no_match.no_match(asked.engine, odd or no_match.absurd(), to_images.best),
    )
