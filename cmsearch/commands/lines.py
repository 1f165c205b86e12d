"""What the lines of a session mean: queries, and commands that begin with a colon."""

# Tested by tests/unit/cmsearch/commands/test_shell.py

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from cmsearch.commands import editing
from cmsearch.commands.asking import composed, doubt_about, part_of, tell
from cmsearch.commands.narrowing import FILTERS, narrowed
from cmsearch.commands.ranks import number, plain_ranks, ranks
from cmsearch.commands.showing import Showing, show
from cmsearch.commands.values import COMPLETED, values
from cmsearch.common.kinds import TARGETS
from cmsearch.common.text import printable
from cmsearch.errors import QueryError

if TYPE_CHECKING:
    from cmsearch.commands.session import Session
    from cmsearch.types import Hit, Query, QueryPart

    Judged = Callable[[Query, Mapping[str, Any], Sequence[Hit], bool | None], str]
    """Marks hits of a query that was asked with these options; gives what to say of that."""

_SIGN = re.compile(r"([-−－]|[+＋])(?!\S)")


class Command(NamedTuple):
    """What is typed after its name, and what it does."""

    given: str
    says: str


COMMANDS = {
    "and": Command("TEXT|FILE", "Add to the query: a text, - TEXT to take away, or a picture."),
    "not": Command("TEXT|FILE", "Leave out what is about this."),
    "more": Command("RANKS", "More like some hits, less like others: :more 3 7 -5"),
    "similar": Command("RANK|FILE", "Pictures like a hit, or like any picture."),
    "image": Command("FILE", "Ask with a picture."),
    "voice": Command("FILE", "Ask with what is said in a recording."),
    "for": Command("KIND", f"What to find: {', '.join(TARGETS)}."),
    "top": Command("N", "How many hits."),
    "path": Command("[GLOB]", "Only what lies there; alone, as each of these, anywhere again."),
    "since": Command("[DAY]", "Only from this day, month or year on."),
    "until": Command("[DAY]", "Only up to this one, included."),
    "near": Command("[PLACE]", "Only there: LAT,LON,KM, or a town, or a country."),
    "camera": Command("[NAME]", "Only by this camera."),
    "keyword": Command("[WORD]", "Only with this keyword, and those before."),
    "person": Command("[NAME]", "Only with this person, and those before."),
    "rating": Command("[STARS]", "Only with so many stars: 4, 4.., ..2 or 3..5."),
    "label": Command("[COLOUR]", "Only with this label, or one of those before."),
    "again": Command("", "Search for the same once more."),
    "back": Command("", "Go back to the search before."),
    "preview": Command("", "Show pictures with the hits, or no longer."),
    "open": Command("RANK", "Open a hit in the system's viewer."),
    "speak": Command("[FILE.wav]", "Read the hits aloud, or write that as a recording."),
    "right": Command("RANKS", "Let the index keep that hits are right for the query: :right 1 3"),
    "wrong": Command("RANKS", "Let it keep that they are wrong."),
    "clear": Command("RANKS", "Take back what was said of them."),
    "mark": Command("RANKS", "Mark hits: :mark 1 3-5"),
    "marked": Command("", "List the marked hits."),
    "unmark": Command("[NUMBERS]", "Take back marks, by the numbers of :marked, or all."),
    "export": Command(
        "FILE", "Write the marked to FILE.html, .jsonl or .txt, or copy to a folder/."
    ),
    "help": Command("", "List the commands."),
    "quit": Command("", "End; Ctrl-D does too."),
}
_VERDICTS = {"right": True, "wrong": False, "clear": None}
_FILES = ("and", "not", "similar", "image", "voice", "speak", "export")


