"""The command line, in a process of its own where that could differ, on the sample photographs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import write_files, write_picture
from tests.commands import called, cmsearch, python

GOLDEN = Path(__file__).parent / "golden"
FIELDS = [
    *("rank", "score", "path", "source", "modality", "kind", "text", "taken"),
    *("stages", "relevance", "copies", "start", "end", "page", "item", "locator", "cosine"),
    *("applied", "taken_source", "taken_zone", "position", "town", "lines", "copy_items", "store"),
    *("keywords", "people", "places", "rating", "labels", "creators"),
]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("text-image", ["a rocket before launch", "--for", "image", "-k", "1"]),
        ("image-text", ["--image", "photos/honey_bee.jpg", "--for", "text", "-k", "2"]),
        ("image-image", ["--image", "photos/tabby_cat.jpg", "--for", "image", "-k", "1"]),
        ("text-text", ["how are photographs developed", "--for", "passage", "-k", "1"]),
        ("text-any", ["a cat", "-k", "3"]),
    ],
)
def test_each_direction_gives_its_golden_hits(
    sample: Path, request: pytest.FixtureRequest, name: str, arguments: list[str]
) -> None:
    result = called("search", *arguments, "--format", "json", cwd=sample)
    hits = [json.loads(line) for line in result.stdout.splitlines()]
    found = "".join(f"{hit['kind']} {hit['source']}\n" for hit in hits)
    path = GOLDEN / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text()
    assert result.returncode == 0
    assert result.stderr == ""


def test_every_sample_query_finds_its_photograph_in_the_first_three(sample: Path) -> None:
    import cmsearch as library

    lines = (sample / "queries.jsonl").read_text().splitlines()
    queries = [json.loads(line) for line in lines]
    assert len(queries) >= 20
    with library.open(sample) as engine:
        answers = engine.search([query["query"] for query in queries], target="image", k=3)
    for query, hits in zip(queries, answers, strict=True):
        assert sample / query["image"] in [hit.path for hit in hits], query["query"]


def test_json_is_one_object_a_line_with_the_documented_fields(sample: Path) -> None:
    result = cmsearch("search", "a cat", "--format", "json", "-k", "4", cwd=sample)
    hits = [json.loads(line) for line in result.stdout.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    assert all(list(hit) == FIELDS for hit in hits)
    assert all(Path(hit["path"]).is_file() for hit in hits)


def test_paths_are_absolute_and_each_given_once(sample: Path) -> None:
    result = called("search", "a cat", "--format", "paths", "-k", "20", cwd=sample)
    lines = result.stdout.splitlines()
    assert len(lines) == len(set(lines))
    assert all(Path(line).is_absolute() and Path(line).is_file() for line in lines)


def test_the_store_is_found_from_a_folder_below(sample: Path) -> None:
    result = called("search", "a cat", "--for", "image", "-k", "1", cwd=sample / "photos")
    assert "calico_kitten.jpg" in result.stdout
    assert "photos/" not in result.stdout  # paths are shown as seen from here


def test_a_picture_may_come_through_a_pipe(sample: Path) -> None:
    data = (sample / "photos" / "tabby_cat.jpg").read_bytes()
    result = cmsearch("search", "--image", "-", "--for", "image", "-k", "1", cwd=sample, stdin=data)
    assert "calico_kitten.jpg" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["search"], 2, "Give a TEXT"),
        (["search", "x", "--text", "y"], 2, "Give the text once"),
        (["search", "x", "--image", "y"], 1, "y can't be read"),
        (["search", "x +"], 2, "Nothing follows the sign"),
        (["search", "x", "--not", ""], 2, "empty"),
        (["search", "x", "--not", "none.jpg"], 1, "none.jpg"),
        (["search", "x", "--html", "found.txt"], 1, ".html"),
        (["search", "x", "--html", "nowhere/found.html"], 1, "can't be written"),
        (["search", "x", "--preview", "--format", "json"], 2, "--preview"),
        (["more"], 2, "cmsearch more 3 7"),
        (["more", "0"], 2, "0"),
        (["more", "1", "-5"], 2, "-5"),
        (["more", "1", "--not", "1"], 2, "right or wrong"),
        (["similar"], 2, "FILE"),
        (["similar", "queries.jsonl"], 1, "not a picture"),
        (["search", " "], 2, "empty"),
        (["search", "x", "-k", "0"], 2, "0"),
        (["search", "x", "--for", "smell"], 2, "smell"),
        (["search", "--image", "none.jpg"], 1, "none.jpg"),
        (["search", "--image", "queries.jsonl"], 1, "not a picture"),
        (["search", "x", "--near", "91,0,1"], 2, "nowhere on Earth"),
        (["search", "x", "--near", "here"], 2, "LAT,LON,KM"),
        (["search", "x", "--since", "soon"], 2, "write 2024-07-13"),
        (["index", "nowhere"], 2, "nowhere"),
        (["index", "--model", "nonsense"], 2, "cmsearch models"),
        (["index", "--model", "hf-hub:"], 2, "hf-hub"),
        (["index", "--model", "ViT-B-32/laion2b_s34b_b79k"], 1, "not on this machine"),
        (["eval", "--captions", "LICENSES.md"], 1, "LICENSES.md"),
        (["eval", "--model", "lite", "--store", "x"], 2, "not both"),
        (["no-such-command"], 2, "no-such-command"),
    ],
)
def test_mistakes_are_one_message_and_an_exit_code(
    sample: Path, arguments: list[str], status: int, said: str
) -> None:
    result = called(*arguments, cwd=sample)
    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_without_an_index_it_says_how_to_make_one(tmp_path: Path) -> None:
    result = cmsearch("search", "x", cwd=tmp_path)
    assert result.returncode == 1
    assert "cmsearch index" in result.stderr


def test_skipped_files_are_named_with_their_reasons_and_exit_code_3(tmp_path: Path) -> None:
    write_picture(tmp_path / "good.png")
    write_files(tmp_path, {"bad\x1b[31m.jpg": b"no picture", "captions.jsonl": '{"image": "x.jpg",'
                           ' "caption": "gone"}\n'})  # fmt: skip
    result = cmsearch("index", tmp_path, "--model", "lite")
    assert result.returncode == 3
    assert "skipped bad[31m.jpg: not a picture" in result.stderr  # without the escape character
    assert "skipped captions.jsonl:1: describes x.jpg" in result.stderr
    assert "index: 1 photo," in result.stdout
    assert "files: 2 added, 2 skipped" in result.stdout
    report = json.loads(called("index", tmp_path, "--format", "json").stdout)
    assert len(report["skipped"]) == 2


def test_progress_is_told_to_programs(tmp_path: Path, fake_model: str) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png")
    result = called("index", tmp_path, "--model", fake_model, "--progress", "json")
    lines = [line for line in result.stderr.splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    assert {"stage": "index", "done": 3, "total": 3, "note": ""} in events
    assert events[-1] == {"stage": "publish", "done": 1, "total": 1, "note": ""}


def test_indexing_again_does_nothing_and_says_so(sample: Path) -> None:
    result = cmsearch("index", cwd=sample)
    assert result.returncode == 0
    assert "unchanged" in result.stdout and "added" not in result.stdout
    assert "Model lite: the index was made with it." in result.stderr


def test_eval_prints_both_directions(sample: Path) -> None:
    lines = called("eval", "--format", "json", cwd=sample).stdout.splitlines()
    directions = {line["direction"]: line for line in map(json.loads, lines)}
    assert set(directions) == {"text→image", "image→text"}
    for found in directions.values():
        assert found["recall@1"]["low"] <= found["recall@1"]["value"] <= found["recall@1"]["high"]
    assert directions["text→image"]["recall@5"]["value"] > 0.7


def test_eval_measures_a_folder_without_leaving_an_index(
    sample: Path, tmp_path: Path, fake_model: str
) -> None:
    for name in ("raccoon.jpg", "espresso.jpg"):
        shutil.copy(sample / "photos" / name, tmp_path / name)
    write_files(tmp_path, {"raccoon.txt": "a raccoon", "espresso.txt": "a cup of coffee"})
    result = called("eval", tmp_path, "--model", "lite", "--format", "json")
    assert json.loads(result.stdout.splitlines()[0])["recall@1"]["value"] == 1
    assert "recall@10" in called("eval", tmp_path, "--model", fake_model).stdout
    assert not (tmp_path / ".cmsearch").exists()


def test_models_lists_what_is_published(tmp_path: Path) -> None:
    lines = called("models", "--format", "json").stdout.splitlines()
    rows = {row["name"]: row for row in map(json.loads, lines)}
    assert rows["lite"]["cached"] is True
    clip = rows["open_clip:ViT-B-16-SigLIP/webli"]
    assert (clip["short"], clip["dim"], clip["cached"]) == ("clip", 768, False)
    assert clip["parameters"] == 203_200_000
    table = called("models").stdout
    assert "clip" in table and "Apache-2.0" in table and "open_clip, docs/" in table


def test_models_all_lists_every_name_of_open_clip() -> None:
    names = called("models", "--all").stdout.splitlines()
    assert "open_clip:ViT-B-32/laion2b_s34b_b79k" in names
    assert len(names) > 100


def test_a_closed_pipe_is_no_error(sample: Path) -> None:
    search = [sys.executable, "-m", "cmsearch", "search", "a cat", "--format", "json", "-k", "50"]
    command = f"{shlex.join(search)} | head -n 1"
    done = subprocess.run(
        command, shell=True, cwd=sample, capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["rank"] == 1
    assert done.stderr == ""


def test_a_search_with_lite_imports_no_torch(sample: Path) -> None:
    code = f"""
