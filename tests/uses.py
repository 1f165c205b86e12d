"""Random use of the command line and of the API: only errors of cmsearch, and each call ends."""

from __future__ import annotations

import json
import random
import shutil
import signal
import string
import traceback
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import cmsearch
from cmsearch import CmsearchError, Filter, Query, QueryPart, Ranking
from cmsearch.commands.table import COMMANDS
from cmsearch.store.store import DIRECTORY
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import called

SECONDS = 60
"""A call that takes longer hangs."""
MODEL = "fake:colours"
WEIGHTS = {
    "search": 12, "index": 5, "info": 2, "doctor": 3, "similar": 3, "more": 3, "again": 2,
    "duplicates": 3, "annotate": 4, "classify": 3, "explain": 3, "generations": 1, "rollback": 1,
    "prune": 1, "shell": 4, "eval": 2, "models": 1, "map": 1, "fit": 1, "completion": 1,
    "transcribe": 1, "speak": 1, "train": 1,
}  # fmt: skip
LEFT_OUT = {"mic", "opened", "aloud", "speak", "device", "checkpoint_seconds", "help"}
"""Options that wait for a microphone, open windows, make noise, or choose among devices."""
WORDS = (
    *("red", "green", "a red house", "blue + green", "red - ", '"', "2:red", "-1:", "99999:x"),
    *(
        "",
        " ",
        "\0",
        "é",
        "日本",
        "\u202egnp",
        "a" * 3000,
        "--help",
        "-k",
        "*",
        "2024",
        "NaN",
        "1e400",
    ),
    *("IMG_0007", "[", "'; DROP TABLE items; --", "%s{}", "\ud800", "../..", "~", "/dev/null"),
    *("1", "2", "0", "-1", "1,2", "10**9", "48.1,11.5,10", "2024-07-01", "31.12.1999", "yes"),
)


class HangError(BaseException):
    """A call didn't end in time; none of ours catches it."""


