"""Queries and texts, to and fro: nothing is lost, and no text is a traceback."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cmsearch.errors import QueryError
from cmsearch.search.query.grammar import LEAST_WEIGHT, MOST_WEIGHT, parse, written
from cmsearch.types import Query, QueryPart
from tests.examples import examples

# Mostly what the grammar gives a meaning to, so that few examples see many of its rules.
pieces = st.sampled_from(
    [
        *"+-−－＋–:：.,\"“”„\\'0258９ \t\n\u3000a犬\0\ud800",
        " + ",
        " - ",
        "2:",
        "2: ",
        "300:",
        ' "',
        '" ',
        "8:25",
    ]
)
biased = st.lists(pieces, max_size=12).map("".join)
strings = biased | st.text(st.characters(), max_size=30)
contents = strings.filter(str.strip)
weights = st.sampled_from([1.0, 2.0, 0.5]) | st.floats(LEAST_WEIGHT, MOST_WEIGHT)
parts = st.builds(
    lambda text, weight, sign: QueryPart(text, weight=sign * weight),
    contents,
    weights,
    st.sampled_from([1, 1, -1]),
)
queries = (
    st.lists(parts, min_size=1, max_size=5)
    .filter(lambda some: any(part.weight > 0 for part in some))
    .map(lambda some: Query(tuple(some)))
)


def without_joiners(text: str) -> str:
    """A text without what people write letters and emoji with, though it isn't seen."""
    return text.replace("\u200c", "").replace("\u200d", "")


@settings(examples(500), derandomize=True)
@given(queries)
def test_a_written_query_is_parsed_to_itself(query: Query) -> None:
    assert parse(written(query)) == query


@settings(examples(2000), derandomize=True)
@given(strings)
def test_any_text_is_a_query_or_a_mistake(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as error:
        assert without_joiners(str(error)).isprintable()
        return
    assert any(part.weight > 0 for part in query.parts)
    canonical = written(query)
    assert parse(canonical) == query
    assert written(parse(canonical)) == canonical


@settings(examples(200), derandomize=True)
@given(st.text(st.sampled_from("ab.,!?'’8 –"), max_size=30).filter(str.strip))
def test_a_text_of_other_characters_is_one_part(text: str) -> None:
    assert parse(text) == Query((QueryPart(text.strip()),))
