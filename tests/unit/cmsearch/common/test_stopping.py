"""Work that stops between its steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

import cmsearch
from cmsearch import Engine, Ranking
from cmsearch.common import stopping
from indexer import Indexer
from tests.builders import write_files, write_scene


class EnoughError(Exception):
    """The work is to stop."""


def after(steps: int) -> Callable[[], None]:
    """A check that raises at the step after so many."""
    left = iter(range(steps))

    def check() -> None:
        if next(left, None) is None:
            raise EnoughError

    return check


@pytest.fixture
def engine(tmp_path: Path, fake_model: str) -> Engine:
    for number in range(6):
        write_scene(tmp_path / f"p{number}.png", number)
    write_files(tmp_path, {"note.md": "A red house.\n", "p1.txt": "red\n"})
    Indexer(tmp_path, model=fake_model, asr="none", ocr="none").run()
    return cmsearch.open(tmp_path)


def test_nothing_stops_what_nobody_checks() -> None:
    stopping.check()
    with stopping.stopped_by(after(1)):
        stopping.check()
        with pytest.raises(EnoughError):
            stopping.check()
        other = Thread(target=stopping.check)  # a warning if it raises, which is an error here
        other.start()
        other.join()
    stopping.check()


def test_a_search_stops_between_its_steps_and_is_whole_after(engine: Engine) -> None:
    whole = engine.search("red", ranking=Ranking(rerank="attention"))
    stopped = 0
    while True:
        try:
            with stopping.stopped_by(after(stopped)):
                found = engine.search("red", ranking=Ranking(rerank="attention"))
            break
        except EnoughError:
            stopped += 1
    assert found == whole
    assert 8 < stopped < 1000


def test_facets_stop_too(engine: Engine) -> None:
    with pytest.raises(EnoughError), stopping.stopped_by(after(3)):
        engine.facets("red")
    assert engine.facets("red") == engine.facets("red")