@contextmanager
def ending(seconds: int = SECONDS) -> Iterator[None]:
    """Raise `HangError` in what takes longer."""

    def ring(*_: object) -> None:
        raise HangError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Uses:
    """A folder with its index, and steps that a seed chooses; what went wrong is in `failures`."""

    def __init__(self, place: Path, seed: int) -> None:
        self.failures: list[str] = []
        self.steps = 0
        self._place, self._random, self._seed = place, random.Random(seed), seed
        self._folder = place / "folder"
        self._fill()

    def step(self) -> None:
        """One thing that somebody might do."""
        self.steps += 1
        done = self._random.choices(
            (self._command, self._call, self._change, self._damage), (12, 6, 3, 1)
        )[0]
        with chdir(self._folder):
            done()
        if not self._folder.is_dir() or self.steps % 60 == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._fill()

    def _fill(self) -> None:
        for number, colour in enumerate(("red", "green", "blue", "yellow")):
            write_picture(self._folder / f"{colour}.png", colour, (20 + number, 30))
        write_picture(self._folder / "2024" / "IMG_0007.JPG", "red")
        captions = [{"image": f"{one}.png", "caption": f"a {one} house"} for one in ("red", "blue")]
        write_files(
            self._folder,
            {
                "captions.jsonl": "".join(f"{json.dumps(one)}\n" for one in captions),
                "note.md": "A red house.\n\nThe sea is blue.\n",
                "labels.txt": "red\ngreen\n",
                "questions.json": '{"colour": ["red", "green"]}',
                "\u202egnp.txt": "green green meadow\n",
            },
        )
        Indexer(self._folder, model=MODEL, asr="none").run()

    def _tried(self, what: str, act: Callable[[], object]) -> None:
        try:
            with ending():
                act()
        except CmsearchError:
            pass
        except (Exception, HangError) as error:
            where = traceback.format_exception(error)[-6:]
            said = f"seed {self._seed} step {self.steps}: {what}: {error!r}\n{''.join(where)}"
            self.failures.append(said)

    # --- the command line ---

    def _command(self) -> None:
        name = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        words = [name]
        for parameter in command.params:
            words += self._given(parameter)
        # What the system passes to no program: ends of strings, and characters that are no bytes.
        words = [one.replace("\0", " ").replace("\ud800", "\udce9") for one in words]
        stdin = "\n".join(self._random.choices([*WORDS, ":help", ":mark 1", ":show"], k=4))
        data = stdin.encode("utf-8", "surrogateescape" if "\ud800" not in stdin else "replace")
        self._tried(repr(words), lambda: self._ran(words, data))

    def _ran(self, words: list[str], stdin: bytes) -> None:
        done = called(*words, stdin=stdin)
        assert done.returncode in (0, 1, 2, 3), done.returncode
        assert "Traceback" not in done.stderr, done.stderr
        raw = {"paths", "paths0"} & set(words)  # which give a name as it is
        odd = ("nan%", "NaN") if raw else ("nan%", "NaN", "\u202e")
        assert not any(bad in done.stdout for bad in odd), done.stdout

    def _given(self, parameter: click.Parameter) -> list[str]:
        chance = self._random.random()
        if parameter.name in LEFT_OUT:
            return []
        if isinstance(parameter, click.Argument):
            return [self._value(parameter)] if parameter.required or chance < 0.5 else []
        if parameter.name in ("model", "asr", "sound"):
            names = (MODEL, MODEL, "none", *WORDS)
            return [parameter.opts[0], self._random.choice(names)] if chance < 0.3 else []
        if chance > (0.95 if parameter.required else 0.12):
            return []
        option = self._random.choice([*parameter.opts, *parameter.secondary_opts])
        is_flag = isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count)
        return [option] if is_flag else [option, self._value(parameter)]

    def _value(self, parameter: click.Parameter) -> str:
        kind = parameter.type
        if self._random.random() < 0.15:
            return self._random.choice(WORDS)
        if isinstance(kind, click.Choice):
            return str(self._random.choice(list(kind.choices)))
        if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
            return str(self._random.choice((0, 1, 2, 3, 0.5, 10, -1, 10**12)))
        if isinstance(kind, click.Path) or parameter.name in ("pictures", "image", "folder"):
            return self._path()
        return self._random.choice(WORDS)

    def _path(self) -> str:
        made = ("new.html", "new.png", "new.jsonl", "new.txt", "new/", "new.safetensors", "new.wav")
        found = sorted(str(one) for one in self._folder.rglob("*") if DIRECTORY not in one.parts)
        there = (".", "..", "none", "/dev/null", DIRECTORY, f"{DIRECTORY}/catalog.db", "red.png")
        return self._random.choice([*made, *there, *found])

    # --- the API ---

    def _call(self) -> None:
        draw = self._random.choice
        options = {
            name: make()
            for name, make in (
                ("k", lambda: draw((1, 3, 0, -1, None, 10**9, "x"))),
                ("target", lambda: draw(("any", "image", "text", "sound", "page", "x", None))),
                ("where", self._filter),
                ("ranking", self._ranking),
            )
            if self._random.random() < 0.3
        }
        way, value = draw(("query", "image", "audio")), self._asked()
        self._tried(
            f"search {way}={value!r}, {options!r}", lambda: self._search(way, value, options)
        )

    def _search(self, way: str, value: Any, options: dict[str, Any]) -> None:
        with cmsearch.open(".") as engine:
            found = engine.search(**{way: value}, **options)
            engine.embed(**{way: value})
            some = [one for one in found if isinstance(one, cmsearch.Hit)]
            if some and way == "query":
                refined = cmsearch.refined(value, some[:2], some[2:3])
                assert isinstance(engine.search(refined, k=2), list)
            assert all(abs(one.score) < 1e9 for one in some)

    def _asked(self) -> Any:
        draw = self._random.choice
        noise = "".join(self._random.choices(string.printable, k=self._random.randrange(40)))
        part = QueryPart(draw(WORDS), draw(("text", "image", "x")), draw((1, -1, 0, 0.5, "x")))
        values = (*WORDS, noise, self._path(), Path(self._path()), noise.encode(), None, 5, [])
        return draw((*values, Query((part, QueryPart("red"))), ["red", draw(WORDS)]))

    def _filter(self) -> Any:
        draw = self._random.choice
        near = draw((None, (48.1, 11.5, 10), (1, 2), (float("nan"), 0, 0)))
        return draw((Filter(path=draw(WORDS)), Filter(camera=draw(WORDS)), Filter(near=near), 5))

    def _ranking(self) -> Any:
        draw = self._random.choice
        return Ranking(
            rerank=draw(("auto", "none", "attention", "reciprocal", "learned", "x", *WORDS[:9])),
            depth=draw((None, 1, 5, 0, "x")),
            match=draw(("all", "picture", "caption", "words", "fused", "x")),
            min_relevance=draw((0.0, 0.5, 2, "x")),
            budget=draw((None, 0, 1.0, "x")),
            fold=draw((True, False)),
            diverse=draw((True, False)),
            without=draw((frozenset(), {"picture"}, {"words", "x"}, "x", 5)),
        )

    # --- what happens to the folder meanwhile ---

    def _change(self) -> None:
        """As people and other programs do: files come, go, and get other names."""
        files = sorted(one for one in self._folder.rglob("*") if DIRECTORY not in one.parts)
        files = [one for one in files if one.is_file()]
        act = self._random.randrange(4)
        if act == 0 or not files:
            name = f"{self._random.randrange(99)}.png"
            write_picture(self._folder / name, self._random.choice(("red", "blue")))
        elif act == 1:
            self._random.choice(files).unlink()
        elif act == 2:
            one = self._random.choice(files)
            one.rename(one.with_name(f"{self._random.randrange(99)}{one.suffix}"))
        else:
            self._spoil(self._random.choice(files))

    def _damage(self) -> None:
        """As disks do: a file of the store is gone, cut off, or has other bytes."""
        files = sorted(one for one in (self._folder / DIRECTORY).glob("*") if one.is_file())
        if files:
            self._spoil(self._random.choice(files))

    def _spoil(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        act = self._random.randrange(3)
        if act == 0 or not data:
            path.unlink()
        elif act == 1:
            path.write_bytes(data[: self._random.randrange(len(data))])
        else:
            for _ in range(8):
                data[self._random.randrange(len(data))] = self._random.randrange(256)
            path.write_bytes(data)