def completions(line: str, start: Path = Path()) -> list[str]:
    """The whole lines that the beginning of one can become, with the values of the index there."""
    name, blank, given = line.partition(" ")
    if not line.startswith(":"):
        return []
    if not blank:
        matches = [one for one in COMMANDS if one.startswith(name[1:])]
        return [f":{one}{' ' * bool(COMMANDS[one].given)}" for one in matches]
    if name == ":for":
        return [f":for {kind}" for kind in TARGETS if kind.startswith(given)]
    if (option := FILTERS.get(name[1:], "")) in COMPLETED:
        return [f"{name} {value}" for value in values(start, option, given)]
    return [f"{name} {path}" for path in editing.files(given)] if name[1:] in _FILES else []


class Lines:
    """What the lines of a session do, and print."""

    def __init__(
        self,
        session: Session,
        *,
        preview: bool = False,
        why_none: Callable[[Query, Mapping[str, Any]], str] | None = None,
        judged: Judged | None = None,
    ) -> None:
        self._session = session
        self._judged = judged
        self._why_none = why_none
        self._preview = preview
        self._does: Mapping[str, Callable[[str], None]] = {
            "and": self._and,
            "not": self._not,
            "more": self._more,
            "similar": self._similar,
            "image": self._image,
            "voice": self._voice,
            "for": self._for,
            "top": self._top,
            **{name: partial(self._narrow, name) for name in FILTERS},
            "again": self._again,
            "back": self._back,
            "preview": self._switch_preview,
            "open": self._open,
            "speak": self._speak,
            **{name: partial(self._judge, right) for name, right in _VERDICTS.items()},
            "mark": self._mark,
            "marked": self._marked,
            "unmark": self._unmark,
            "export": self._export,
            "help": self._help,
        }

    def run(self, line: str) -> bool:
        """Do what a line says. Returns whether the session goes on; raises `CmsearchError`."""
        line = line.strip()
        if not line.startswith(":"):
            if line:
                self._session.ask(composed(line, (), ()))
                self._show()
            return True
        name, _, given = line[1:].partition(" ")
        name, given = _named(name), given.strip()
        if name == "quit":
            return False
        wanted = COMMANDS[name].given
        if given and not wanted:
            raise QueryError(f":{name} takes nothing after it.")
        if not given and wanted and not wanted.startswith("["):
            raise QueryError(f"Write what it is about: :{name} {wanted}.")
        self._does[name](given)
        return True

    def _show(self) -> None:
        session = self._session
        query, wanted, why = session.query, session.wanted, "Nothing was found."
        if not session.hits and self._why_none is not None:
            why = self._why_none(query, wanted)
        tell(session.hits, query, wanted, Showing(preview=self._preview), why)

    def _and(self, given: str) -> None:
        from cmsearch.types import Modality

        part = part_of(_file(given))
        parts = [part] if part.modality is Modality.IMAGE else _parts(given)
        self._session.add(parts)
        self._show()

    def _not(self, given: str) -> None:
        self._session.exclude(part_of(_file(given)))
        self._show()

    def _more(self, given: str) -> None:
        self._session.more(*ranks(given))
        self._show()

    def _similar(self, given: str) -> None:
        if given.isdecimal():
            self._session.similar(number(given))
        else:
            query = composed(None, [_picture(given)], ())
            self._session.ask(query, **self._session.pictures())
        self._show()

    def _image(self, given: str) -> None:
        self._session.ask(composed(None, [_picture(given)], ()))
        self._show()

    def _voice(self, given: str) -> None:
        from cmsearch.commands.listening import heard

        self._session.ask(composed(None, (), (), heard(_picture(given), None)))
        self._show()

    def _for(self, given: str) -> None:
        if given not in TARGETS:
            raise QueryError(f"There is no kind {given}; it is one of {', '.join(TARGETS)}.")
        self._set("target", given)

    def _top(self, given: str) -> None:
        self._set("k", number(given))

    def _narrow(self, name: str, given: str) -> None:
        self._set(FILTERS[name], narrowed(name, given, self._session.options))

    def _set(self, name: str, value: Any) -> None:
        self._session.set(name, value)
        if self._session.is_asked:
            self._show()

    def _again(self, _: str) -> None:
        self._session.again()
        self._show()

    def _back(self, _: str) -> None:
        self._session.back()
        self._show()

    def _switch_preview(self, _: str) -> None:
        self._preview = not self._preview
        if not self._preview:
            click.echo("Without pictures.", err=True)
        elif self._session.is_asked:
            self._show()

    def _open(self, given: str) -> None:
        from cmsearch.show.viewer import open_in_viewer

        open_in_viewer(self._session.hit(number(given)).path)

    def _speak(self, given: str) -> None:
        from cmsearch.commands.session import NOTHING_ASKED
        from cmsearch.commands.speak import check_speech, speak_hits

        hits = self._session.hits
        if not self._session.is_asked:
            raise QueryError(f"There is nothing to read. {NOTHING_ASKED}")
        target = Path(_file(given)) if given else None
        check_speech(target is None, target, instead=":speak FILE.wav")
        speak_hits(hits, doubt_about(hits), aloud=target is None, target=target)

    def _judge(self, right: bool | None, given: str) -> None:
        session = self._session
        hits = [session.hit(rank) for rank in dict.fromkeys(plain_ranks(given))]
        if self._judged is not None:
            said = self._judged(session.query, session.wanted, hits, right)
            click.echo(said, err=True)

    def _mark(self, given: str) -> None:
        new = self._session.mark(plain_ranks(given))
        click.echo(f"{new} more, {len(self._session.marked)} marked.", err=True)

    def _marked(self, _: str) -> None:
        from dataclasses import replace

        marked = self._session.marked
        hits = [replace(hit, rank=number) for number, hit in enumerate(marked, 1)]
        if not hits:
            click.echo("Nothing is marked.", err=True)
        show(hits, "Marked", Showing(preview=self._preview))

    def _unmark(self, given: str) -> None:
        marked = self._session.marked
        self._session.unmark(plain_ranks(given) if given else range(1, len(marked) + 1))
        click.echo(f"{len(self._session.marked)} marked.", err=True)

    def _export(self, given: str) -> None:
        from cmsearch.commands.exporting import export

        marked = self._session.marked
        if not marked:
            raise QueryError("Nothing is marked. Mark hits by their ranks: :mark 1 3-5.")
        click.echo(printable(export(marked, "Marked", _file(given))), err=True)

    def _help(self, _: str) -> None:
        rows = [(f":{name} {one.given}".rstrip(), one.says) for name, one in COMMANDS.items()]
        width = max(len(usage) for usage, _ in rows)
        click.echo("A line is a query: horse + stripes - people. What begins with : is a command;")
        click.echo("its beginning will do where no other begins so.")
        for usage, says in rows:
            click.echo(f"  {usage:{width}}  {says}")


