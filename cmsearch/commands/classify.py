"""The command `classify`."""

# Tested by tests/e2e/test_classify.py

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands import warm
from cmsearch.commands.options import daemon_option, format_option, store_option
from cmsearch.common.text import json_line, printable
from cmsearch.errors import MediaError

if TYPE_CHECKING:
    from cmsearch.annotate.zero_shot import Label
    from cmsearch.search.engine import Engine

Answers = Sequence[Mapping[str, Any]]
"""The answers about one picture, in JSON's types."""
Judge = Callable[[Path], Answers]
NONE = "none of these"
MOST = 64
"""Pictures that a daemon is asked about; of more, starting takes the smallest part."""
LIKELY = 0.5
"""What is less likely by itself is said where a choice had to be taken; see `annotate`."""


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE_OR_FOLDER...")
@click.option("--choices", metavar="LIST", help='Choices, separated by commas: "day, night".')
@click.option("--question", metavar="TEXT", default="", help="What the choices answer.")
@click.option(
    "--questions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Several questions: a JSON object of questions, each with a list of choices.",
)
@click.option(
    "--none/--no-none",
    default=True,
    help="Whether none of the choices may be the answer; by default it may.",
)
@store_option
@daemon_option
@format_option
def classify(
    pictures: tuple[str, ...],
    choices: str | None,
    question: str,
    questions: Path | None,
    none: bool,
    store: Path | None,
    style: str,
) -> int:
    """Answer questions with choices about pictures, each with a confidence.

    The pictures needn't be in the index: others are encoded by its model. But it has to be there,
    since its pictures tell how likely an answer is. Ends with the exit code 3 if some pictures in
    a folder could not be read.

    \b
    Examples:
      cmsearch classify photo.jpg --choices "dog, cat, bird"
      cmsearch classify photo.jpg --question "Which room is it?" --choices "kitchen, bathroom"
      cmsearch classify 2024/trip --questions questions.json --format json
    """
    asked = _Asked(choices, question, questions, none)
    files, failed = list(_files(pictures)), 0
    known = _by_daemon(files, asked, store)
    with ExitStack() as stack:
        judge = None if known else stack.enter_context(_judging(asked, store))
        for path, answers in zip(files, known or [None] * len(files), strict=True):
            if answers is None:
                judge = judge or stack.enter_context(_judging(asked, store))
                try:
                    answers = judge(path)
                except MediaError as error:
                    if len(files) == 1:
                        raise
                    click.echo(f"skipped: {printable(str(error))}", err=True)
                    failed += 1
                    continue
            click.echo(_json(path, answers) if style == "json" else _table(path, answers))
    if not files:
        click.echo("There is no picture in there.", err=True)
    return 3 if failed else 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options that say what is asked. Raises `UsageError` where they don't go together."""

    choices: str | None
    question: str
    questions: Path | None
    none: bool

    def __post_init__(self) -> None:
        if (self.choices is None) == (self.questions is None):
            raise click.UsageError("Give --choices LIST, or --questions FILE: one of the two.")
        if self.questions is not None and self.question:
            raise click.UsageError("--question goes with --choices; FILE has questions of its own.")

    def read(self) -> dict[str, list[Label]]:
        """The questions with their choices."""
        from cmsearch.annotate.label_files import parse_choices, read_questions

        if self.questions is not None:
            return read_questions(self.questions)
        assert self.choices is not None, "one of the two was given"
        return {self.question: parse_choices(self.choices)}


@contextmanager
def _judging(asked: _Asked, store: Path | None) -> Iterator[Judge]:
    """What answers for a picture with an engine that is opened here."""
    from cmsearch.search import engine as searcher

    questions = asked.read()
    with searcher.open(store or ".") as engine:
        yield _judge(engine, questions, asked.none)


def _judge(engine: Engine, questions: Mapping[str, list[Label]], none: bool) -> Judge:
    from cmsearch.annotate.questions import Classifier, answers_as_json

    classifier = Classifier(engine, questions, none=none)
    return lambda path: answers_as_json(classifier.answers(path))


def _by_daemon(
    files: Sequence[Path], asked: _Asked, store: Path | None
) -> list[Answers | None] | None:
    """A daemon's answers for each file, None for one that it can't read; None if none runs."""
    if not 0 < len(files) <= MOST:
        return None
    answer = warm.asked("classify", store, lambda: _request(files, asked))
    if answer is None:
        return None
    try:
        found: list[Answers | None] = answer["answers"]
        told = [_table(path, one) for path, one in zip(files, found, strict=True) if one]
        return found if told else None
    except warm.UNREADABLE:
        return None


def _request(files: Sequence[Path], asked: _Asked) -> dict[str, Any]:
    return {
        "files": list(map(warm.path_as_json, files)),
        "choices": asked.choices,
        "question": asked.question,
        "questions": asked.questions and warm.path_as_json(asked.questions),
        "none": asked.none,
    }


def answered(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """A daemon's answer to questions about pictures, both in JSON's types.

    What can't be read is left to the command, which says so.
    """
    questions = request["questions"] and Path(request["questions"])
    asked = _Asked(request["choices"], request["question"], questions, request["none"])
    judge = _judge(engine, asked.read(), asked.none)

    def attempt(path: str) -> Answers | None:
        try:
            return judge(Path(path))
        except MediaError:
            return None

    return {"answers": list(map(attempt, request["files"]))}


def _files(pictures: Sequence[str]) -> Iterator[Path]:
    """The files that are named, and the pictures in the folders that are, in their order."""
    for one in map(Path, pictures):
        if not one.is_dir():
            yield one
            continue
        from cmsearch.common.kinds import PICTURES
        from cmsearch.media.readers import suffixes

        ends = suffixes(*PICTURES)
        inside = (path for path in one.rglob("*") if path.suffix.lower() in ends)
        hidden = (path for path in inside if not _is_hidden(path.relative_to(one)))
        yield from sorted(path for path in hidden if path.is_file())


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _json(path: Path, answers: Sequence[Mapping[str, Any]]) -> bytes:
    """One line in UTF-8; bytes of a name that aren't are escaped as JSON escapes surrogates."""
    return json_line({"path": str(path.absolute()), "answers": answers}).encode()


def _table(path: Path, answers: Sequence[Mapping[str, Any]]) -> str:
    rows = [printable(str(path))]
    for one in answers:
        asked = f"{one['question']}  " if one["question"] else ""
        choice, alone = one["answer"], one["alone"]
        given = NONE if choice is None else choice
        others = sorted(one["choices"].items(), key=lambda pair: -pair[1])
        near = ", ".join(f"{name} {share:.0%}" for name, share in others if name != choice)
        rest = f"  ({near})" if near else ""
        if choice is not None and one["none"] is None and alone[choice] < LIKELY:
            rest += f"  but only {alone[choice]:.0%} by itself: probably none of these"
        rows.append(f"  {one['confidence']:4.0%}  {printable(asked + given + rest)}")
    return "\n".join(rows)
