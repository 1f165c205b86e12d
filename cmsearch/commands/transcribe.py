"""The command `transcribe`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cmsearch.commands.places import unwritable
from cmsearch.common.files import new_file
from cmsearch.common.text import printable
from cmsearch.errors import MediaError

if TYPE_CHECKING:
    from cmsearch.models.transcribers.transcripts import Told
    from cmsearch.protocols import Transcriber
    from cmsearch.types import Segment

_PLAIN_SECONDS = 10.0


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "srt", "vtt", "json"]),
    default="text",
    show_default=True,
    help="json is one object a file, on one line.",
)
@click.option(
    "--asr",
    metavar="NAME",
    help="tiny.en, small, faster-whisper:ORG/NAME or /path; by default tiny.en.",
)
@click.option("--device", metavar="NAME", help="cuda, or cpu, which is the default.")
@click.option(
    "--out",
    metavar="FILE|DIR/",
    help="Write it there, in a folder as NAME.srt and so on; no file is replaced.",
)
def transcribe(
    files: tuple[Path, ...], form: str, asr: str | None, device: str | None, out: str | None
) -> int:
    """Write down what is said in recordings and films, sentence by sentence.

    What isn't speech is passed over. Ends with the exit code 3 if something could not be heard
    because a file is damaged.

    \b
    Examples:
      cmsearch transcribe talk.mp3
      cmsearch transcribe film.mp4 --format srt --out film.srt
      cmsearch transcribe *.wav --asr small --format vtt --out subtitles/
    """
    from cmsearch.models.transcribers import transcripts

    folder = _folder(out)
    if len(files) > 1 and folder is None and (out is not None or form in ("srt", "vtt")):
        raise click.UsageError("Several files need a folder to write to, as --out subtitles/.")
    transcriber = transcripts.transcriber(asr, device=device)
    complete = True
    for path in files:
        target = _target(path, form, folder, out)
        if len(files) > 1 and target is None and form == "text":
            click.echo(f"{printable(str(path))}:")
        complete &= _transcribed(path, form, transcriber, target, is_only=len(files) == 1)
    return 0 if complete else 3


def _transcribed(
    path: Path, form: str, transcriber: Transcriber, target: Path | None, *, is_only: bool
) -> bool:
    """Write down what is said in one file. Returns whether all of it was heard."""
    from cmsearch.show.cues import written

    damage: list[MediaError] = []
    with _progress(path, is_shown=target is not None or not sys.stdout.isatty()) as told:
        heard = _heard(path, transcriber, told, damage)
        first = next(heard, None)
        if first is not None or not damage:
            segments = heard if first is None else chain((first,), heard)
            with _place(target) as write:
                for piece in written(form, str(path), transcriber.name, segments):
                    write(piece)
        elif is_only:
            raise MediaError(f"{path} can't be transcribed: {damage[0]}.") from damage[0]
    for error in damage:
        click.echo(f"{printable(str(path))}: {printable(str(error))}", err=True)
    return not damage


def _heard(
    path: Path, transcriber: Transcriber, told: Told, damage: list[MediaError]
) -> Iterator[Segment]:
    """What is said in a file; what is wrong with it is added to `damage` in place of raising it."""
    from cmsearch.models.transcribers.transcripts import heard

    try:
        yield from heard(path, transcriber, told=told)
    except MediaError as error:
        damage.append(error)


def _folder(out: str | None) -> Path | None:
    """The folder to write to, made if need be; None for a file, or stdout."""
    if out is None or not (out.endswith("/") or Path(out).is_dir()):
        return None
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def _target(path: Path, form: str, folder: Path | None, out: str | None) -> Path | None:
    """Where the transcript of a file goes; None is stdout. Raises where a file is there."""
    from cmsearch.show.cues import SUFFIXES

    if folder is not None:
        target = folder / f"{path.stem}{SUFFIXES[form]}"
    elif out is not None:
        target = Path(out)
    else:
        return None
    if target.exists():  # before an hour of speech is heard
        raise unwritable(target, FileExistsError())
    return target


@contextmanager
def _place(target: Path | None) -> Iterator[Callable[[str], object]]:
    """A function that writes to a new file, or to stdout."""
    if target is None:
        yield _echo
        return
    try:
        with new_file(target) as file:
            yield _flushing(file)
    except OSError as error:
        raise unwritable(target, error) from error


def _flushing(file: BinaryIO) -> Callable[[str], object]:
    def write(piece: str) -> None:
        file.write(piece.encode())
        file.flush()  # so that an interruption keeps what was heard

    return write


def _echo(piece: str) -> None:
    shown = piece
    if sys.stdout.isatty():
        shown = "\n".join(map(printable, piece.split("\n")))
    click.echo(shown, nl=False)


@contextmanager
def _progress(path: Path, *, is_shown: bool) -> Iterator[Told]:
    """How far a file is: a bar on a terminal's stderr, else a plain line every ten seconds.

    Where the words themselves appear on the terminal nothing else is shown.
    """
    if not is_shown:
        yield lambda seconds, whole: None
    elif sys.stderr.isatty():
        with _bar(path) as told:
            yield told
    else:
        yield _lines(path)


@contextmanager
def _bar(path: Path) -> Iterator[Told]:
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f} of {total:.0f} s [{elapsed}<{remaining}]"
    name = printable(path.name)
    with tqdm(desc=name, total=1.0, leave=False, file=sys.stderr, bar_format=form) as bar:

        def told(seconds: float, whole: float | None) -> None:
            bar.total = max(whole or 0.0, seconds, 1.0)
            bar.update(seconds - bar.n)

        yield told


def _lines(path: Path) -> Told:
    last = time.monotonic()

    def told(seconds: float, whole: float | None) -> Any:
        from cmsearch.common.locators import clock

        nonlocal last
        if time.monotonic() - last >= _PLAIN_SECONDS:
            last = time.monotonic()
            of = "" if whole is None else f" of {clock(whole)}"
            click.echo(f"{printable(path.name)}: {clock(seconds)}{of}", err=True)

    return told
