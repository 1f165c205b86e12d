"""Labels and questions as people write them, and what is said where they are written wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.annotate.label_files import parse_choices, read_labels, read_questions
from cmsearch.annotate.zero_shot import Label, as_labels
from cmsearch.errors import CmsearchError, MediaError, QueryError
from tests.builders import write_files


def written(folder: Path, content: str | bytes) -> Path:
    return write_files(folder, {"labels": content}) / "labels"


@pytest.mark.parametrize(
    "content",
    [
        "dog\ncat: a cat, a kitten\n",
        "# pets\r\n\r\n  dog \r\ncat:a cat,a kitten,\r\n",
        "\ufeffdog\ncat: a cat, a kitten",
        '{"dog": [], "cat": ["a cat", "a kitten"]}',
    ],
)
def test_labels_are_lines_or_json(tmp_path: Path, content: str) -> None:
    expected = [Label("dog"), Label("cat", ("a cat", "a kitten"))]
    assert read_labels(written(tmp_path, content)) == expected


def test_a_json_list_has_names_alone_and_one_prompt_needs_no_list(tmp_path: Path) -> None:
    names = written(tmp_path, '["dog: a, b", "cat"]')
    assert read_labels(names) == [Label("dog: a, b"), Label("cat")]
    assert read_labels(written(tmp_path, '{"dog": "a dog"}')) == [Label("dog", ("a dog",))]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no labels"),
        ("\n# nothing\n", "no labels"),
        ("dog\ncat\nDog \n", "'Dog' is given twice"),
        ("hot  dog\nhot dog", "given twice"),
        ("a cat\ncaf\xe9".encode("latin-1"), "not UTF-8"),
        ("dog:", "isn't `label`"),
        (": a dog", "isn't `label`"),
        ("[]", "no labels"),
        ("{}", "no labels"),
        ("[1]", "not 1"),
        ('[""]', "not ''"),
        ('["\\ud800"]', "is a text"),
        ('{"dog": 1}', "prompts"),
        ('{"dog": [1]}', "not 1"),
        ('{"dog": "a", "dog": "b"}', "'dog' is given twice"),
        ('["dog"', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("\n".join(map(str, range(10_001))), "10001 labels are more"),
    ],
)
def test_each_mistake_is_named_with_its_file(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(QueryError, match=said) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cant_be_read_is_an_error_of_ours(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("a\0b")):
        with pytest.raises(MediaError, match="can't be read"):
            read_labels(path)


def test_questions_are_an_object_of_choices(tmp_path: Path) -> None:
    content = '{"Which room?": ["kitchen", "bath"], "When?": {"day": ["by day"], "night": []}}'
    assert read_questions(written(tmp_path, content)) == {
        "Which room?": [Label("kitchen"), Label("bath")],
        "When?": [Label("day", ("by day",)), Label("night")],
    }


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "dog", '{"a": 1}', '{"a": []}', '{"a": "b"}', '{"a": ["b"], "a": ["c"]}', "1"],
)
def test_what_are_no_questions_is_said(tmp_path: Path, content: str) -> None:
    with pytest.raises(CmsearchError, match="labels"):
        read_questions(written(tmp_path, content))


def test_choices_are_separated_by_commas() -> None:
    assert parse_choices(" day,night ,") == [Label("day"), Label("night")]
    for wrong in ("", " , "):
        with pytest.raises(QueryError, match="no labels"):
            parse_choices(wrong)
    with pytest.raises(QueryError, match="twice"):
        parse_choices("day, Day")


def test_labels_are_names_labels_or_a_mapping() -> None:
    assert as_labels(["a", Label("b", ("c",))]) == [Label("a"), Label("b", ("c",))]
    assert as_labels({"a": [], "b": ["c"]}) == [Label("a"), Label("b", ("c",))]
