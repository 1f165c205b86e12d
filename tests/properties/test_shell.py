"""Whatever is typed into a session is done or is an error of ours, and leaves it whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.commands.lines import COMMANDS, Lines, completions
from cmsearch.commands.session import Session
from cmsearch.errors import CmsearchError
from cmsearch.types import Hit, Modality, Query

HITS = [
    Hit(1, 0.5, Path("/nowhere/a.jpg"), "a.jpg", Modality.IMAGE, "photo", None),
    Hit(2, 0.4, Path("/nowhere/b.jpg"), "b.txt:1", Modality.TEXT, "caption", "b \x1b[31m\udce9"),
    Hit(3, 0.3, Path("/nowhere/c.md"), "c.md:1", Modality.TEXT, "passage", "c"),
]
SAFE = sorted(set(COMMANDS) - {"export", "quit"})  # these write files, and end

texts = st.text(max_size=20) | st.sampled_from(["red", "red + blue", "a.jpg", "~", "- x", '"'])
ranks = st.lists(st.integers(-5, 5).map(str) | st.sampled_from(["not", "1-3", "2,3"]), max_size=4)
given_texts = texts | ranks.map(" ".join) | st.sampled_from(["image", "any", "caption"])
lines = st.builds(":{} {}".format, st.sampled_from(SAFE), given_texts) | texts


def find(query: Query, options: Mapping[str, Any], seen: Sequence[Hit]) -> list[Hit]:
    assert any(part.weight > 0 for part in query.parts)
    return [hit for hit in HITS if hit not in seen]


@given(st.lists(lines, max_size=12))
def test_any_lines_are_done_or_refused(typed: list[str]) -> None:
    session = Session(find, {"target": "any", "k": 10})
    does = Lines(session)

    @click.command()
    def run() -> None:
        for line in typed:
            before = (session.hits, session.marked, dict(session.options))
            try:
                does.run(line)
            except CmsearchError as error:
                assert str(error)
                assert before == (session.hits, session.marked, session.options)

    result = CliRunner().invoke(run, standalone_mode=False)
    assert result.exception is None, result.exception
    assert "\x1b" not in result.stdout


@given(texts | lines)
def test_what_completes_a_line_begins_with_it(line: str) -> None:
    assert all(one.startswith(line) for one in completions(line))
