"""The command `classify`."""

# Tested by tests/e2e/test_classify.py

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmsearch.commands.options import format_option, store_option
from cmsearch.common.text import json_line, printable

if TYPE_CHECKING:
    from cmsearch.annotate.zero_shot import Label

NONE = "none of these"
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
    from cmsearch.annotate.questions import Classifier, answers_as_json
    from cmsearch.errors import MediaError
    from cmsearch.search import engine as searcher

    asked = _asked(choices, question, questions)
    files, failed = list(_files(pictures)), 0
    with searcher.open(store or ".") as engine:
        classifier = Classifier(engine, asked, none=none)
        for path in files:
            try:
                answers = answers_as_json(classifier.answers(path))
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


def _asked(choices: str | None, question: str, questions: Path | None) -> dict[str, list[Label]]:
    from cmsearch.annotate.label_files import parse_choices, read_questions

    if (choices is None) == (questions is None):
        raise click.UsageError("Give --choices LIST, or --questions FILE: one of the two.")
    if questions is not None:
        if question:
            raise click.UsageError("--question goes with --choices; FILE has questions of its own.")
        return read_questions(questions)
    assert choices is not None, "one of the two was given"
    return {question: parse_choices(choices)}


def _files(pictures: Sequence[str]) -> Iterator[Path]:
    """The files that are named, and the pictures in the folders that are, in their order."""
    from cmsearch.common.kinds import PICTURES
    from cmsearch.media.readers import suffixes

    pictures_end = suffixes(*PICTURES)
    for one in map(Path, pictures):
        if not one.is_dir():
            yield one
            continue
        inside = (path for path in one.rglob("*") if path.suffix.lower() in pictures_end)
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
