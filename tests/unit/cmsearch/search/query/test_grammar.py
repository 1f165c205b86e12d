"""What texts mean as queries, how queries are written, and what is said of mistakes."""

from __future__ import annotations

import pytest

from cmsearch.errors import QueryError
from cmsearch.search.query.grammar import parse, written
from cmsearch.types import Modality, Query, QueryPart


def query(*parts: tuple[str, float]) -> Query:
    return Query(tuple(QueryPart(text, weight=weight) for text, weight in parts))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("horse + stripes", [("horse", 1), ("stripes", 1)]),
        ("beach - people", [("beach", 1), ("people", -1)]),
        ("- people + beach", [("people", -1), ("beach", 1)]),
        ("2:golden retriever + 0.5:snow", [("golden retriever", 2), ("snow", 0.5)]),
        ("2:dog - .5:cat", [("dog", 2), ("cat", -0.5)]),
        ("beach - 2:people - dogs", [("beach", 1), ("people", -2), ("dogs", -1)]),
        ("\t  horse \n + \u3000stripes ", [("horse", 1), ("stripes", 1)]),
        # Typed with another keyboard.
        ("馬　＋　縞", [("馬", 1), ("縞", 1)]),
        ("２：犬 － 猫 − 雪", [("犬", 2), ("猫", -1), ("雪", -1)]),
        # A title with a number is a text, also among others.
        ("2001: a space odyssey + 2:stars", [("2001: a space odyssey", 1), ("stars", 2)]),
        ("2:stars - 24: season one", [("stars", 2), ("24: season one", -1)]),
        # Quotes around a whole part.
        ('"rock - paper"', [("rock - paper", 1)]),
        ('2:"8:25 train" + "2:1"', [("8:25 train", 2), ("2:1", 1)]),
        (r'"a \"b\" \\ c\d" - "+"', [(r'a "b" \ c\d', 1), ("+", -1)]),
        ('"  kept  "', [("  kept  ", 1)]),
        ("“rock - paper” - „scissors“", [("rock - paper", 1), ("scissors", -1)]),
    ],
)
def test_signs_weights_and_quotes(text: str, parts: list[tuple[str, float]]) -> None:
    assert parse(text) == query(*parts)


@pytest.mark.parametrize(
    "text",
    [
        *("a dog on the beach", "black-and-white", "C++", "a -b", "a+ b", "1 +1", "horse ++ x"),
        *("8:25 train", "16:9", "2: 8", "8：２５"),
        *("2001: a space odyssey", "24: season one", "3: the return", "10:30 train", "7: 30"),
        *("2: dog", "２： 犬", "2:\tdog", "0.5: snow", "-2: snow", "0,5: snow", '2: "a dog"'),
        *("2001:a space odyssey", "101:dalmatians", "0:horse", "0.001:b", "-300:x"),
        "9" * 400 + ":x",
        *("2 : dog", "dog 2:cat", "½:x", "nan: bread", "inf:x", "1e3:x", "psalm 23: shepherd"),
        *("Paris – the city", "Paris — the city", "a ‐ b", "a / b", "a * b", "--", "a|b & c"),
        *('5" nails', "the dog's bowl", "'a b'", '"stop" sign', "“stop” sign", '2" x 4"'),
        *("a  double   blank", "two\nlines", "«a»", "\\", "C:\\photos", 'say "a b"'),
    ],
)
def test_a_plain_text_is_one_part_as_it_stands(text: str) -> None:
    assert parse(text) == query((text, 1))
    assert parse(f"  {text}\n") == query((text, 1))
    assert written(query((text, 1))) == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("horse", 1), ("stripes", 1)], "horse + stripes"),
        ([("people", -1), ("beach", 1.0)], "- people + beach"),
        ([("dog", 2), ("snow", 0.5), ("cat", -100)], "2:dog + 0.5:snow - 100:cat"),
        ([("rock - paper", 1)], '"rock - paper"'),
        ([("8:25 train", 1), ("8:25 train", 2)], '8:25 train + 2:"8:25 train"'),
        ([("2:dog", 1), ("2:dog", 3)], '"2:dog" + 3:"2:dog"'),
        ([(" blank", 1), ("-", -1), ("+1:x", 1)], '" blank" - "-" + "+1:x"'),
        ([('"a"', 1), ('a "b" \\', 1), ('"a', -1)], r'"\"a\"" + a "b" \ - "\"a"'),
        ([(' C:\\ "x"', 1), ("“a”", 1)], r'" C:\\ \"x\"" + "“a”"'),
    ],
)
def test_writing_quotes_only_what_needs_it(parts: list[tuple[str, float]], text: str) -> None:
    assert written(query(*parts)) == text
    assert parse(text) == query(*parts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n\u3000", "is empty"),
        ("horse +", 'Nothing follows the sign \\+ at character 7. .* quotes: "horse \\+"$'),
        ("+ horse", "Nothing stands before the sign \\+ at character 1"),
        ("horse + - x", "Nothing stands between the signs \\+ and - at characters 7 and 9"),
        ("-", "Nothing follows the sign - at character 1"),
        ("horse + " + "x" * 50 + " +", 'double quotes: "…"$'),
        ("- people", "can't only subtract"),
        ("- 2:people - dogs", "can't only subtract"),
        ("horse + 2:", "The weight 2: at character 9 has nothing to weigh"),
        ("2:", "The weight 2: at character 1 has nothing to weigh"),
        ("horse + 2: ", "The weight 2: at character 9 has nothing to weigh"),
        ("horse + 2: - x", "The weight 2: at character 9 has nothing to weigh"),
        ("-2:snow", "The weight -2: at character 1 has a sign"),
        ("horse + −2:snow", "The weight −2: at character 9 has a sign"),
        ("0,5:snow", "The weight 0,5: at character 1 has a comma"),
        ('"horse', 'The quote " at character 1 is not closed'),
        ('a - 2:"horse + x', 'The quote " at character 7 is not closed'),
        (r'"horse\"', "is not closed"),
        ("“horse", "The quote “ at character 1 is not closed"),
        ('"rock - paper" scissors', "closed before its part ends, at scissors"),
        (r'"a \" b" c', "closed before its part ends, at c"),
        ('a + "" + b', 'The quote " at character 5 has nothing in it'),
        ('"  "', "has nothing in it"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        parse(text)


def test_messages_hold_nothing_that_steers_a_terminal() -> None:
    for text in ("\x1b[2J +", "-2:\x1b]0;x\x07", '"\x1b - a" \x1b[31mb', '"\x1b'):
        with pytest.raises(QueryError) as caught:
            parse(text)
        assert str(caught.value).isprintable()


def test_only_a_string_is_parsed() -> None:
    with pytest.raises(QueryError, match="not list"):
        parse(["horse"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "unwritable",
    [
        Query(()),
        query(("people", -1)),
        query(("horse", 0)),
        query(("horse", 1), ("dog", float("nan"))),
        query(("horse", float("inf"))),
        query(("horse", 1), ("dog", 0.001)),
        query((" ", 1)),
        Query((QueryPart("horse"),), without=(QueryPart("people"),)),
        Query((QueryPart("horse.jpg", Modality.IMAGE),)),
        Query((QueryPart(b"horse"),)),
    ],
)
def test_what_the_grammar_has_no_words_for_is_not_written(unwritable: Query) -> None:
    with pytest.raises(QueryError):
        written(unwritable)