def _named(name: str) -> str:
    """The command that a name, or its beginning, stands for."""
    if name in COMMANDS:
        return name
    found = [one for one in COMMANDS if name and one.startswith(name)]
    if found and all(one.startswith(found[0]) for one in found):  # :ma is :mark, not :marked
        return found[0]
    if found:
        raise QueryError(f":{name} may be {' or '.join(f':{one}' for one in found)}.")
    raise QueryError(
        f"There is no command :{name}. :help lists them. A text that begins with a colon is "
        f'searched for in quotes: ":{name}".'
    )


def _parts(given: str) -> list[QueryPart]:
    """What a text adds to a query; it may begin with a sign, as it isn't alone."""
    sign = _SIGN.match(given)
    if sign is None:
        return list(composed(given, (), ()).parts)
    if sign[1] in "+＋":
        return list(composed(given[1:], (), ()).parts)
    return list(composed(f"{given} + x", (), ()).parts[:-1])


def _picture(given: str) -> str:
    """The path of a picture; - is stdin elsewhere, which has the lines here."""
    return "./-" if given == "-" else _file(given)


def _file(given: str) -> str:
    """A name as it is typed: with ~ for the home, and maybe in quotes."""
    for quote in "\"'":
        if len(given) > 2 and given[0] == given[-1] == quote:
            given = given[1:-1]
            break
    return os.path.expanduser(given)  # noqa: PTH111 - of a text that may be no path
