from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from functools import partial
from itertools import islice
from threading import Event
from typing import Any

import pytest

from cmsearch.common import stopping
from cmsearch.errors import QueryError
from cmsearch.server.batching import Batching
from cmsearch.server.errors import LateError
from cmsearch.types import Query, QueryPart


def asked(text: str) -> Query:
    return Query((QueryPart(text),))


def test_what_comes_while_others_are_encoded_is_one_batch() -> None:
    sizes: list[int] = []
    begun, go_on = Event(), Event()

    def encode(queries: Sequence[Query]) -> Any:
        sizes.append(len(queries))
        begun.set()
        assert go_on.wait(10)
        return [query.parts[0].content for query in queries]

    batching = Batching(encode)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batching.encoded, asked("0"))
        assert begun.wait(10)
        others = [pool.submit(batching.encoded, asked(str(one))) for one in range(1, 9)]
        while len(batching._coming) < 8:
            pass
        go_on.set()
        assert [first.result(), *(one.result() for one in others)] == [*map(str, range(9))]
    assert sizes == [1, 8]


def test_a_batch_has_a_largest_size() -> None:
    sizes: list[int] = []

    def encode(queries: Sequence[Query]) -> Any:
        sizes.append(len(queries))
        return queries

    batching = Batching(encode, most=2)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(batching.encoded, [asked(str(one)) for one in range(20)]))
    assert sum(sizes) == 20
    assert max(sizes) <= 2
    assert batching.sizes == Counter(sizes)
    assert batching.seconds > 0


def test_who_asks_wrongly_is_told_and_the_others_are_answered() -> None:
    def encode(queries: Sequence[Query]) -> Any:
        if any(query.parts[0].content == "bad" for query in queries):
            raise QueryError("That is no query.")
        return queries

    batching = Batching(encode)
    futures = [*(asked(str(one)) for one in range(5)), asked("bad")]
    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(batching.encoded, one) for one in futures]
        with pytest.raises(QueryError, match="no query"):
            done[-1].result()
        assert [one.result() for one in done[:-1]] == futures[:-1]


def test_what_nobody_foresaw_reaches_all_who_wait() -> None:
    def encode(queries: Sequence[Query]) -> Any:
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        Batching(encode).encoded(asked("a cat"))


def test_who_is_done_waits_for_no_further_batch() -> None:
    begun, go_on, last = Event(), Event(), Event()
    sizes: list[int] = []

    def encode(queries: Sequence[Query]) -> Any:
        sizes.append(len(queries))
        begun.set()
        assert go_on.wait(60)
        assert len(sizes) < 3 or last.wait(60)
        return [query.parts[0].content for query in queries]

    batching = Batching(encode, most=2)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(batching.encoded, asked("0"))]
        assert begun.wait(60)
        done += [pool.submit(batching.encoded, asked(str(number))) for number in range(1, 4)]
        while len(batching._coming) < 3:
            pass
        go_on.set()
        try:  # any of the three may be the first that wakes, and be encoded with another
            assert len(list(islice(as_completed(done, 30), 3))) == 3
        finally:
            last.set()
        assert [one.result() for one in done] == ["0", "1", "2", "3"]
    assert sizes == [1, 2, 1]


def test_what_waits_for_its_turn_is_encoded_with_the_first() -> None:
    sizes: list[int] = []

    def encode(queries: Sequence[Query]) -> Any:
        sizes.append(len(queries))
        return [query.parts[0].content for query in queries]

    def wrong() -> Query:
        raise QueryError("That can't be meant.")

    batching = Batching(encode, most=3)
    with ExitStack() as stack:
        texts = [stack.enter_context(batching.coming(partial(asked, str(one)))) for one in range(4)]
        slow = stack.enter_context(batching.coming(partial(asked, "slow"), is_quick=False))
        bad = stack.enter_context(batching.coming(wrong))
        assert [batching.of(one) for one in (texts[1], texts[0], texts[2])] == ["1", "0", "2"]
        assert sizes == [3]  # in the order in which they came
        assert batching.of(slow) == "slow"
        assert sizes == [3, 1]
        assert batching.of(texts[3]) == "3"
        with pytest.raises(QueryError, match="can't be meant"):
            batching.of(bad)
        assert sizes == [3, 1, 1]


def test_who_left_is_not_encoded() -> None:
    def encode(queries: Sequence[Query]) -> Any:
        return [query.parts[0].content for query in queries]

    batching = Batching(encode)
    with batching.coming(partial(asked, "first")) as first:
        with batching.coming(partial(asked, "leaves")):
            pass
        assert batching.of(first) == "first"
    assert batching.sizes == {1: 1}
    assert not batching._coming


def test_who_is_late_keeps_nobody_waiting() -> None:
    """Its thread may ask for it when the request has been given up."""
    batching = Batching(lambda queries: [one.parts[0].content for one in queries])  # type: ignore[misc]
    with batching.coming(partial(asked, "late")) as late:
        pass
    assert batching.of(late) == "late"
    assert batching.encoded(asked("a cat")) == "a cat"


def test_who_is_stopped_stops_no_other() -> None:
    def stopped() -> None:
        raise LateError("Too late.")

    def checking() -> Query:
        stopping.check()
        return asked("a cat")

    batching = Batching(lambda queries: [one.parts[0].content for one in queries])  # type: ignore[misc]
    with batching.coming(checking) as own, stopping.stopped_by(stopped):
        assert batching.of(own) == "a cat"
