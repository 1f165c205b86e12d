"""What is held out of a store is neither found nor evidence; figures say of what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import cmsearch
from cmsearch import Engine, Query, QueryPart, Ranking
from cmsearch.errors import QueryError
from cmsearch.learning.ablation import LEFT_OUT, ablate_mixed
from cmsearch.learning.evaluate import WAYS, evaluate_mixed, ranks_of
from cmsearch.learning.metrics import Gold
from cmsearch.learning.questions import EACH, HOLD_ONE_OUT, KEEP_ONE, given, held_out
from cmsearch.store.catalog import pairs
from indexer import Indexer
from tests.builders import write_files, write_picture
from tests.commands import called

CAPTIONS = {
    "blue.png": ["zebra crossing", "Zebra  crossing.", "old harbour"],
    "green.png": ["a green meadow", "spring"],
    "red.png": ["a red roof"],
}
SHARES = [0.0, 0.2, 0.5, 0.7, 1.0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captioned")
    for name in CAPTIONS:
        write_picture(folder / name, name.partition(".")[0])
    lines = "".join(f"{name},{text}\n" for name, own in CAPTIONS.items() for text in own)
    write_files(folder, {"captions.csv": f"image,caption\n{lines}"})
    return folder


@pytest.fixture
def engine(folder: Path, fake_model: str) -> Iterator[Engine]:
    if not (folder / ".cmsearch").exists():
        Indexer(folder, model=fake_model).run()
    with cmsearch.open(folder) as engine:
        yield engine


def numbers(engine: Engine, *texts: str) -> frozenset[int]:
    rows = pairs.caption_items(engine.store.catalog)
    return frozenset(item for item, _, text in rows if text in texts)


@pytest.mark.parametrize("match", ["caption", "words", "fused", "all"])
def test_a_caption_that_is_left_out_is_no_evidence(engine: Engine, match: str) -> None:
    def said(*left_out: str) -> dict[str, float]:
        query = Query((QueryPart("zebra crossing"),), left_out=numbers(engine, *left_out))
        hits = engine.search(query, target="image", ranking=Ranking(match=match))
        stages = [hit.stages for hit in hits if hit.path.name == "blue.png"]
        return {name: own[name] for own in stages for name in own.keys() - {"picture", "prior"}}

    # The copy with a stop has the same words, hashed as the same vector.
    one = said("zebra crossing")
    assert one == said("Zebra  crossing.")
    without = said("zebra crossing", "Zebra  crossing.")
    assert without != one
    if match in ("words", "fused"):  # the best alone counts
        assert said() == one
    if "words" in one:
        assert "words" not in without and one["words"] > 0
    if "caption" in one:  # all that are there speak
        parts = without, one, said(), said("old harbour")
        values = [part["caption"] for part in parts]
        assert values == sorted(set(values))


@pytest.mark.parametrize("target", ["caption", "text", "any"])
def test_what_is_left_out_is_no_hit(engine: Engine, target: str) -> None:
    out = numbers(engine, "zebra crossing", "spring")
    query = Query((QueryPart("zebra crossing"),), left_out=out)
    found = {hit.item for hit in engine.search(query, target=target, k=50)}
    assert found and not found & out
    drawn = cmsearch.refined(query, disliked=engine.search("spring", target="image", k=1))
    assert drawn.left_out == out


def test_one_caption_of_each_picture_is_asked_and_its_copies_stay_out(engine: Engine) -> None:
    asked = held_out(engine, HOLD_ONE_OUT)
    assert [one.image for one in asked.rows] == list(CAPTIONS)
    for one in asked.rows:
        others = [text for text in CAPTIONS[one.image] if text != one.text]
        copies = [text for text in others if text.casefold().split()[0] == "zebra"]
        if "ebra" in one.text:
            assert one.own == numbers(engine, one.text, *copies)
        assert one.is_captioned == (one.image != "red.png")
        assert one.own & asked.left_out  # what is asked with isn't there for the others either
    assert (asked.captioned, asked.pictures) == (2, 3)


def test_all_but_one_caption_are_asked_or_each(engine: Engine) -> None:
    asked = held_out(engine, KEEP_ONE)
    assert [one.image for one in asked.rows] == ["blue.png", "blue.png", "green.png"]
    assert asked.captioned == 3 and len(asked.left_out) == 3
    every = held_out(engine, EACH)
    assert len(every.rows) == 6 and not every.left_out
    assert [one.is_captioned for one in every.rows if one.image == "red.png"] == [False]


def test_shares_are_nested_and_follow_the_seed(engine: Engine) -> None:
    kept = [
        {one.image for one in held_out(engine, EACH, share).rows if one.is_captioned}
        for share in SHARES
    ]
    assert [held_out(engine, EACH, share).captioned for share in SHARES] == [0, 1, 2, 2, 3]
    assert all(less <= more for less, more in pairwise(kept))
    assert held_out(engine, HOLD_ONE_OUT, 0.5) == held_out(engine, HOLD_ONE_OUT, 0.5)
    seeds = {held_out(engine, HOLD_ONE_OUT, 0.5, seed).rows for seed in range(8)}
    assert len(seeds) > 1


def test_figures_are_of_each_way_and_group(engine: Engine) -> None:
    asked = given(engine, [Gold("blue.png", "old harbour"), Gold("red.png", "a red thing")])
    rows = {(one.group, one.way): one for one in evaluate_mixed([(engine, CAPTIONS)], asked)}
    assert {way for _, way in rows} == set(WAYS)
    assert {group for group, _ in rows} == {"all", "captioned"}
    # Without its own caption nothing has the words of the harbour; the roof is red as well.
    assert rows["all", "words"].ranks[0] == 0
    assert rows["all", "picture"].ranks[1] == rows["all", "default"].ranks[1] == 1
    bare = given(engine, [Gold("red.png", "a red roof")], share=0)
    assert ranks_of(engine, bare, Ranking(match="words")) == [0]
    (row, *_) = evaluate_mixed([(engine, CAPTIONS)], bare, {"default": Ranking()})
    assert (row.queries, row.measures["recall@1"].value) == (1, 1.0)


def test_each_way_of_evidence_is_left_out(engine: Engine) -> None:
    asked = given(engine, [Gold("red.png", "a roof"), Gold("red.png", "red")])
    parts = [(engine, list(CAPTIONS))]
    default, *_ = evaluate_mixed(parts, asked)
    found = {one.stage: one for one in ablate_mixed(parts, asked, default)}
    assert set(found) == set(LEFT_OUT)
    without = ranks_of(engine, asked, Ranking(match="picture"))
    lost = np.mean(
        [(one == 1) - (two == 1) for one, two in zip(default.ranks, without, strict=True)]
    )
    assert found["captions and words"].gains["recall@1"].value == pytest.approx(lost)
    assert lost > 0  # by what they show all are alike to a roof
    assert found["hubness"].gains["mrr"].value == 0  # nothing of it runs with this encoder


def test_nothing_to_hold_out_is_an_error(tmp_path: Path, fake_model: str) -> None:
    write_picture(tmp_path / "red.png", "red")
    write_files(tmp_path, {"red.txt": "red\n"})
    Indexer(tmp_path, model=fake_model).run()
    with cmsearch.open(tmp_path) as engine:
        with pytest.raises(QueryError, match="two captions of a picture"):
            held_out(engine, KEEP_ONE)
        assert len(held_out(engine, HOLD_ONE_OUT).rows) == 1


def test_eval_prints_each_way_and_group(engine: Engine, folder: Path) -> None:
    given = ["--captions", "hold-one-out", "--captioned", "0.5"]
    done = called("eval", folder, *given, "--format", "json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(line["pictures"], line["way"]) for line in lines} == {
        (group, way) for group in ("all", "captioned", "bare") for way in WAYS
    }
    assert {line["queries"] for line in lines if line["pictures"] == "all"} == {3}
    table = called("eval", folder, *given).stdout
    assert "of 3 pictures captioned" in table and table.count("default") == 3
    other = called("eval", folder, *given, "--seed", 5).stdout
    assert other.count("default") == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--captioned", "0.5"], "give --captions hold-one-out"),
        (["--captions", "hold-one-out", "--ablate", "--keep"], "by the pictures alone"),
        (["--captions", "hold-one-out", "--captioned", "2"], "0<=x<=1"),
        (["--captions", "hold-one-out", "--captioned", "nan"], "from 0 to 1"),
        (["--captions", "nowhere.jsonl"], "does not exist"),
    ],
)
def test_options_that_do_not_go_together_are_told(
    engine: Engine, folder: Path, options: list[str], said: str
) -> None:
    failed = called("eval", folder, *options)
    assert failed.returncode == 2 and said in failed.stderr


def test_a_file_of_captions_is_asked_beside_those_in_the_index(
    engine: Engine, folder: Path
) -> None:
    write_files(folder, {"gold.jsonl": '{"image": "green.png", "caption": "SPRING"}\n'})
    done = called(
        "eval", folder, "--captions", folder / "gold.jsonl", "--captioned", 1, "--format", "json"
    )
    rows = {line["way"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert rows["words"]["recall@1"]["value"] == 0  # a copy of what is written there says nothing
    assert rows["default"]["pictures"] == "captioned"