import sys, cmsearch
with cmsearch.open({str(sample)!r}) as engine:
    engine.search("a cat")
    engine.search(image={str(sample / "photos" / "raccoon.jpg")!r})
print(sorted({{"torch", "timm", "transformers", "open_clip", "onnx"}} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs root")
def test_a_store_that_cannot_be_written_is_searched(sample: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "readonly"
    mounted.mkdir()
    bind = subprocess.run(["mount", "--bind", "-o", "ro", sample, mounted], check=False)
    if bind.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", mounted], check=True)
        result = cmsearch("search", "a cat", "--for", "image", "-k", "1", cwd=mounted)
        assert "calico_kitten.jpg" in result.stdout
        failed = cmsearch("index", "--model", "lite", cwd=mounted)
        assert failed.returncode == 1 and "--store" in failed.stderr
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_the_figures_of_lite_on_coco159(coco159: Path) -> None:
    lines = called("eval", coco159, "--model", "lite", "--format", "json").stdout.splitlines()
    found = {line["direction"]: line for line in map(json.loads, lines)}
    floors = {"text→image": (0.39, 0.78, 0.88), "image→text": (0.42, 0.73, 0.84)}
    for direction, least in floors.items():
        recalls = [found[direction][f"recall@{k}"]["value"] for k in (1, 5, 10)]
        assert all(value >= floor for value, floor in zip(recalls, least, strict=True)), recalls


def test_filters_and_the_order_of_days(tmp_path: Path) -> None:
    from PIL import Image

    for name, day in (("old", "2001"), ("older", "1999"), ("new", "2020")):
        exif = Image.Exif()
        exif[0x0132] = f"{day}:06:01 12:00:00"
        Image.new("RGB", (8, 8), "red").save(tmp_path / f"{name}.jpg", exif=exif)
    assert called("index", tmp_path, "--model", "lite").returncode == 0
    found = called("search", "red", "--until", "2001-06-01", "--sort", "date", "--format", "json",
                     cwd=tmp_path)  # fmt: skip
    hits = [json.loads(line) for line in found.stdout.splitlines()]
    assert [Path(hit["path"]).name for hit in hits] == ["old.jpg", "older.jpg"]
    assert hits[0]["taken"] == "2001-06-01 12:00:00"
    none = called("search", "red", "--camera", "Leica", cwd=tmp_path)
    assert none.stdout == "" and "filters" in none.stderr and none.returncode == 0


def test_what_libraries_log_is_not_shown() -> None:
    """Such as where an interruption came upon one that was closing a connection."""
    code = """
import logging, sys
from cmsearch.cli import run
sys.argv = ["cmsearch", "models", "--help"]
run()
logging.getLogger("sqlalchemy.pool.impl.QueuePool").error("closing", exc_info=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b""
